import { CLOSE_CODES, type Clock, type CloseReason } from '@evegram/protocol'
import type { WebSocket } from 'uWebSockets.js'
import { CLOSE_GRACE_MS, type Socket } from '../../ports/socket-server.js'
import type { LiveSubscriber, LiveTopics } from './live-topics.js'

/** uWebSockets.js' answer to `send`: handed on. */
const SENT = 1
/** uWebSockets.js' answer to `send`: thrown away because of `maxBackpressure`. */
const DROPPED = 2
/** Largest header of a frame from a server (RFC 6455 section 5.2: 2 bytes, 8 of length, no mask). */
const FRAME_HEADER_BYTES_MAX = 10

/** What uWebSockets.js keeps for each connection: our socket. */
export interface UwsUserData {
  readonly socket: UwsSocket
}

/** What the socket needs of its server: one object for all sockets. */
export interface UwsSocketHome {
  readonly outboundBytesMax: number
  readonly clock: Clock
  readonly topics: LiveTopics<UwsSocket>
  /** Whether uWebSockets.js may still have to send what was published. */
  readonly publishedLately: boolean
  /** The session layer's `closed`, and the end of the connection for counting. */
  ended(socket: UwsSocket, code: number): void
}

/** One connection of the uWebSockets.js tier. Small on purpose: there may be a hundred thousand. */
export class UwsSocket implements Socket, LiveSubscriber {
  readonly id: number
  /** Number of the idle sweep in which the peer was last heard. */
  heardInSweep: number
  readonly #home: UwsSocketHome
  /** Undefined before `open` and once uWebSockets.js ended the connection: any use after that throws. */
  #connection: WebSocket<UwsUserData> | undefined = undefined
  #closed = false
  #pressed = false
  #drainedAfterClose: (() => void) | undefined = undefined

  constructor(id: number, home: UwsSocketHome, sweep: number) {
    this.id = id
    this.#home = home
    this.heardInSweep = sweep
  }

  /** Asked of the connection each time: kept, it would cost every connection a string that hardly anybody reads. */
  get remoteAddress(): string {
    return this.#connection === undefined ? '' : Buffer.from(this.#connection.getRemoteAddressAsText()).toString('latin1')
  }

  /** Whether the session layer was told that the socket is closed: nothing more is handed up. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** Called by the tier when uWebSockets.js opened the connection. */
  attach(connection: WebSocket<UwsUserData>): void {
    this.#connection = connection
  }

  send(message: Uint8Array): 'sent' | 'closed' {
    const connection = this.#connection
    if (connection === undefined || this.#closed) return 'closed'
    // The amount is asked for only under pressure: the call into native code would cost more than it saves on every send.
    if (this.#pressed) {
      const bufferedBytes = connection.getBufferedAmount()
      if (bufferedBytes === 0) this.#pressed = false
      else if (bufferedBytes + message.length + FRAME_HEADER_BYTES_MAX > this.#home.outboundBytesMax) {
        this.close('slowConsumer')
        return 'closed'
      }
    }
    const status = connection.send(message, true)
    if (status === SENT) return 'sent'
    if (!this.#pressed) this.#press()
    if (status !== DROPPED) return 'sent'
    // A message is missing now: the stream must end here, whatever the peer still reads.
    this.#end('slowConsumer', () => { connection.close() })
    return 'closed'
  }

  bufferedBytes(): number {
    return this.#closed ? 0 : (this.#connection?.getBufferedAmount() ?? 0)
  }

  subscribe(topic: string): void {
    if (this.#connection !== undefined && !this.#closed) this.#home.topics.subscribe(this, topic)
  }

  unsubscribe(topic: string): void {
    this.#home.topics.unsubscribe(this, topic)
  }

  get isPressed(): boolean {
    return this.#pressed
  }

  looksPressed(): boolean {
    if (this.bufferedBytes() > 0) this.#pressed = true
    return this.#pressed
  }

  join(topic: string): void {
    this.#connection?.subscribe(topic)
  }

  leave(topic: string): void {
    // What uWebSockets.js was given and has not sent yet would be thrown away with the last subscription. Whatever is sent takes that along before it.
    if (this.#home.publishedLately) this.#connection?.ping()
    this.#connection?.unsubscribe(topic)
  }

  cork(task: () => void): void {
    if (this.#connection === undefined || this.#closed) task()
    else this.#connection.cork(task)
  }

  close(reason: CloseReason): void {
    const connection = this.#connection
    if (connection === undefined || this.#closed) return
    // uWebSockets.js throws away what waits when it ends a connection, its own close frame included: so let a peer that reads empty it first.
    this.#end(reason, () => {
      if (connection.getBufferedAmount() === 0) this.#farewell(reason)
      else this.#waitForDrain(reason)
    })
  }

  #press(): void {
    this.#pressed = true
    this.#home.topics.pressed(this)
  }

  #end(reason: CloseReason, hangUp: () => void): void {
    this.#closed = true
    hangUp()
    this.#home.ended(this, CLOSE_CODES[reason].code)
  }

  #farewell(reason: CloseReason): void {
    const { code, text } = CLOSE_CODES[reason]
    this.#connection?.end(code, text)
  }

  #waitForDrain(reason: CloseReason): void {
    const cutOff = this.#home.clock.after(CLOSE_GRACE_MS, () => { this.#connection?.close() })
    this.#drainedAfterClose = () => {
      cutOff.cancel()
      this.#farewell(reason)
    }
  }

  /** Called by the tier on the drain event. Returns whether the session layer is to be told. */
  drain(): boolean {
    if (!this.#closed) return true
    if (this.#connection?.getBufferedAmount() === 0) this.#drainedAfterClose?.()
    return false
  }

  /** Called by the tier when uWebSockets.js ended the connection, for whatever reason; `code` is its word for it. */
  detach(code: number): void {
    this.#connection = undefined
    if (this.#closed) return
    this.#closed = true
    this.#home.ended(this, code)
  }
}
