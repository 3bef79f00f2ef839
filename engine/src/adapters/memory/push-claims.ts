import type { Clock, DeviceId } from '@evegram/protocol'
import type { PushClaim, PushClaims } from '../../ports/push-claims.js'

/** Devices that are remembered; beyond it the one that was claimed longest ago is forgotten, and may be woken once more. */
const DEVICES_MAX = 262_144

interface Held {
  state: 'claimed' | 'woken' | 'resting'
  untilMs: number
}

/** Claims in memory: those of a standalone server, and of the nodes of a test cluster. */
export class MemoryPushClaims implements PushClaims {
  readonly #clock: Clock
  readonly #held = new Map<DeviceId, Held>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async claim(device: DeviceId, leaseMs: number): Promise<PushClaim> {
    const standing = this.#standing(device)
    if (standing?.state === 'resting') return { status: 'resting', forMs: standing.untilMs - this.#clock.monotonicMs() }
    if (standing !== undefined) return { status: 'taken' }
    this.#held.set(device, { state: 'claimed', untilMs: this.#clock.monotonicMs() + leaseMs })
    if (this.#held.size > DEVICES_MAX) for (const [oldest] of this.#held) {
      this.#held.delete(oldest)
      break
    }
    return { status: 'claimed' }
  }

  async woken(device: DeviceId, ttlMs: number): Promise<void> {
    const standing = this.#standing(device)
    if (standing?.state !== 'claimed') return
    standing.state = 'woken'
    standing.untilMs = this.#clock.monotonicMs() + ttlMs
  }

  async rest(device: DeviceId, restMs: number): Promise<void> {
    const standing = this.#standing(device)
    if (standing === undefined || standing.state === 'resting') return
    standing.state = 'resting'
    standing.untilMs = this.#clock.monotonicMs() + restMs
  }

  #standing(device: DeviceId): Held | undefined {
    const held = this.#held.get(device)
    if (held === undefined || held.untilMs > this.#clock.monotonicMs()) return held
    this.#held.delete(device)
    return undefined
  }
}
