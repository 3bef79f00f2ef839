import type { Duplex } from 'node:stream'
import { CLOSE_CODES, type Clock, type CloseReason } from '@evegram/protocol'
import { WebSocket } from 'ws'
import { CLOSE_GRACE_MS, type Socket } from '../../ports/socket-server.js'
import type { Topics } from '../topics.js'

/** One connection of the `ws` tier. */
export class WsSocket implements Socket {
  readonly id: number
  readonly remoteAddress: string
  /** Number of the idle sweep in which the peer was last heard. */
  heardInSweep: number
  readonly #connection: WebSocket
  /** The TCP stream under the connection, from the upgrade event: `ws` has no cork of its own. */
  readonly #stream: Duplex
  readonly #outboundBytesMax: number
  readonly #clock: Clock
  readonly #topics: Topics<WsSocket>
  readonly #ended: (socket: WsSocket, code: number) => void
  #closed = false

  /** `ended` is called once, with the code that the session layer is to see. */
  constructor(fields: {
    readonly id: number
    readonly remoteAddress: string
    readonly connection: WebSocket
    readonly stream: Duplex
    readonly outboundBytesMax: number
    readonly clock: Clock
    readonly topics: Topics<WsSocket>
    readonly sweep: number
    readonly ended: (socket: WsSocket, code: number) => void
  }) {
    this.id = fields.id
    this.remoteAddress = fields.remoteAddress
    this.#connection = fields.connection
    this.#stream = fields.stream
    this.#outboundBytesMax = fields.outboundBytesMax
    this.#clock = fields.clock
    this.#topics = fields.topics
    this.heardInSweep = fields.sweep
    this.#ended = fields.ended
  }

  /** Whether the session layer was told that the socket is closed: nothing more is handed up. */
  get isClosed(): boolean {
    return this.#closed
  }

  send(message: Uint8Array): 'sent' | 'closed' {
    if (this.#closed || this.#connection.readyState !== WebSocket.OPEN) return 'closed'
    if (this.#connection.bufferedAmount > 0 && this.#connection.bufferedAmount + message.length > this.#outboundBytesMax) {
      this.close('slowConsumer')
      return 'closed'
    }
    // Node keeps a reference to what it could not write at once, and the caller may reuse its bytes: so a copy.
    this.#connection.send(Buffer.from(message), { binary: true })
    return 'sent'
  }

  bufferedBytes(): number {
    return this.#closed ? 0 : this.#connection.bufferedAmount
  }

  subscribe(topic: string): void {
    if (!this.#closed) this.#topics.subscribe(this, topic)
  }

  unsubscribe(topic: string): void {
    this.#topics.unsubscribe(this, topic)
  }

  cork(task: () => void): void {
    this.#stream.cork()
    try {
      task()
    } finally {
      this.#stream.uncork()
    }
  }

  close(reason: CloseReason): void {
    if (this.#closed) return
    const { code, text } = CLOSE_CODES[reason]
    this.#closed = true
    this.#connection.close(code, text)
    this.#cutOffLater()
    this.#ended(this, code)
  }

  #cutOffLater(): void {
    const cutOff = this.#clock.after(CLOSE_GRACE_MS, () => { this.#connection.terminate() })
    this.#connection.once('close', () => { cutOff.cancel() })
  }

  /** Called by the tier when `ws` refused what the peer sent and closes the connection with its own code (1009 for a message that is too long). */
  fail(): void {
    this.#cutOffLater()
    this.detach(1006)
  }

  /** Called by the tier when the connection ended by itself; `code` is the peer's, or 1006. */
  detach(code: number): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended(this, code)
  }
}
