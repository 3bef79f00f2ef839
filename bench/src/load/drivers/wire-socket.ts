import { LeanSocket } from '../../socket/lean-socket.js'
import type { ClientEvents } from './driver.js'
import { inTime } from './in-time.js'

/** What a protocol does on a socket. */
export interface SocketProtocol {
  /** Subprotocols to ask for. */
  readonly subprotocols?: readonly string[]
  /** A message came, text or binary, as its bytes; they are valid during the call alone. Throwing ends the socket. */
  readonly onMessage: (data: Buffer) => void
  /** Subprotocol and upgrade are over. */
  readonly onOpen?: () => void
}

/** A WebSocket of one client: says once how it ended, unless it was closed from here. */
export class WireSocket {
  readonly #socket: LeanSocket
  readonly #events: ClientEvents
  #isReady = false
  #isClosed = false
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } = { resolve: () => undefined, reject: () => undefined }
  readonly #opened: Promise<void>

  constructor(url: string, events: ClientEvents, { subprotocols = [], onMessage, onOpen }: SocketProtocol) {
    this.#events = events
    this.#opened = new Promise<void>((resolve, reject) => { this.#settle = { resolve, reject } })
    // Whoever waits for it hears of it; until then it must not end the process.
    this.#opened.catch(() => undefined)
    this.#socket = new LeanSocket({
      url, subprotocols, onMessage, ...(onOpen === undefined ? {} : { onOpen }),
      onEnd: (code, reason) => { this.#ended(`close ${String(code)}${reason === '' ? '' : ` ${reason}`}`) },
    })
  }

  /** Resolves when the protocol said {@link ready}. */
  opened(): Promise<void> {
    return inTime('welcome a client', this.#opened)
  }

  /** The client can send and is sent to. */
  ready(): void {
    this.#isReady = true
    this.#settle.resolve()
  }

  /** Sends text or a copy of bytes. What is sent on a socket that has ended is lost, and its end was told. */
  send(data: string | Uint8Array): void {
    this.#socket.send(data)
  }

  /** The peer said that it cannot go on. */
  fail(reason: string): void {
    this.#ended(reason)
    this.#socket.terminate()
  }

  /** Ends it; no events follow. */
  close(): void {
    this.#isClosed = true
    this.#settle.reject(new Error('closed'))
    this.#socket.terminate()
  }

  #ended(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#settle.reject(new Error(reason))
    if (this.#isReady) this.#events.closed(reason)
  }
}
