import { CLOSE_GRACE_MS, type Socket, type SocketHandlers, type Topics } from '@evegram/engine'
import { CLOSE_CODES, type CloseReason, type Timer } from '@evegram/protocol'
import type { Observer } from '../audit/observer.js'
import type { SimProcess } from '../kernel/process.js'
import type { Connection } from './connection.js'
import type { Meddler } from './meddler.js'
import type { Parcel } from './pipe.js'
import { ABNORMAL_CLOSE, type Wire } from './wire.js'

/** What a {@link NodeSocket} is made of. */
export interface NodeSocketParts {
  readonly wire: Wire
  readonly observer: Pick<Observer, 'received' | 'sent' | 'socketClosed'>
  readonly meddler: Meddler | undefined
  readonly node: SimProcess
  readonly connection: Connection
  readonly id: number
  readonly remoteAddress: string
  readonly handlers: SocketHandlers
  readonly topics: Topics<NodeSocket>
  readonly messageBytesMax: number
  readonly outboundBytesMax: number
  /** Called once, when the socket is closed for the session layer. */
  readonly over: (socket: NodeSocket) => void
}

/** What a message is overwritten with once its handler returned: who kept it holds nonsense. */
const SPENT = 0xee
/** RFC 6455 section 7.4.1. */
const MESSAGE_TOO_BIG = 1009
/** A message of more than this many times the limit is not even read. */
const CUT_OFF_FACTOR = 2
/** Bytes at the end of a message that its line in the trace depends on. */
const TRACED_BYTES = 64

/** The end of a connection at the node. */
export class NodeSocket implements Socket {
  readonly id: number
  readonly remoteAddress: string
  /** When a message came last, by the monotonic clock of the node. */
  heardMonotonicMs: number
  readonly #parts: NodeSocketParts
  #closed = false
  #grace: Timer | undefined

  constructor(parts: NodeSocketParts) {
    this.#parts = parts
    this.id = parts.id
    this.remoteAddress = parts.remoteAddress
    this.heardMonotonicMs = parts.node.clock.monotonicMs()
  }

  send(message: Uint8Array): 'sent' | 'closed' {
    if (this.#closed) return 'closed'
    const { wire, observer, meddler, node, connection, outboundBytesMax } = this.#parts
    const waiting = connection.toClient.bufferedBytes
    if (waiting > 0 && waiting + message.length > outboundBytesMax) {
      wire.run.coverage.count('fault/network.slow consumer')
      this.close('slowConsumer')
      return 'closed'
    }
    const copy = new Uint8Array(message)
    wire.run.note(node.name, `#${connection.number} > ${traceOf(copy)}`)
    observer.sent(node, this.id, copy)
    if (meddler === undefined) connection.toClient.send({ kind: 'binary', bytes: copy })
    else for (const bytes of meddler.toClient(connection.client.device.machine, copy)) connection.toClient.send({ kind: 'binary', bytes: new Uint8Array(bytes) })
    return 'sent'
  }

  bufferedBytes(): number {
    return this.#closed ? 0 : this.#parts.connection.toClient.bufferedBytes
  }

  subscribe(topic: string): void {
    if (!this.#closed) this.#parts.topics.subscribe(this, topic)
  }

  unsubscribe(topic: string): void {
    this.#parts.topics.unsubscribe(this, topic)
  }

  cork(task: () => void): void {
    task()
  }

  close(reason: CloseReason): void {
    if (this.#closed) return
    const { wire, connection } = this.#parts
    const { code } = CLOSE_CODES[reason]
    connection.toClient.send({ kind: 'close', code })
    this.#grace = wire.run.scheduler.after(CLOSE_GRACE_MS, () => {
      wire.run.coverage.count('fault/network.cut off after the grace')
      connection.toClient.reset(true)
    })
    this.#end(code)
  }

  /** A parcel arrived. */
  take(parcel: Parcel): void {
    if (this.#closed) return
    const { handlers, node, connection } = this.#parts
    this.heardMonotonicMs = node.clock.monotonicMs()
    switch (parcel.kind) {
      case 'binary':
        return this.#read(parcel.bytes)
      case 'text':
        return handlers.text(this)
      case 'close':
        connection.toClient.send({ kind: 'close', code: parcel.code })
        return this.#end(parcel.code)
      case 'reset':
        return this.#end(ABNORMAL_CLOSE)
      case 'opened':
        return
      default:
        parcel satisfies never
    }
  }

  /** What waited was taken. */
  drained(): void {
    if (this.#closed) return
    this.#parts.wire.run.coverage.count('branch/network.drained')
    this.#parts.handlers.drained(this)
  }

  /** The connection is lost, as far as this end can tell. */
  lost(): void {
    this.#end(ABNORMAL_CLOSE)
  }

  /** The client reads nothing any more. */
  peerLeft(): void {
    this.#grace?.cancel()
  }

  /** The process of the node is gone: nobody is called. */
  died(): void {
    if (this.#closed) return
    const { observer, node, connection, over } = this.#parts
    this.#closed = true
    connection.serverDied()
    over(this)
    observer.socketClosed(node, this.id, ABNORMAL_CLOSE)
  }

  #read(bytes: Uint8Array<ArrayBuffer>): void {
    const { wire, handlers, observer, node, connection, messageBytesMax } = this.#parts
    if (bytes.length > messageBytesMax * CUT_OFF_FACTOR) {
      connection.toClient.send({ kind: 'close', code: MESSAGE_TOO_BIG })
      return this.#end(ABNORMAL_CLOSE)
    }
    if (bytes.length > messageBytesMax) return this.close('tooLarge')
    wire.run.note(node.name, `#${connection.number} < ${traceOf(bytes)}`)
    observer.received(node, this.id, bytes)
    handlers.message(this, bytes)
    bytes.fill(SPENT)
  }

  #end(code: number): void {
    if (this.#closed) return
    this.#closed = true
    const { wire, handlers, observer, node, connection, over } = this.#parts
    connection.toClient.rest()
    over(this)
    wire.run.note(node.name, `#${connection.number} closed ${code}`)
    observer.socketClosed(node, this.id, code)
    handlers.closed(this, code)
  }
}

/** Size and a digest of the end: sizes alone would not show that two runs differ in what they say. */
function traceOf(bytes: Uint8Array): string {
  let digest = 0x811c9dc5
  for (let index = Math.max(0, bytes.length - TRACED_BYTES); index < bytes.length; index++) digest = Math.imul(digest ^ (bytes[index] ?? 0), 0x01000193)
  return `${bytes.length} ${(digest >>> 0).toString(16)}`
}
