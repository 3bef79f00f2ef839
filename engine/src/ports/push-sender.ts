/** What became of one try to send a push. */
export type PushOutcome =
  /** The push service took it. */
  | { readonly status: 'accepted' }
  /** The subscription has ended, for good. */
  | { readonly status: 'gone' }
  /** The same may work later, not before `afterMs` where the push service named a time. */
  | { readonly status: 'later'; readonly afterMs?: number }
  /** The same fails again: `reason` is for logs and names neither endpoint nor device. */
  | { readonly status: 'refused'; readonly reason: string }

/**
 * Sends wakes to push services. A push has no payload, and nothing in it is of a message, an account or a device. Nothing is sent but to the push services that
 * the operator named; no answer leads elsewhere.
 */
export interface PushSender {
  /**
   * The canonical form of an endpoint that this server sends to, and which push service it is at: what is slow there holds up nobody else. Undefined for any
   * other address.
   */
  accepts(endpoint: string): { readonly endpoint: string; readonly service: string } | undefined
  /** Sends one empty push; one that {@link PushSender.accepts} does not know is refused. Answers within a named time and never rejects. */
  send(endpoint: string): Promise<PushOutcome>
  /** Ends what is under way. */
  close(): void
}
