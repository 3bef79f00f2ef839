import type { CloseReason } from '@evegram/protocol'

/** One WebSocket. Everything on it is synchronous and must be used from the event loop that called the handlers. */
export interface Socket {
  /** Unique in the process. */
  readonly id: number
  /** Address of the peer, for limits; never logged in full. */
  readonly remoteAddress: string
  /**
   * Sends one binary message. `sent`: handed to the kernel or queued within the bound; `closed`: the socket is gone, or was closed right now
   * as a slow consumer because the bound (`outboundBytesMax`) was reached. Nothing is ever dropped on a socket that stays open.
   */
  send(message: Uint8Array): 'sent' | 'closed'
  /** Bytes that wait in this socket. */
  bufferedBytes(): number
  /** Groups the sends of `task` into one system call where the runtime can. */
  cork(task: () => void): void
  /** Closes with the code and text of the reason. `closed` is called once afterwards. Safe to call twice. */
  close(reason: CloseReason): void
}

/** What the session layer is told. `message` bytes are only valid during the call: copy to keep. */
export interface SocketHandlers {
  opened(socket: Socket): void
  message(socket: Socket, bytes: Uint8Array): void
  /** The peer sent a text message: the tier does not close by itself. */
  text(socket: Socket): void
  /** Buffered bytes went down after having been above zero. */
  drained(socket: Socket): void
  closed(socket: Socket, code: number): void
}

/** Settings of a socket tier. */
export interface SocketServerOptions {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** Larger messages close the socket with `tooLarge`, before they are buffered whole. */
  readonly messageBytesMax: number
  readonly outboundBytesMax: number
  /** A peer that is silent for longer is closed with `idle`. */
  readonly idleTimeoutMs: number
  readonly connectionsMax: number
  /** Exact Host header values that are served; others are answered 421. */
  readonly allowedHosts: readonly string[]
  /** Exact Origin values that are served; an absent Origin is allowed, `null` and others are answered 403. */
  readonly allowedOrigins: readonly string[]
}

/**
 * The WebSocket tier: accepts upgrades on any path `/v1/socket`, hands messages up in order per socket.
 * Upgrades with a wrong Host are answered 421, with a wrong Origin 403, elsewhere 404, above `connectionsMax` 503, all without a socket.
 */
export interface SocketServer {
  /** `uWebSockets.js` or `ws`, with the reason why this one runs. */
  readonly description: string
  /** Resolves with the port. Rejects with `invalid.config` when the port is taken. */
  listen(handlers: SocketHandlers): Promise<number>
  /** Stops accepting; open sockets stay. */
  stopAccepting(): void
  /** Closes what is left and frees the port. */
  close(): Promise<void>
}
