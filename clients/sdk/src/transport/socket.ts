/** How a socket ended. */
export interface SocketClose {
  /** WebSocket close code; 1006 when the connection was lost without one. */
  readonly code: number
}

/**
 * What a socket tells. `onOpen` comes first and at most once, then messages in the order received, then exactly one `onClose`
 * (also when the connection never opened), and nothing after it. None is called before `open` returned. They do not throw.
 */
export interface SocketEvents {
  onOpen(): void
  /** One whole binary message. The bytes are the listener's to keep. */
  onMessage(bytes: Uint8Array): void
  /** A text message: the protocol knows none. */
  onText(): void
  onClose(close: SocketClose): void
}

/** One open or opening WebSocket. */
export interface Socket {
  /** Queues one binary message, which is lost when the socket is closing (`onClose` tells). The bytes must not change afterwards. */
  send(bytes: Uint8Array<ArrayBuffer>): void
  /** Bytes queued by `send` that the network has not taken yet. */
  readonly bufferedBytes: number
  /**
   * Closes with `code` (1000 or 3000-4999). `onClose` follows, on a dead network within a few seconds at most where the platform
   * lets us decide; a caller that cannot wait ignores what still comes. Safe to call again.
   */
  close(code: number): void
}

/** Opens WebSockets: the browser's own, the `ws` package under Node, or a simulated network. */
export interface SocketFactory {
  /**
   * Starts to connect to a ws: or wss: URL. Never throws: a bad URL or a refusal is an `onClose`. Messages above
   * `messageBytesMax` close the socket.
   */
  open(url: string, events: SocketEvents, messageBytesMax: number): Socket
}
