/**
 * Brings notices into the conversations in which people read them.
 *
 * - Resolved = durable: the notice is in the log of its account, and every device of it gets it, however long it was away.
 * - At least once is enough: a notice that is brought again, also by another process, is shown once, because its bytes say which it is.
 * - Order between notices is not promised and not needed: a notice names its place.
 * - Rejects what a repetition may mend (`unavailable.*`, `limited.queue`, `order.ahead`), and what an operator must (`denied.notices`: the other side does not know the key). Nothing is
 *   ever left out because of it.
 */
export interface NoticeSink {
  /** `notice`: encoded and signed, see `encodeAccountNotice` of the protocol. */
  append(notice: Uint8Array): Promise<void>
}
