import type { ConversationKind } from '../plan/cast.js'

/** What one member has to know of a conversation that another one made: structured-clone data, so that it crosses processes. */
export type Handle = Readonly<Record<string, unknown>>

/** What happens to a connected client. */
export interface ClientEvents {
  /** A payload came. The bytes are valid during the call alone. */
  delivered(payload: Uint8Array): void
  /** The connection ended, and the run did not ask for it. */
  closed(reason: string): void
}

/** What happens to the messages that one client sends into one conversation. `token` is what was given with the message. */
export interface SendEvents {
  /** The system took it; what that promises is the driver's {@link DriverFacts.acknowledges}. */
  acknowledged(token: number): void
  /** The system, or a bounded queue before it, did not take it. Nobody has to get it. */
  refused(token: number, reason: string): void
}

/** One client in one conversation. */
export interface DriverConversation {
  /** Sends a copy of `payload` now, or behind what waits already. Never throws; everything that goes wrong is an event. */
  send(payload: Uint8Array, token: number): void
}

/** A connected client. */
export interface DriverClient {
  /** Makes a conversation of this client with `others` (their {@link Driver.addressOf}; none for a channel). Resolves when it is there. */
  found(kind: ConversationKind, others: readonly Handle[]): Promise<Handle>
  /** Takes part: when it resolves, everything that is sent from then on comes to this client. */
  join(kind: ConversationKind, handle: Handle, events: SendEvents): Promise<DriverConversation>
  /** Ends the connection; no events follow. */
  close(): void
}

/** What a driver says of its system. */
export interface DriverFacts {
  readonly name: string
  readonly summary: string
  /** What an acknowledgement means: on the disk, in the memory of the server; `nothing`: there are none. */
  readonly acknowledges: 'durable' | 'memory' | 'nothing'
  readonly kinds: readonly ConversationKind[]
}

/** The clients of one worker process on one system. A contract suite (`driver.contract.ts`) says what every driver does. */
export interface Driver {
  readonly facts: DriverFacts
  /** Makes `count` clients known to the system; `onEnrolled` hears how many are. Called once, first. */
  enrol(count: number, onEnrolled: (count: number) => void): Promise<void>
  /** How others address client `index` when they make a conversation with it. Throws RangeError for one that was not enrolled. */
  addressOf(index: number): Handle
  /** Connects client `index`. Resolves when it can send and is sent to. */
  connect(index: number, events: ClientEvents): Promise<DriverClient>
  /** Ends what the driver itself holds. Clients are closed before. */
  close(): Promise<void>
}
