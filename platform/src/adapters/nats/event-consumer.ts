import { sleep, type Clock } from '@evegram/protocol'
import { AckPolicy, DeliverPolicy, nanos, type Consumer, type JetStreamClient, type JetStreamManager, type JsMsg } from 'nats'
import {
  EVENT_DELIVERIES_MAX, eventRetryMs, failureReason, type ConsumeOptions, type DeadLetter, type DeliveredEvent, type EventHandler,
} from '../../event-stream.js'
import type { Logger } from '../../log.js'
import { BACKOFF_MAX_MS } from '../backoff.js'
import { deadHeadersOf, eventOf } from './event-message.js'
import { codeOf, type EventStreamNames } from './event-streams.js'
import type { EventMetrics } from './metrics.js'

/** An event whose process died comes again after this; a handler that runs longer says so in time. */
const ACK_WAIT_MS = 30_000
/** Longest wait of one question for the next event: the driver takes no less than a second. */
const NEXT_MS = 1_000
/** Events of one consumer that are with its processes at once. */
const IN_FLIGHT_MAX = 256
const CONSUMER_EXISTS = new Set([10105, 10148])

/** What {@link EventConsumer} needs. */
export interface EventConsumerParts {
  readonly jetstream: JetStreamClient
  readonly manager: JetStreamManager
  readonly names: EventStreamNames
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: EventMetrics
  readonly consumer: string
  readonly handler: EventHandler
  readonly options: ConsumeOptions
}

/** One process of a durable consumer: takes events one by one, so that none waits here while its time runs out. */
export class EventConsumer {
  readonly #parts: EventConsumerParts
  #stopped = false
  #ended: Promise<void> = Promise.resolve()

  constructor(parts: EventConsumerParts) {
    this.#parts = parts
  }

  /** Makes the durable consumer if it is not there, and begins. */
  async start(): Promise<void> {
    const source = await this.#open()
    this.#ended = this.#run(source)
  }

  /** Resolved = the handler does not run any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
  }

  async #open(): Promise<Consumer> {
    const { manager, jetstream, names, consumer } = this.#parts
    try {
      await manager.consumers.add(names.events, {
        durable_name: consumer, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All, ack_wait: nanos(ACK_WAIT_MS), max_ack_pending: IN_FLIGHT_MAX,
        // Counted here: an event that the server gave up would be lost in silence.
        max_deliver: -1,
      })
    } catch (failure) {
      if (!CONSUMER_EXISTS.has(codeOf(failure))) throw failure
    }
    return jetstream.consumers.get(names.events, consumer)
  }

  async #run(first: Consumer): Promise<void> {
    const { clock, log, consumer } = this.#parts
    let source: Consumer | undefined = first
    while (!this.#stopped) {
      try {
        source ??= await this.#open()
        const message = await source.next({ expires: NEXT_MS })
        if (message === null) continue
        if (this.#stopped) message.nak()
        else await this.#handle(message)
      } catch (failure) {
        if (this.#stopped) return
        // The connection comes back by itself; a consumer that was removed is made again.
        source = undefined
        log.warn({ err: failure, consumer }, 'events cannot be read: trying again')
        await sleep(clock, BACKOFF_MAX_MS)
      }
    }
  }

  async #handle(message: JsMsg): Promise<void> {
    const { log, metrics, names, consumer, options } = this.#parts
    const event = eventOf(message, names.eventSubjects)
    const attempt = message.info.deliveryCount
    const deliveriesMax = options.deliveriesMax ?? EVENT_DELIVERIES_MAX
    // Given out often enough and never answered for: its handler takes the process with it.
    if (attempt > deliveriesMax) return this.#bury(message, { event, reason: 'no outcome', attempts: deliveriesMax })
    const failure = await this.#attempted({ ...event, attempt }, message)
    if (failure === undefined) {
      // Without this answer the event comes again, and its handler recognises it.
      await message.ackAck()
      metrics.handled.add(1, { consumer })
      return
    }
    metrics.failures.add(1, { consumer })
    log.warn({ err: failure.cause, consumer, event: event.id, attempt }, 'an event could not be handled')
    if (attempt >= deliveriesMax) await this.#bury(message, { event, reason: failureReason(failure.cause), attempts: attempt })
    else message.nak(eventRetryMs(attempt, options.retryMs))
  }

  /** Runs the handler and tells the server meanwhile that it does. Answers with its failure. */
  async #attempted(event: DeliveredEvent, message: JsMsg): Promise<{ readonly cause: unknown } | undefined> {
    const alive = this.#parts.clock.every(ACK_WAIT_MS / 3, () => { message.working() })
    try {
      await this.#parts.handler(event)
      return undefined
    } catch (cause) {
      return { cause }
    } finally {
      alive.cancel()
    }
  }

  /** Stored among the dead letters first: what fails between comes again and is recognised by its number. */
  async #bury(message: JsMsg, letter: DeadLetter): Promise<void> {
    const { jetstream, names, consumer, metrics, log } = this.#parts
    await jetstream.publish(`${names.deadSubjects}${consumer}`, letter.event.bytes, { msgID: `${consumer}.${String(message.seq)}`, headers: deadHeadersOf(letter) })
    message.term(letter.reason)
    metrics.dead.add(1, { consumer })
    log.error({ consumer, event: letter.event.id, reason: letter.reason }, 'an event was put to the dead letters')
  }
}
