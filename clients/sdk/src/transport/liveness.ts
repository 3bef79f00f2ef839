import { LIMITS, type Clock, type Timer } from '@evegram/protocol'
import { PROBE_TIMEOUT_MS } from './connection.js'

/** No server may ask for a heartbeat more often than this. */
const HEARTBEAT_MS_MIN = 1_000

/**
 * Keeps a quiet connection alive and finds a dead one. Pings when nothing was sent for half the heartbeat, or nothing was heard for
 * a whole one; a connection on which nothing at all is heard after a ping is dead, whatever the socket says.
 */
export class Liveness {
  readonly #clock: Clock
  readonly #ping: () => void
  readonly #onDead: () => void
  readonly #beat: Timer
  #sentAtMs: number
  #heardAtMs: number
  #deadline: Timer | undefined

  constructor(options: { readonly clock: Clock; readonly heartbeatMs: number; readonly ping: () => void; readonly onDead: () => void }) {
    this.#clock = options.clock
    this.#ping = options.ping
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
  }

  #check(allowedMs: number): void {
    this.#deadline ??= this.#clock.after(allowedMs, this.#onDead)
    this.#ping()
  }
}
