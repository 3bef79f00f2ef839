import { LIMITS, type Clock, type Timer } from '@evegram/protocol'
import { ANSWER_SILENCE_MS, PROBE_TIMEOUT_MS } from './connection.js'

/** No server may ask for a heartbeat more often than this. */
const HEARTBEAT_MS_MIN = 1_000

/** What {@link Liveness} needs. */
export interface LivenessOptions {
  readonly clock: Clock
  readonly heartbeatMs: number
  readonly ping: () => void
  /** Whether the server owes an answer. */
  readonly isOwed: () => boolean
  readonly onDead: () => void
}

/**
 * Keeps a quiet connection alive and finds a dead one. Pings when nothing was sent for half the heartbeat, or nothing was heard for
 * a whole one, or nothing for {@link ANSWER_SILENCE_MS} from a server that owes an answer; a connection on which nothing at all is
 * heard after a ping is dead, whatever the socket says. A server that is only slow to answer is heard all the same, and kept.
 */
export class Liveness {
  readonly #clock: Clock
  readonly #ping: () => void
  readonly #isOwed: () => boolean
  readonly #onDead: () => void
  readonly #beat: Timer
  #sentAtMs: number
  #heardAtMs: number
  #deadline: Timer | undefined
  #doubt: Timer | undefined

  constructor(options: LivenessOptions) {
    this.#clock = options.clock
    this.#ping = options.ping
    this.#isOwed = options.isOwed
    this.#onDead = options.onDead
    this.#sentAtMs = this.#heardAtMs = options.clock.monotonicMs()
    const heartbeatMs = Math.min(LIMITS.heartbeatMs, Math.max(HEARTBEAT_MS_MIN, options.heartbeatMs))
    this.#beat = options.clock.every(heartbeatMs / 2, () => {
      const now = this.#clock.monotonicMs()
      if (now - this.#sentAtMs >= heartbeatMs / 2 || now - this.#heardAtMs >= heartbeatMs) this.#check(LIMITS.requestTimeoutMs)
    })
  }

  /** Something was sent. */
  sent(): void {
    this.#sentAtMs = this.#clock.monotonicMs()
  }

  /** Something was heard: whatever was doubted, the connection lives. */
  heard(): void {
    this.#heardAtMs = this.#clock.monotonicMs()
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  /** A request was sent: its answer, or anything else, must be heard soon. */
  asked(): void {
    if (this.#doubt === undefined) this.#doubtAfter(ANSWER_SILENCE_MS, this.#clock.monotonicMs())
  }

  /** Pings now and allows {@link PROBE_TIMEOUT_MS} for a sign of life. */
  probe(): void {
    this.#deadline?.cancel()
    this.#deadline = undefined
    this.#check(PROBE_TIMEOUT_MS)
  }

  /** Stops looking. */
  close(): void {
    this.#beat.cancel()
    this.#deadline?.cancel()
    this.#doubt?.cancel()
  }

  /** Looks again after `delayMs`: silence counts from the last sign of the server, and from `fromMs` at the earliest. */
  #doubtAfter(delayMs: number, fromMs: number): void {
    this.#doubt = this.#clock.after(delayMs, () => {
      this.#doubt = undefined
      if (!this.#isOwed()) return
      const now = this.#clock.monotonicMs()
      const silentMs = now - Math.max(this.#heardAtMs, fromMs)
      if (silentMs < ANSWER_SILENCE_MS) {
        // Whole milliseconds: what is left of a clock with fractions may be too little to move it, and would be looked for without end.
        this.#doubtAfter(Math.ceil(ANSWER_SILENCE_MS - silentMs), fromMs)
        return
      }
      this.#doubtAfter(ANSWER_SILENCE_MS, now)
      this.probe()
    })
  }

  #check(allowedMs: number): void {
    this.#deadline ??= this.#clock.after(allowedMs, this.#onDead)
    this.#ping()
  }
}
