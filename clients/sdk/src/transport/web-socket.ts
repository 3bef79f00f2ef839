import type { Socket, SocketEvents, SocketFactory } from './socket.js'

/** Close code that the WebSocket API gives for a connection lost without one. */
const ABNORMAL_CLOSE = 1006

class WebSocketAdapter implements Socket {
  readonly #socket: WebSocket

  constructor(socket: WebSocket, events: SocketEvents, messageBytesMax: number) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => { events.onOpen() }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (!(data instanceof ArrayBuffer)) events.onText()
      else if (data.byteLength > messageBytesMax) socket.close(4000)
      else events.onMessage(new Uint8Array(data))
    }
    // 'close' follows and says as much as there is to know.
    socket.onerror = () => undefined
    socket.onclose = ({ code }) => { events.onClose({ code }) }
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes)
  }

  close(code: number): void {
    this.#socket.close(code)
  }
}

/** Sockets of the platform: browsers, and Node from 22 on. */
export const webSockets: SocketFactory = {
  open(url, events, messageBytesMax) {
    try {
      return new WebSocketAdapter(new WebSocket(url), events, messageBytesMax)
    } catch {
      // A URL that the platform refuses (mixed content among them) is a connection that never opened.
      queueMicrotask(() => { events.onClose({ code: ABNORMAL_CLOSE }) })
      return { bufferedBytes: 0, send: () => undefined, close: () => undefined }
    }
  },
}
