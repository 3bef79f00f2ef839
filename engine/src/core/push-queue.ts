import type { Clock, DeviceId } from '@evegram/protocol'
import type { PushOutcome, PushSender } from '../ports/push-sender.js'

/** Pushes that wait, are sent or wait to be sent again. */
export const PUSHES_QUEUED_MAX = 10_000
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

interface Lane {
  readonly waiting: Push[]
  running: number
}

/** What the queue needs. */
export interface PushQueueParts {
  readonly clock: Clock
  readonly sender: PushSender
  /** Called once for each push that was taken, unless it was cancelled. */
  readonly ended: (push: { readonly device: DeviceId; readonly endpoint: string }, end: PushEnd, reason?: string) => void
}

/** Pushes on their way, a lane for each push service: what is slow or fails there holds up nobody else. Bounded by number, tries and age. */
export class PushQueue {
  readonly #parts: PushQueueParts
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

  /** Takes a push; `full` when there are too many. `service` is what {@link PushSender.accepts} said. */
  add(device: DeviceId, endpoint: string, service: string): 'queued' | 'full' {
    if (this.#stopped || this.#queued.size >= PUSHES_QUEUED_MAX) return 'full'
    this.cancel(device)
    const push: Push = { device, endpoint, service, bornMonotonicMs: this.#parts.clock.monotonicMs(), tries: 0 }
    this.#queued.set(device, push)
    this.#enter(push)
    return 'queued'
  }

  /** The device connected: what is not sent yet is not needed. */
  cancel(device: DeviceId): void {
    this.#queued.delete(device)
  }

  /** Forgets what waits. */
  stop(): void {
    this.#stopped = true
    this.#queued.clear()
    this.#lanes.clear()
  }

  #enter(push: Push): void {
    let lane = this.#lanes.get(push.service)
    if (lane === undefined) this.#lanes.set(push.service, lane = { waiting: [], running: 0 })
    lane.waiting.push(push)
    this.#run(push.service, lane)
  }

  #run(service: string, lane: Lane): void {
    while (lane.running < PUSHES_AT_ONCE) {
      const push = lane.waiting.shift()
      if (push === undefined) {
        if (lane.running === 0) this.#lanes.delete(service)
        return
      }
      if (!this.#stands(push)) continue
      lane.running++
      void this.#send(push).finally(() => {
        lane.running--
        this.#run(service, lane)
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
    this.#parts.clock.after(Math.max(afterMs, PUSH_RETRY_MS * 3 ** (push.tries - 1)), () => { if (this.#stands(push)) this.#enter(push) })
  }

  /** A push that was cancelled when it had gone out already still says whether its subscription has ended. */
  #end(push: Push, end: PushEnd, reason?: string): void {
    const stands = this.#stands(push)
    if (stands) this.#queued.delete(push.device)
    if (!this.#stopped && (stands || end === 'gone')) this.#parts.ended(push, end, reason)
  }

  #stands(push: Push): boolean {
    return this.#queued.get(push.device) === push
  }

  #isOld({ bornMonotonicMs }: Push): boolean {
    return this.#parts.clock.monotonicMs() - bornMonotonicMs > PUSH_AGE_MS_MAX
  }
}
