import type { Timer } from '@evegram/protocol'
import type { Socket, SocketEvents } from '@evegram/sdk/parts'
import type { SimProcess } from '../kernel/process.js'
import type { Connection } from './connection.js'
import type { Meddler } from './meddler.js'
import type { Parcel } from './pipe.js'
import { ABNORMAL_CLOSE, drawMs, type Wire } from './wire.js'

/** What a {@link DeviceSocket} is made of. */
export interface DeviceSocketParts {
  readonly wire: Wire
  readonly device: SimProcess
  readonly events: SocketEvents
  readonly messageBytesMax: number
  readonly meddler: Meddler | undefined
  /** Called once, when no event comes any more. */
  readonly over: (socket: DeviceSocket) => void
}

/** After how long without an answer to a connect the platform gives up. */
const CONNECT_MS = [15_000, 60_000] as const
/** After how long without an answer to a close frame the platform tears the connection down. */
const CLOSE_MS = [500, 4_000] as const
/** RFC 6455 section 7.4.1. */
const MESSAGE_TOO_BIG = 1009

/** The end of a connection at the device. */
export class DeviceSocket implements Socket {
  readonly device: SimProcess
  readonly #parts: DeviceSocketParts
  #state: 'connecting' | 'open' | 'closing' | 'over' = 'connecting'
  #connection: Connection | undefined
  #timer: Timer

  constructor(parts: DeviceSocketParts) {
    this.#parts = parts
    this.device = parts.device
    this.#timer = this.#after(CONNECT_MS, () => {
      parts.wire.run.coverage.count('fault/network.connect timed out')
      this.lost()
    })
  }

  /** What it is an end of, once a node took it; `undefined` again when it is over. */
  get connection(): Connection | undefined {
    return this.#state === 'over' ? undefined : this.#connection
  }

  get bufferedBytes(): number {
    return this.#state === 'over' ? 0 : this.#connection?.toServer.bufferedBytes ?? 0
  }

  send(bytes: Uint8Array): void {
    if (this.#state !== 'open' || this.#connection === undefined) return
    const copy = new Uint8Array(bytes)
    const { meddler } = this.#parts
    if (meddler === undefined) this.#connection.toServer.send({ kind: 'binary', bytes: copy })
    else for (const message of meddler.toServer(this.device.machine, copy)) this.#connection.toServer.send({ kind: 'binary', bytes: new Uint8Array(message) })
  }

  /** Sends a text message, which no client does. */
  sendText(): void {
    if (this.#state === 'open') this.#connection?.toServer.send({ kind: 'text' })
  }

  close(code: number): void {
    if (this.#state === 'connecting') {
      // No event may come before this call returned.
      this.#timer.cancel()
      this.#timer = this.#parts.wire.run.scheduler.after(0, () => { this.device.run(() => { this.#abandon() }) })
      this.#state = 'closing'
    } else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#connection?.toServer.send({ kind: 'close', code })
      this.#timer = this.#after(CLOSE_MS, () => {
        this.#parts.wire.run.coverage.count('fault/network.close timed out')
        this.#abandon()
      })
    }
  }

  /** Goes without a close frame: the other end sees a lost connection. */
  vanish(): void {
    this.#abandon()
  }

  /** The node took the connect. False when the device is not there any more. */
  attach(connection: Connection): boolean {
    this.#connection = connection
    if (this.#state === 'connecting') return true
    connection.toServer.reset(false)
    if (this.#state === 'over') connection.clientLeft()
    return false
  }

  /** A parcel arrived. */
  take(parcel: Parcel): void {
    if (this.#state === 'over') return
    switch (parcel.kind) {
      case 'opened':
        if (this.#state !== 'connecting') return
        this.#timer.cancel()
        this.#state = 'open'
        return this.#parts.events.onOpen()
      case 'binary':
        if (parcel.bytes.length <= this.#parts.messageBytesMax) return this.#parts.events.onMessage(parcel.bytes)
        this.#connection?.toServer.send({ kind: 'close', code: MESSAGE_TOO_BIG })
        return this.#finish(ABNORMAL_CLOSE)
      case 'text':
        return this.#parts.events.onText()
      case 'close':
        return this.#finish(parcel.code)
      case 'reset':
        return this.#finish(ABNORMAL_CLOSE)
      default:
        parcel satisfies never
    }
  }

  /** The connection is lost, as far as this end can tell. */
  lost(): void {
    this.#finish(ABNORMAL_CLOSE)
  }

  /** The process of the device is gone. */
  died(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#timer.cancel()
    this.#connection?.clientDied()
    this.#parts.over(this)
  }

  #abandon(): void {
    this.#connection?.toServer.reset(true)
    this.#finish(ABNORMAL_CLOSE)
  }

  #finish(code: number): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#timer.cancel()
    this.#connection?.clientLeft()
    this.#parts.over(this)
    this.#parts.wire.run.note(this.device.name, `#${this.#connection?.number ?? 0} ended ${code}`)
    this.#parts.events.onClose({ code })
  }

  #after(span: readonly [number, number], task: () => void): Timer {
    const { run, random } = this.#parts.wire
    return run.scheduler.after(drawMs(random, span), () => { this.device.run(task) })
  }
}
