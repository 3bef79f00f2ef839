import type { CloseReason } from '@evegram/protocol'

/** One WebSocket. Everything on it is synchronous and must be used from the event loop that called the handlers. */
export interface Socket {
  /** Unique in the process. */
  readonly id: number
  /** Address of the peer, for limits; never logged in full. Empty once the connection is gone. */
  readonly remoteAddress: string
  /**
   * Sends one binary message; the bytes may be reused once the call returned. `sent`: handed to the kernel or queued within the bound; `closed`:
   * the socket is gone, or was closed right now as a slow consumer because the bound (`outboundBytesMax`) was reached. Nothing is ever dropped on
   * a socket that stays open.
   */
  send(message: Uint8Array): 'sent' | 'closed'
  /** Bytes that wait in this socket; 0 once it is closed. */
  bufferedBytes(): number
  /** From now on this socket gets what is published to `topic`, until it unsubscribes or closes. Twice is once; nothing on a closed socket. */
  subscribe(topic: string): void
  /** Ends a subscription, where there is one. */
  unsubscribe(topic: string): void
  /** Groups the sends of `task` into one system call where the runtime can. `task` runs at once, also on a closed socket. */
  cork(task: () => void): void
  /**
   * Closes with the code and text of the reason. `closed` is called once, before this call returns. Safe to call twice. The close frame goes behind
   * what waits in the socket; a peer that does not read it within {@link CLOSE_GRACE_MS} is cut off.
   */
  close(reason: CloseReason): void
}

/** How long a closed socket may take to hand over what waits in it, before it is cut off and its memory is free. */
export const CLOSE_GRACE_MS = 2_000

/** What the session layer is told. `message` bytes are only valid during the call: copy to keep. */
export interface SocketHandlers {
  opened(socket: Socket): void
  message(socket: Socket, bytes: Uint8Array): void
  /** The peer sent a text message: the tier does not close by itself. */
  text(socket: Socket): void
  /** Buffered bytes went down after having been above zero. */
  drained(socket: Socket): void
  /** Called once for every opened socket: with the code of our reason, of the peer, or 1006 when the connection was lost. */
  closed(socket: Socket, code: number): void
}

/** Settings of a socket tier. */
export interface SocketServerOptions {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** Other processes of this service may listen on the port too: the system spreads connections over them. Default false: a taken port is refused. */
  readonly sharesPort?: boolean
  /**
   * Larger messages close the socket with `tooLarge`. A message that declares more than twice this is cut off at its header, nothing of it is
   * buffered, and the peer sees 1009 or a lost connection.
   */
  readonly messageBytesMax: number
  readonly outboundBytesMax: number
  /** A peer that is silent for longer is closed with `idle`, up to a quarter of this later. */
  readonly idleTimeoutMs: number
  readonly connectionsMax: number
  /** Host header values that are served, compared without regard to case; `name:*` takes every port of that name. Others are answered 421. */
  readonly allowedHosts: readonly string[]
  /** Exact Origin values that are served; an absent Origin is allowed, `null` and others are answered 403. */
  readonly allowedOrigins: readonly string[]
}

/** The path of upgrades. */
export const SOCKET_PATH = '/v1/socket'

/**
 * The WebSocket tier: accepts upgrades on the path `/v1/socket`, hands messages up in order per socket. No compression, no subprotocols.
 * Upgrades elsewhere are answered 404, with a wrong Host 421, with a wrong Origin 403, above `connectionsMax` 503, all without a socket;
 * a plain request on the path is answered 426.
 */
export interface SocketServer {
  /** `uWebSockets.js` or `ws`, with the reason why this one runs. */
  readonly description: string
  /** Resolves with the port. Rejects with `invalid.config` when the port is taken, or cannot be shared where it should be. */
  listen(handlers: SocketHandlers): Promise<number>
  /**
   * Sends one binary message to every open socket that is subscribed to `topic`, as `send` would: a socket whose bound is reached is closed right then as
   * a slow consumer. Messages of one topic come in order on each socket; between those and what is sent to the socket itself no order is promised. The
   * bytes may be reused once the call returned.
   */
  publish(topic: string, message: Uint8Array): void
  /** Stops accepting; open sockets stay. */
  stopAccepting(): void
  /** Closes what is left with `draining` and frees the port. */
  close(): Promise<void>
}
