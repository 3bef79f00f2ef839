import type { Logger } from '@evegram/platform'
import { LIMITS, type Timer, type Clock } from '@evegram/protocol'
import type { ChannelLog } from '../ports/channel-log.js'
import type { EnvelopeLog } from '../ports/envelope-log.js'
import type { ClockLease } from './clock-lease.js'
import type { PositionClock } from './position-clock.js'

/** Interval between looks for envelopes and posts that are older than the retention. */
export const RETENTION_INTERVAL_MS = 600_000
/** Pause between two steps of one look, so that sends come in between. */
const STEP_PAUSE_MS = 50
/** Steps of one look; what is left waits for the next. */
const STEPS_MAX = 2_000

/** Deletes what is older than the retention, a little at a time. */
export class Retention {
  readonly #clock: Clock
  readonly #positions: Pick<PositionClock, 'nowMs'>
  readonly #clockLease: Pick<ClockLease, 'acquire'>
  readonly #logs: readonly Pick<EnvelopeLog | ChannelLog, 'trim'>[]
  readonly #logger: Logger
  #timer: Timer | undefined
  #running = false
  #stopped = false

  constructor(parts: {
    readonly clock: Clock
    readonly positions: Pick<PositionClock, 'nowMs'>
    readonly clockLease: Pick<ClockLease, 'acquire'>
    readonly logs: readonly Pick<EnvelopeLog | ChannelLog, 'trim'>[]
    readonly logger: Logger
  }) {
    this.#clock = parts.clock
    this.#positions = parts.positions
    this.#clockLease = parts.clockLease
    this.#logs = parts.logs
    this.#logger = parts.logger
  }

  /** Looks now and from time to time, until {@link stop}. */
  start(): void {
    this.#timer = this.#clock.every(RETENTION_INTERVAL_MS, () => { void this.look() })
    void this.look()
  }

  /** Ends the looks; one under way ends after its step. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Deletes what is too old now. Never rejects: what could not be deleted is tried again at the next look. */
  async look(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      // Never by a clock that nobody agrees with: one that was set a month ahead would delete everything.
      if (!await this.#clockLease.acquire()) return
      const beforeMs = Math.floor(this.#positions.nowMs()) - LIMITS.retentionMs
      for (const log of this.#logs) {
        for (let step = 0; step < STEPS_MAX && !this.#stopped && await log.trim(beforeMs) > 0; step++) {
          await new Promise<void>((resolve) => { this.#clock.after(STEP_PAUSE_MS, resolve) })
        }
      }
    } catch (cause) {
      this.#logger.warn({ err: cause }, 'what is older than the retention could not be deleted')
    } finally {
      this.#running = false
    }
  }
}
