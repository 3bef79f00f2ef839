import type {
  AccountId, CatchUp, ChannelHead, ChannelPage, CloseAdvice, ConversationId, Delivery, EvegramError, Failure, GroupPage, Notice, Opened, Page, Position,
  MemberSignal, Read, ReadChannel, ReadGroup, Signalled, Welcome,
} from '@evegram/protocol'

/** What the server sends on its own, in the order it was received. */
export type ConnectionEvent =
  /** One to {@link DELIVERY_BATCH_MAX} deliveries that followed each other, to be committed together or one by one. */
  | { readonly type: 'deliver'; readonly deliveries: readonly Delivery[] }
  /** The answer to {@link Connection.catchUp}. The consumer asks for the next page, or waits for `synced`. */
  | { readonly type: 'page'; readonly page: Page }
  /** Everything for this device at positions <= `cursorMs` came before this event. */
  | { readonly type: 'synced'; readonly cursorMs: number }
  | { readonly type: 'notice'; readonly notice: Notice }
  /** An encoded post of a channel that this connection follows, as the server pushed it. */
  | { readonly type: 'posted'; readonly post: Uint8Array }
  /** Where a channel that this connection follows ends, as the server says on its own. */
  | { readonly type: 'channel_head'; readonly head: ChannelHead }
  /** A signal of another member. It is dropped where the consumer is behind. */
  | { readonly type: 'signalled'; readonly signalled: Signalled }

/** Deliveries handed over in one event. */
export const DELIVERY_BATCH_MAX = 64

/**
 * Takes the events of one connection, one at a time: the next one waits until the promise resolved. Resolved means *committed*:
 * the connection then counts the deliveries in `device_ack` and, after `synced`, names the cursor as durable. A rejection closes the
 * connection. A consumer may await {@link Connection.open}, {@link Connection.read} and {@link Connection.ping} (they are answered
 * out of band) but not {@link Connection.send} when the outbox waits for the consumer in turn.
 */
export type ConnectionConsumer = (event: ConnectionEvent, connection: Connection) => Promise<void>

/** What became of a sent envelope. */
export type SendOutcome =
  | { readonly status: 'stored'; readonly position: Position }
  /** The server refused it: `failure.code` says why (`stale.devices`, `stale.membership`, `order.ahead`, `limited.*` ...). */
  | { readonly status: 'refused'; readonly failure: Failure }

/** How a connection ended. */
export interface ConnectionEnd {
  /** WebSocket close code of either side. */
  readonly code: number
  readonly advice: CloseAdvice
  /** Why, with the server's last word where it gave one. */
  readonly error: EvegramError
  /** How long the server asked to wait before the next connection. */
  readonly retryAfterMs?: number
}

/**
 * One authenticated connection, from `welcome` to its end. Requests reject with `unavailable.server` when it ends before the answer,
 * `timeout` after `LIMITS.requestTimeoutMs`, `limited.queue` at once when too many wait; the server's refusals of all requests but
 * `send` reject with their code.
 */
export interface Connection {
  readonly welcome: Welcome
  /**
   * Sends an encoded envelope. `refusals` (0..2) says how often it was refused with `stale.devices` before. A rejection says nothing
   * about whether it was stored: send the same bytes again.
   */
  send(envelope: Uint8Array, refusals: number): Promise<SendOutcome>
  /** Makes or finds the direct conversation with `peer`. */
  open(peer: AccountId): Promise<Opened>
  /** Offers an encoded entry of a membership log; the answer names the members behind it. Offering the same bytes again is harmless. */
  changeGroup(entry: Uint8Array): Promise<Opened>
  /** Entries of the membership log of a group. */
  readGroup(request: ReadGroup): Promise<GroupPage>
  /**
   * Offers an encoded post of a channel; the answer names the head behind it. A rejection with a code of the connection (`timeout`,
   * `unavailable.server`) says nothing about whether it was stored: offering the same bytes again stores them once.
   */
  post(post: Uint8Array): Promise<ChannelHead>
  /** Posts of a channel behind a number; from then on this connection is told of new ones. Rejects `limited.channels`. */
  follow(request: ReadChannel): Promise<ChannelPage>
  /** Ends that. */
  unfollow(channel: ConversationId): Promise<ChannelHead>
  /** Posts of a channel behind a number. */
  readChannel(request: ReadChannel): Promise<ChannelPage>
  /**
   * Sends a signal if there is room, and the server takes signals. What becomes of it nobody learns; false says that it was not even sent. Never throws.
   */
  signal(signal: MemberSignal): boolean
  /** Asks for signals of others on this connection, or for none; nothing where the server knows no signals. Never throws. */
  listen(listens: boolean): void
  /** A page of history. */
  read(request: Read): Promise<Page>
  /**
   * Asks for a page of the catch-up; it comes as a `page` event. One at a time: throws `conflict.in_flight` otherwise. A refusal,
   * or no page in time, ends the connection.
   */
  catchUp(request: CatchUp): void
  /** Resolves with the round trip in ms. */
  ping(): Promise<number>
  /** Checks a connection that may be dead (network switch, tab in front again): heard nothing in {@link PROBE_TIMEOUT_MS}, it ends. */
  probe(): void
  /** Resolves when the connection ended and its consumer finished the event in its hands; never rejects. A consumer must not await it. */
  readonly ended: Promise<ConnectionEnd>
  /** Ends it from this side. */
  close(): void
}

/** Time for connecting and hello together; then the attempt is given up and made anew on another port (design rule 13). */
export const CONNECT_BUDGET_MS = 2_000
/** Time for the answer to a ping before the connection counts as dead. */
export const PROBE_TIMEOUT_MS = 2_000
/**
 * Silence of a server that owes an answer before it is pinged. Long enough for a store that is slow, short enough that a node which
 * hangs costs its clients five seconds with {@link PROBE_TIMEOUT_MS}, not the time of a request.
 */
export const ANSWER_SILENCE_MS = 3_000
/** `open` and `read` requests of one connection that wait for their answers. */
export const REQUESTS_IN_FLIGHT_MAX = 64
/** Frames received and not consumed yet; past it the connection is closed as `slowConsumer` and resumed by catch-up. */
export const INBOUND_FRAMES_MAX = 4_096
/** Bytes received and not consumed yet, bounded likewise. */
export const INBOUND_BYTES_MAX = 16 * 1_048_576
/** Bytes queued in the socket; past it requests are refused with `limited.queue`. */
export const OUTBOUND_BYTES_MAX = 8 * 1_048_576
/** Events not consumed yet above which a signal is dropped: messages go first. */
export const SIGNAL_EVENTS_MAX = 64
/** Bytes queued in the socket above which a signal is not sent: messages go first. */
export const SIGNAL_OUTBOUND_BYTES_MAX = 65_536
/** `device_ack` is sent after this many deliveries ... */
export const DEVICE_ACK_DELIVERIES = 32
/** ... or this long after the first of them. */
export const DEVICE_ACK_DELAY_MS = 100

