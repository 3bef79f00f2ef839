import { WebSocket, type RawData } from 'ws'
import type { Socket, SocketEvents, SocketFactory } from '../transport/socket.js'

/** How long a closing handshake may take before the socket is torn down. */
const CLOSE_TIMEOUT_MS = 1_000
const ABNORMAL_CLOSE = 1006

/** The bytes of a message, without the pool that Node may have put them in. */
function bytesOf(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  const joined = Array.isArray(data) ? Buffer.concat(data) : data
  return Uint8Array.from(joined)
}

class WsAdapter implements Socket {
  readonly #socket: WebSocket
  #closing = false

  constructor(url: string, events: SocketEvents, messageBytesMax: number) {
    const socket = new WebSocket(url, { maxPayload: messageBytesMax, perMessageDeflate: false, followRedirects: false })
    this.#socket = socket
    socket.on('open', () => { events.onOpen() })
    socket.on('message', (data, isBinary) => {
      if (isBinary) events.onMessage(bytesOf(data))
      else events.onText()
    })
    // 'close' follows every 'error' and carries what there is to know; without a listener Node would end the process.
    socket.on('error', () => undefined)
    socket.on('close', (code) => { events.onClose({ code }) })
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(bytes: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes, { binary: true })
  }

  close(code: number): void {
    if (this.#closing) return
    this.#closing = true
    this.#socket.close(code)
    // A dead network would keep the handshake waiting for half a minute.
    const timer = setTimeout(() => { this.#socket.terminate() }, CLOSE_TIMEOUT_MS)
    this.#socket.once('close', () => { clearTimeout(timer) })
  }
}

/** Sockets by the `ws` package, for every supported Node. */
export const wsSockets: SocketFactory = {
  open(url, events, messageBytesMax) {
    try {
      return new WsAdapter(url, events, messageBytesMax)
    } catch {
      // A URL that the package refuses is a connection that never opened.
      queueMicrotask(() => { events.onClose({ code: ABNORMAL_CLOSE }) })
      return { bufferedBytes: 0, send: () => undefined, close: () => undefined }
    }
  },
}
