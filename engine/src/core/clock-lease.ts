import { withDeadline } from '@evegram/platform'
import { LIMITS, type Clock, type Timer } from '@evegram/protocol'
import type { NodeRegistry } from '../ports/node-registry.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'

/** Life of a confirmation: the clock may be relied on for this long after it was compared. */
export const LEASE_MS = 1_000
/** Interval of comparisons. */
const LEASE_RENEW_MS = 500
/** A gap between two turns of the event loop above this voids the lease: the process may have been suspended. */
export const LOOP_GAP_MS_MAX = 500
/**
 * A wall clock that went further than the monotonic one by more than this voids the lease too: the machine may have slept, or its hypervisor
 * paused it, and the monotonic clock of such a machine stands still meanwhile. A clock that is set costs one comparison.
 */
export const SLEEP_MS_MAX = 500
/** Interval of the beats that show such a gap. */
const BEAT_MS = 100

/** What the lease needs. */
export interface ClockLeaseParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly registry: NodeRegistry
  readonly metrics: EngineMetrics
}

/**
 * Whether this node's clock may be relied on (rule 2): within the last second the store agreed with it within `maxSkewMs`, and the
 * event loop had no long gap since. Each renewal also says that the node is up, so a node that peers believe gone cannot acknowledge.
 */
export class ClockLease {
  readonly #parts: ClockLeaseParts
  #confirmedMonotonicMs = Number.NEGATIVE_INFINITY
  #agreedMonotonicMs = Number.NEGATIVE_INFINITY
  #beatMonotonicMs: number
  /** How far the wall clock was ahead of the monotonic one at the last beat, in ms. */
  #beatWallAheadMs: number
  #renewal: Promise<boolean> | undefined
  #timers: Timer[] = []

  constructor(parts: ClockLeaseParts) {
    this.#parts = parts
    this.#beatMonotonicMs = parts.clock.monotonicMs()
    this.#beatWallAheadMs = parts.clock.now() - this.#beatMonotonicMs
  }

  /** Renews from now on, until {@link stop}. */
  start(): void {
    const { clock } = this.#parts
    this.#beatMonotonicMs = clock.monotonicMs()
    this.#beatWallAheadMs = clock.now() - this.#beatMonotonicMs
    this.#timers = [
      clock.every(BEAT_MS, () => { this.#beat() }),
      clock.every(LEASE_RENEW_MS, () => { void this.#renew() }),
    ]
  }

  /** Ends the renewals. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
  }

  /** Whether the lease is held right now. */
  held(): boolean {
    const nowMs = this.#parts.clock.monotonicMs()
    return nowMs - this.#confirmedMonotonicMs <= LEASE_MS && !this.#stoodStill(nowMs)
  }

  /** Whether the clocks agreed within the last two seconds, whatever the event loop did since: for readiness. */
  confirmed(): boolean {
    return this.#parts.clock.monotonicMs() - this.#agreedMonotonicMs <= 2 * LEASE_MS
  }

  /** True when the lease is held, if need be after one fresh comparison; false when that failed or disagreed. Takes at most {@link LEASE_MS}. */
  async acquire(): Promise<boolean> {
    if (this.held()) return true
    this.#beat()
    // A comparison under way may have begun before the gap: its answer says nothing about the time since.
    if (this.#renewal !== undefined) await this.#renewal
    return this.held() || await this.#renew()
  }

  #beat(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    if (this.#stoodStill(nowMs)) {
      this.#confirmedMonotonicMs = Number.NEGATIVE_INFINITY
      this.#parts.metrics.loopGaps.add()
    }
    this.#beatMonotonicMs = nowMs
    this.#beatWallAheadMs = this.#parts.clock.now() - nowMs
  }

  /** Whether the process did not run for a while since the last beat, by either clock. */
  #stoodStill(nowMs: number): boolean {
    return nowMs - this.#beatMonotonicMs > LOOP_GAP_MS_MAX || this.#parts.clock.now() - nowMs - this.#beatWallAheadMs > SLEEP_MS_MAX
  }

  #renew(): Promise<boolean> {
    this.#renewal ??= this.#compare().finally(() => { this.#renewal = undefined })
    return this.#renewal
  }

  async #compare(): Promise<boolean> {
    const { clock, positions, registry, metrics } = this.#parts
    const startedMonotonicMs = clock.monotonicMs()
    let referenceMs: number
    let sentMs = 0
    try {
      referenceMs = await withDeadline(clock, LEASE_MS, 'compare clocks', async () => {
        await registry.heartbeat(positions.incarnation)
        sentMs = positions.nowMs()
        return registry.referenceMs()
      }, () => { metrics.leaseFailures.add() })
    } catch {
      // A store that does not answer is counted; the lease runs out by itself, which readiness shows.
      metrics.leaseFailures.add()
      return false
    }
    const receivedMs = positions.nowMs()
    const offsetMs = referenceMs - (sentMs + receivedMs) / 2
    const uncertaintyMs = (receivedMs - sentMs) / 2
    const jumpedMs = positions.discipline(offsetMs)
    if (jumpedMs > 0) metrics.clockJumps.add()
    metrics.clockOffsetMs.set(offsetMs)
    if (jumpedMs === 0 && Math.abs(offsetMs) + uncertaintyMs > LIMITS.maxSkewMs) {
      metrics.leaseFailures.add()
      return false
    }
    // The comparison counts from before it was asked for: what happened to this process meanwhile is inside it.
    this.#agreedMonotonicMs = startedMonotonicMs
    this.#confirmedMonotonicMs = startedMonotonicMs
    this.#beat()
    return this.held()
  }
}
