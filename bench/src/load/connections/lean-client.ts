import { createHash, randomBytes, sign } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import {
  decodeChallenge, decodeFailure, decodeFrames, decodePage, encodeCatchUp, encodeDeviceAck, encodeFrame, encodeHello, FRAME_TYPE, helloBytes, viewEnvelope,
  type Frame,
} from '@evegram/protocol'
import { signingKeyOf, type HeldDevice } from './held-device.js'
import { maskedMessage, readFrames } from './lean-frames.js'

/** Where a delivery has its envelope: behind the position. */
const POSITION_BYTES = 16
const EMPTY = Buffer.alloc(0)
const END_OF_HEAD = '\r\n\r\n'
const ANSWER_HEAD_BYTES_MAX = 4_096
const PING = maskedMessage(encodeFrame(FRAME_TYPE.ping, 0, new Uint8Array(0)))

/** Where and as whom a lean client connects. */
export interface LeanClientOptions {
  readonly device: HeldDevice
  readonly host: string
  readonly port: number
  /** The Host header. */
  readonly hostName: string
  readonly origin: string
  /** Address of this machine that it connects from. */
  readonly localAddress: string | undefined
  /** Everything since then is asked for. */
  readonly sinceMs: number
  /** Number of a message that came; again when it comes again. */
  readonly onMessage: (number: number) => void
  /** A frame that is neither part of coming nor a message: answers to what was sent by {@link LeanClient.send}. Its bytes are valid during the call alone. */
  readonly onFrame?: (frame: Frame) => void
  /** It is caught up and live. */
  readonly onLive: () => void
  /** It ended, with a failure of the server or what the connection said; with `retryAfterMs` the server wants it back later. */
  readonly onEnd: (reason: string, retryAfterMs: number | undefined) => void
}

/** One client on a bare TCP socket: says hello, catches up, pings. It keeps next to nothing, so that one process holds as many as it has descriptors. */
export class LeanClient {
  readonly #options: LeanClientOptions
  readonly #socket: Socket
  #unread: Buffer = EMPTY
  #isUpgraded = false
  #isEnded = false
  #committed = 0
  #failure: string | undefined
  #retryAfterMs: number | undefined

  constructor(options: LeanClientOptions) {
    this.#options = options
    const { host, port, hostName, localAddress } = options
    const socket = this.#socket = connect({ host, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) })
    socket.on('connect', () => {
      socket.write(`GET /v1/socket HTTP/1.1\r\nHost: ${hostName}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
    })
    socket.on('data', (bytes) => { this.#onData(bytes) })
    socket.on('error', (error) => { this.#end(error.message) })
    socket.on('close', () => { this.#end(this.#failure ?? 'the connection was lost') })
  }

  /** Shows the server that somebody is there. */
  ping(): void {
    this.#socket.write(PING)
  }

  /** Sends one frame, which is not too long for a lean client. */
  send(frame: Uint8Array): void {
    this.#socket.write(maskedMessage(frame))
  }

  /** Cuts the connection without a word; no events follow. */
  cut(): void {
    this.#isEnded = true
    this.#socket.destroy()
  }

  #onData(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    if (!this.#isUpgraded && !this.#readHead()) return
    const { messages, closeCode, rest } = readFrames(this.#unread)
    // A copy: what was read lies in a buffer that others use too.
    this.#unread = rest.length === 0 ? EMPTY : Buffer.from(rest)
    for (const message of messages) for (const frame of decodeFrames(message)) this.#onFrame(frame)
    if (closeCode !== undefined) {
      this.#failure ??= `close ${String(closeCode)}`
      this.#socket.destroy()
    }
  }

  /** Takes the answer to the upgrade off; whether it was there and said yes. */
  #readHead(): boolean {
    const end = this.#unread.indexOf(END_OF_HEAD)
    const status = this.#unread.toString('latin1', 0, 12)
    if ((end < 0 && this.#unread.length > ANSWER_HEAD_BYTES_MAX) || (end >= 0 && !status.endsWith(' 101'))) {
      this.#failure = `answered "${status}"`
      this.#socket.destroy()
      return false
    }
    if (end < 0) return false
    this.#isUpgraded = true
    this.#unread = this.#unread.subarray(end + END_OF_HEAD.length)
    return true
  }

  #onFrame(frame: Frame): void {
    const { onLive, onMessage, onFrame, sinceMs } = this.#options
    const { type, body } = frame
    switch (type) {
      case FRAME_TYPE.challenge: return this.send(this.#helloFrame(decodeChallenge(body).nonce))
      case FRAME_TYPE.welcome: return this.send(encodeFrame(FRAME_TYPE.catchUp, 2, encodeCatchUp({ sinceMs })))
      case FRAME_TYPE.page: {
        const { deliveries, more, token } = decodePage(body)
        for (const { envelope } of deliveries) onMessage(viewEnvelope(envelope).number)
        if (more && token !== undefined) this.send(encodeFrame(FRAME_TYPE.catchUp, 2, encodeCatchUp({ token })))
        return
      }
      case FRAME_TYPE.deliver:
        onMessage(viewEnvelope(body.subarray(POSITION_BYTES)).number)
        return this.send(encodeFrame(FRAME_TYPE.deviceAck, 0, encodeDeviceAck({ committed: ++this.#committed, cursorMs: 0 })))
      case FRAME_TYPE.synced: return onLive()
      case FRAME_TYPE.failure: {
        const { code, retryAfterMs } = decodeFailure(body)
        this.#failure = code
        this.#retryAfterMs = code === 'limited.connections' ? retryAfterMs : undefined
        onFrame?.(frame)
        return
      }
      default:
        onFrame?.(frame)
    }
  }

  #helloFrame(serverNonce: Uint8Array): Uint8Array {
    const { device: { account, device, token, seed }, origin } = this.#options
    const clientNonce = new Uint8Array(randomBytes(32))
    const tokenHash = new Uint8Array(createHash('sha256').update(token).digest())
    const signature = new Uint8Array(sign(null, helloBytes({ origin, serverNonce, clientNonce, account, device, tokenHash }), signingKeyOf(seed)))
    return encodeFrame(FRAME_TYPE.hello, 1, encodeHello({ account, device, token, clientNonce, signature, agent: 'bench' }))
  }

  #end(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#options.onEnd(reason, this.#retryAfterMs)
  }
}
