import { EvegramError } from '@evegram/protocol'
import type { Subject } from './bus.js'

/** Largest body of an event. */
export const EVENT_BYTES_MAX = 262_144
/** Headers of one event, and characters of a value. */
export const EVENT_HEADERS_MAX = 16
const HEADER_CHARACTERS_MAX = 256
/** How long an event is kept, whoever read it. */
export const EVENT_KEEP_MS = 7 * 86_400_000
/** How long the id of an event is remembered, so that it is stored once. */
export const EVENT_DEDUPE_MS = 120_000
/** How often an event is given to a handler before it goes to the dead letters. */
export const EVENT_DELIVERIES_MAX = 5
/** Wait before an event whose handler failed comes again; doubles each time. */
export const EVENT_RETRY_MS = 1_000
/** Longest such wait. */
export const EVENT_RETRY_MAX_MS = 60_000

const ID_PATTERN = /^[A-Za-z0-9_.:-]{1,128}$/
const HEADER_NAME_PATTERN = /^[a-z][a-z0-9-]{0,63}$/
const HEADER_VALUE_PATTERN = /^[\x20-\x7e]*$/
const CONSUMER_PATTERN = /^[A-Za-z0-9_-]{1,64}$/

/** Something that happened, told to other services. Its truth is in the store of who publishes it. */
export interface BusinessEvent {
  /** 1 to 128 letters, digits, `_`, `.`, `:` and `-`: the same for the same happening, whoever publishes it again. */
  readonly id: string
  readonly subject: Subject
  readonly bytes: Uint8Array
  /** Names in lower case, values in printable ASCII. */
  readonly headers: Readonly<Record<string, string>>
}

/** An event as a handler gets it. */
export interface DeliveredEvent extends BusinessEvent {
  /** How often it was given to a handler of this consumer, this time included. */
  readonly attempt: number
}

/** An event that a consumer could not handle. */
export interface DeadLetter {
  readonly event: BusinessEvent
  /** The code of the last failure, or what is known of it. */
  readonly reason: string
  /** Attempts until it was given up. */
  readonly attempts: number
}

/** How a consumer is treated; each field has a default above. */
export interface ConsumeOptions {
  readonly deliveriesMax?: number
  readonly retryMs?: number
}

/** A handler. Rejecting means: give it to me again. */
export type EventHandler = (event: DeliveredEvent) => Promise<void>

/**
 * Events between services, kept for {@link EVENT_KEEP_MS}.
 *
 * - Stored once: an id that was stored within {@link EVENT_DEDUPE_MS} is answered `duplicate`.
 * - At least once: a consumer gets every event that was kept when it was first named or came later, until its handler resolved once. Handlers recognise
 *   repetitions by the id.
 * - Order: of one publisher's awaited publishes, first attempts come in their order; repetitions come behind others.
 * - Handlers of one consumer, in whatever process, share its events; consumers of other names get them all as well.
 * - An event that was given {@link EVENT_DELIVERIES_MAX} times without success goes to the dead letters of that consumer, with the reason.
 */
export interface EventStream {
  /** Resolved = the broker keeps it. Rejects `unavailable.bus` (it may have been stored: publish it again), `too_large.request`, `limited.queue`, `invalid.argument`. */
  publish(event: BusinessEvent): Promise<{ readonly status: 'stored' | 'duplicate' }>
  /**
   * Gives events to `handler`, one at a time. `consumer`: 1 to 64 letters, digits, `_` and `-`. Returns the end of it, which resolves when the handler does
   * not run any more; what is left waits for the next of that name. Rejects `unavailable.bus`, `invalid.argument`.
   */
  consume(consumer: string, handler: EventHandler, options?: ConsumeOptions): Promise<() => Promise<void>>
  /** The oldest dead letters of a consumer, up to `limit`. Rejects `unavailable.bus`. */
  deadLetters(consumer: string, limit: number): Promise<readonly DeadLetter[]>
  /** Ends all consuming. Resolved = no handler runs any more. */
  close(): Promise<void>
}

/** Throws `invalid.argument` or `too_large.request` for an event that no adapter takes. */
export function checkEvent(event: BusinessEvent): void {
  if (event.bytes.length > EVENT_BYTES_MAX) {
    throw new EvegramError('too_large.request', { operation: 'publish event', details: { bytesMax: EVENT_BYTES_MAX } })
  }
  const headers = Object.entries(event.headers)
  const fits = ([name, value]: readonly [string, string]): boolean =>
    HEADER_NAME_PATTERN.test(name) && value.length <= HEADER_CHARACTERS_MAX && HEADER_VALUE_PATTERN.test(value)
  if (!ID_PATTERN.test(event.id) || headers.length > EVENT_HEADERS_MAX || !headers.every(fits)) {
    throw new EvegramError('invalid.argument', { operation: 'publish event' })
  }
}

/** Throws `invalid.argument` for a name that no adapter takes. */
export function checkConsumer(consumer: string): void {
  if (!CONSUMER_PATTERN.test(consumer)) throw new EvegramError('invalid.argument', { operation: 'consume events' })
}

/** Wait before attempt `attempt` + 1. */
export function eventRetryMs(attempt: number, retryMs: number = EVENT_RETRY_MS): number {
  return Math.min(EVENT_RETRY_MAX_MS, retryMs * 2 ** Math.min(attempt - 1, 16))
}

/** What a dead letter says of a failure: its code, or its kind. Messages may hold user data. */
export function failureReason(failure: unknown): string {
  if (failure instanceof EvegramError) return failure.code
  return failure instanceof Error ? failure.name : 'unknown'
}
