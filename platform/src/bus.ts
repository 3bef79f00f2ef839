import { EvegramError } from '@evegram/protocol'

declare const subjectBrand: unique symbol

/**
 * The name of a stream of packets: 1 to 8 tokens joined by dots. Made by {@link subjectOf} only, so that no input can add a token or a
 * wildcard.
 */
export type Subject = string & { readonly [subjectBrand]: 'Subject' }

/** Tokens of one subject. */
export const SUBJECT_TOKENS_MAX = 8
/** Largest packet on the bus: the largest envelope with room for what nodes write around it. */
export const BUS_PACKET_BYTES_MAX = 1_048_576

/** Largest packet that may be offered: what is of no use a moment later is small. */
export const OFFERED_BYTES_MAX = 4_096

const TOKEN_PATTERN = /^[A-Za-z0-9_-]{1,64}$/

/** A subject of tokens of 1-64 letters, digits, `_` and `-`. Throws `invalid.argument` for anything else. */
export function subjectOf(...tokens: readonly string[]): Subject {
  if (tokens.length < 1 || tokens.length > SUBJECT_TOKENS_MAX || !tokens.every((token) => TOKEN_PATTERN.test(token))) {
    throw new EvegramError('invalid.argument', { operation: 'build subject' })
  }
  return tokens.join('.') as Subject
}

/**
 * Packets between nodes, at most once, never stored.
 *
 * - Order: packets that one Bus publishes to one subject reach each subscription in that order. Nothing is promised across
 *   subjects or publishers.
 * - Loss: a packet reaches every subscription that existed when it was handed over, except when a connection breaks or a
 *   subscriber is too slow; callers that need more number their packets and ask again. A packet never arrives twice.
 * - Delivery is asynchronous: a handler never runs inside `publish` or `subscribe`. A publisher receives its own packets if it subscribed.
 * - Bytes belong to the bus once published: neither side changes them.
 */
export interface Bus {
  /**
   * Hands over a packet. Throws `limited.queue` when a bounded queue is full, `too_large.request`, `unavailable.bus` once closed; then
   * nobody gets it.
   */
  publish(subject: Subject, bytes: Uint8Array): void
  /**
   * Offers a packet that nobody misses: at most once, in no order, not even among themselves, never waited for, and shed first. `shed`: nobody gets it,
   * because the bus is away or closed, or more waits in it already than a small part of what `publish` may queue, or it is larger than
   * {@link OFFERED_BYTES_MAX}. `offered` promises nothing. Never throws, and never makes `publish` refuse or `flush` reject. Packets that are offered go
   * on subjects of their own: what is published there may be numbered, and must not be mixed with what may be lost.
   */
  offer(subject: Subject, bytes: Uint8Array): 'offered' | 'shed'
  /** Resolved = everything that this Bus published and subscribed before has reached the broker. Rejects `unavailable.bus`. */
  flush(): Promise<void>
  /**
   * Calls `handler` for each packet published after the next `flush` resolved (earlier ones perhaps). Returns the end of the
   * subscription: no call after it.
   */
  subscribe(subject: Subject, handler: (bytes: Uint8Array) => void): () => void
  /** Ends all subscriptions. Resolved = no handler runs any more. */
  close(): Promise<void>
}
