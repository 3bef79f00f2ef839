import type { Clock, DeviceId } from '@evegram/protocol'
import type { PushOutcome, PushSender } from '../ports/push-sender.js'

/** Pushes to one push service that wait, are sent or wait to be sent again. A setting names so many services at most, so that this bounds all of them. */
export const PUSHES_OF_SERVICE_MAX = 4_096
/** Pushes that one push service has to answer at a time. */
export const PUSHES_AT_ONCE = 8
/** Tries of one push. */
export const PUSH_TRIES_MAX = 4
/** Time before the second try; three times as long before each further one. */
export const PUSH_RETRY_MS = 2_000
/** A push that is older is given up: the message that caused it is not the last one. */
export const PUSH_AGE_MS_MAX = 300_000

/** One push on its way. */
interface Push {
  readonly device: DeviceId
  readonly endpoint: string
  readonly service: string
  readonly bornMonotonicMs: number
  tries: number
}

/** How a push ended. */
export type PushEnd = Exclude<PushOutcome['status'], 'later'> | 'given_up'

/** The pushes to one push service. */
interface Lane {
  /** Those whose turn comes, in order. */
  readonly waiting: Set<Push>
  running: number
  /** Those that wait, are sent or wait to be sent again. */
  queued: number
}

/** What the queue needs. */
export interface PushQueueParts {
  readonly clock: Clock
  readonly sender: PushSender
  /** Called once for each push that was taken, unless it was cancelled. */
  readonly ended: (push: { readonly device: DeviceId; readonly endpoint: string }, end: PushEnd, reason?: string) => void
}

/** Pushes on their way, a lane for each push service: what is slow or fails there holds up nobody else, nor takes the room of others. Bounded by number, tries and age. */
export class PushQueue {
  readonly #parts: PushQueueParts
  /** One for each push service that the setting names, once it was used. */
  readonly #lanes = new Map<string, Lane>()
  readonly #queued = new Map<DeviceId, Push>()
  #stopped = false

  constructor(parts: PushQueueParts) {
    this.#parts = parts
  }

  /** Pushes that are on their way. */
  get size(): number {
    return this.#queued.size
  }

  /** Pushes that are kept for their turn: never more than {@link PushQueue.size}. */
  get waiting(): number {
    let waiting = 0
    for (const lane of this.#lanes.values()) waiting += lane.waiting.size
    return waiting
  }

  /** Takes a push; `full` when its push service has too many. `service` is what {@link PushSender.accepts} said. */
  add(device: DeviceId, endpoint: string, service: string): 'queued' | 'full' {
    if (this.#stopped) return 'full'
    this.cancel(device)
    const lane = this.#laneOf(service)
    if (lane.queued >= PUSHES_OF_SERVICE_MAX) return 'full'
    const push: Push = { device, endpoint, service, bornMonotonicMs: this.#parts.clock.monotonicMs(), tries: 0 }
    this.#queued.set(device, push)
    lane.queued++
    lane.waiting.add(push)
    this.#run(lane)
    return 'queued'
  }

  /** The device connected: what is not sent yet is not needed. */
  cancel(device: DeviceId): void {
    const push = this.#queued.get(device)
    if (push !== undefined) this.#remove(push)
  }

  /** Forgets what waits. */
  stop(): void {
    this.#stopped = true
    this.#queued.clear()
    for (const lane of this.#lanes.values()) lane.waiting.clear()
  }

  #laneOf(service: string): Lane {
    const known = this.#lanes.get(service)
    if (known !== undefined) return known
    const lane: Lane = { waiting: new Set(), running: 0, queued: 0 }
    this.#lanes.set(service, lane)
    return lane
  }

  #remove(push: Push): void {
    this.#queued.delete(push.device)
    const lane = this.#laneOf(push.service)
    lane.queued--
    lane.waiting.delete(push)
  }

  #run(lane: Lane): void {
    for (const push of lane.waiting) {
      if (lane.running >= PUSHES_AT_ONCE) return
      lane.waiting.delete(push)
      lane.running++
      void this.#send(push).finally(() => {
        lane.running--
        this.#run(lane)
      })
    }
  }

  async #send(push: Push): Promise<void> {
    if (this.#isOld(push)) return this.#end(push, 'given_up')
    push.tries++
    const outcome = await this.#parts.sender.send(push.endpoint)
    switch (outcome.status) {
      case 'accepted':
      case 'gone': return this.#end(push, outcome.status)
      case 'refused': return this.#end(push, 'refused', outcome.reason)
      case 'later': return this.#later(push, outcome.afterMs)
      default: return outcome satisfies never
    }
  }

  #later(push: Push, afterMs = 0): void {
    if (!this.#stands(push)) return
    if (push.tries >= PUSH_TRIES_MAX) return this.#end(push, 'given_up')
    this.#parts.clock.after(Math.max(afterMs, PUSH_RETRY_MS * 3 ** (push.tries - 1)), () => {
      if (!this.#stands(push)) return
      const lane = this.#laneOf(push.service)
      lane.waiting.add(push)
      this.#run(lane)
    })
  }

  /** A push that was cancelled when it had gone out already still says whether its subscription has ended. */
  #end(push: Push, end: PushEnd, reason?: string): void {
    const stands = this.#stands(push)
    if (stands) this.#remove(push)
    if (!this.#stopped && (stands || end === 'gone')) this.#parts.ended(push, end, reason)
  }

  #stands(push: Push): boolean {
    return this.#queued.get(push.device) === push
  }

  #isOld({ bornMonotonicMs }: Push): boolean {
    return this.#parts.clock.monotonicMs() - bornMonotonicMs > PUSH_AGE_MS_MAX
  }
}
