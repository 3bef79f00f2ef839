import { EvegramError, type Clock } from '@evegram/protocol'
import {
  checkConsumer, checkEvent, EVENT_DEDUPE_MS, EVENT_DELIVERIES_MAX, EVENT_KEEP_MS, eventRetryMs, failureReason,
  type BusinessEvent, type ConsumeOptions, type DeadLetter, type EventHandler, type EventStream,
} from '../../event-stream.js'
import type { Logger } from '../../log.js'

/** Events kept at once; beyond it the publisher gets `limited.queue`. */
export const MEMORY_EVENTS_MAX = 65_536

interface Kept {
  readonly event: BusinessEvent
  readonly atMs: number
}

interface Waiting {
  readonly event: BusinessEvent
  attempt: number
}

interface Member {
  readonly handler: EventHandler
  readonly options: ConsumeOptions
  busy: Promise<void> | undefined
}

interface Group {
  readonly waiting: Waiting[]
  readonly members: Set<Member>
  readonly dead: DeadLetter[]
}

/** Events inside the process: services that share one object share the stream. What it holds ends with the process. */
export class MemoryEventBroker {
  readonly #clock: Clock
  readonly #log: Logger
  /** Id -> event, in the order in which they came. */
  readonly #kept = new Map<string, Kept>()
  readonly #groups = new Map<string, Group>()

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = options.clock
    this.#log = options.log
  }

  /** A connection of one service. */
  connect(): EventStream {
    return new MemoryEventStream(this)
  }

  /** Keeps an event. Throws `limited.queue`. */
  publish(event: BusinessEvent): 'stored' | 'duplicate' {
    const nowMs = this.#clock.monotonicMs()
    for (const [id, { atMs }] of this.#kept) {
      if (nowMs - atMs < EVENT_KEEP_MS) break
      this.#kept.delete(id)
    }
    const known = this.#kept.get(event.id)
    if (known !== undefined && nowMs - known.atMs < EVENT_DEDUPE_MS) return 'duplicate'
    if (this.#kept.size >= MEMORY_EVENTS_MAX) throw new EvegramError('limited.queue', { operation: 'publish event', details: { eventsMax: MEMORY_EVENTS_MAX } })
    this.#kept.delete(event.id)
    this.#kept.set(event.id, { event, atMs: nowMs })
    for (const group of this.#groups.values()) {
      group.waiting.push({ event, attempt: 1 })
      this.#plan(group)
    }
    return 'stored'
  }

  /** Adds a handler; returns it for removal. */
  join(consumer: string, handler: EventHandler, options: ConsumeOptions): Member {
    let group = this.#groups.get(consumer)
    if (group === undefined) {
      group = { waiting: [...this.#kept.values()].map(({ event }) => ({ event, attempt: 1 })), members: new Set(), dead: [] }
      this.#groups.set(consumer, group)
    }
    const member: Member = { handler, options, busy: undefined }
    group.members.add(member)
    this.#plan(group)
    return member
  }

  /** Removes a handler. Resolved = it does not run any more. */
  async leave(consumer: string, member: Member): Promise<void> {
    this.#groups.get(consumer)?.members.delete(member)
    await member.busy
  }

  /** Dead letters of a consumer, oldest first. */
  dead(consumer: string): readonly DeadLetter[] {
    return this.#groups.get(consumer)?.dead ?? []
  }

  /** Soon, but not at once: a handler never runs inside the call of somebody else. */
  #plan(group: Group): void {
    this.#clock.after(0, () => {
      for (const member of group.members) {
        if (member.busy !== undefined) continue
        const next = group.waiting.shift()
        if (next === undefined) return
        member.busy = this.#handle(group, member, next).finally(() => {
          member.busy = undefined
          this.#plan(group)
        })
      }
    })
  }

  async #handle(group: Group, { handler, options }: Member, { event, attempt }: Waiting): Promise<void> {
    try {
      await handler({ ...event, attempt })
    } catch (failure) {
      this.#log.warn({ err: failure, event: event.id, attempt }, 'an event could not be handled')
      if (attempt >= (options.deliveriesMax ?? EVENT_DELIVERIES_MAX)) {
        group.dead.push({ event, reason: failureReason(failure), attempts: attempt })
        if (group.dead.length > MEMORY_EVENTS_MAX) group.dead.shift()
        return
      }
      this.#clock.after(eventRetryMs(attempt, options.retryMs), () => {
        group.waiting.push({ event, attempt: attempt + 1 })
        this.#plan(group)
      })
    }
  }
}

class MemoryEventStream implements EventStream {
  readonly #broker: MemoryEventBroker
  readonly #ends = new Set<() => Promise<void>>()
  #closed = false

  constructor(broker: MemoryEventBroker) {
    this.#broker = broker
  }

  async publish(event: BusinessEvent): Promise<{ readonly status: 'stored' | 'duplicate' }> {
    this.#refuseWhenClosed('publish event')
    checkEvent(event)
    return { status: this.#broker.publish(event) }
  }

  async consume(consumer: string, handler: EventHandler, options: ConsumeOptions = {}): Promise<() => Promise<void>> {
    this.#refuseWhenClosed('consume events')
    checkConsumer(consumer)
    const member = this.#broker.join(consumer, handler, options)
    const end = async (): Promise<void> => {
      this.#ends.delete(end)
      await this.#broker.leave(consumer, member)
    }
    this.#ends.add(end)
    return end
  }

  async deadLetters(consumer: string, limit: number): Promise<readonly DeadLetter[]> {
    this.#refuseWhenClosed('read dead letters')
    return this.#broker.dead(consumer).slice(0, limit)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const end of [...this.#ends]) await end()
  }

  #refuseWhenClosed(operation: string): void {
    if (this.#closed) throw new EvegramError('unavailable.bus', { operation })
  }
}
