import type { Logger } from '@evegram/platform'
import type { Clock, DeviceId } from '@evegram/protocol'
import type { PushClaims } from '../ports/push-claims.js'

/** Devices whose claims are ended at a time: what a store of claims is asked in a storm of connections, whatever their number. */
export const CLAIM_ENDS_AT_ONCE = 64
/** Devices that wait for that. */
export const CLAIM_ENDS_WAITING_MAX = 65_536
/** Time before a store that did not answer is asked again. */
export const CLAIM_ENDS_RETRY_MS = 5_000

/** What {@link ClaimEnds} needs. */
export interface ClaimEndsParts {
  readonly clock: Clock
  readonly claims: Pick<PushClaims, 'rest'>
  /** Least time between two wakes of one device. */
  readonly restMs: number
  /** A device for which there is no room: it stays claimed until its claim ends by itself. */
  readonly onShed: () => void
  readonly log: Logger
}

/** Ends the claims of devices that connected: so many at a time, each until it succeeded once since it was named last. */
export class ClaimEnds {
  readonly #parts: ClaimEndsParts
  readonly #waiting = new Set<DeviceId>()
  readonly #running = new Set<DeviceId>()
  #pause: { cancel(): void } | undefined
  #stopped = false

  constructor(parts: ClaimEndsParts) {
    this.#parts = parts
  }

  /** Devices whose claim is to be ended and is not being ended now. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Ends the claim of a device as soon as it is its turn. */
  add(device: DeviceId): void {
    if (this.#stopped) return
    if (this.#waiting.size >= CLAIM_ENDS_WAITING_MAX && !this.#waiting.has(device)) return this.#parts.onShed()
    this.#waiting.add(device)
    this.#run()
  }

  /** Forgets those that wait. */
  stop(): void {
    this.#stopped = true
    this.#pause?.cancel()
    this.#waiting.clear()
  }

  #run(): void {
    if (this.#pause !== undefined) return
    for (const device of this.#waiting) {
      if (this.#running.size >= CLAIM_ENDS_AT_ONCE) return
      // One that connected again meanwhile takes its turn behind the answer.
      if (this.#running.has(device)) continue
      this.#waiting.delete(device)
      this.#running.add(device)
      void this.#end(device)
    }
  }

  /** Never rejects. */
  async #end(device: DeviceId): Promise<void> {
    const { claims, clock, restMs, log } = this.#parts
    try {
      await claims.rest(device, restMs)
    } catch (failure) {
      if (this.#stopped) return
      log.debug({ err: failure }, 'that a device connected could not be noted: tried again')
      this.#pause ??= clock.after(CLAIM_ENDS_RETRY_MS, () => {
        this.#pause = undefined
        this.#run()
      })
      this.add(device)
    } finally {
      this.#running.delete(device)
      this.#run()
    }
  }
}
