import type { ClientEvents, DriverConversation, SendEvents } from './driver.js'

/** Where a message goes: to one client, or to everybody else in a topic. Numbers are unique in a run. */
export interface Destination {
  readonly kind: 'client' | 'topic'
  readonly number: number
}

/** One connected client of a peer, in the words of the peer's protocol. */
export interface PeerWire {
  /**
   * Resolves when everything that others publish in the topic from then on comes to this client; its own messages never do. A client that `publishesOnly`
   * need not hear anything.
   */
  subscribe(topic: number, publishesOnly: boolean): Promise<void>
  /** A way to send; `events` are told as {@link DriverConversation} promises. */
  conversation(to: Destination, events: SendEvents): DriverConversation
  /** Ends the connection; no events follow. */
  close(): void
}

/** How a wire is opened. */
export interface WireOptions {
  /** Address of the peer. */
  readonly address: string
  /** Number of this client. */
  readonly id: number
  readonly events: ClientEvents
}

/** Connects a client. Resolves when it can send and is sent to; rejects when the peer refuses it. */
export type OpenWire = (options: WireOptions) => Promise<PeerWire>
