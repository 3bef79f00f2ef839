import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { headBytesOf, MessageReader, OPCODE, writeHead, type Opcode } from './websocket-frames.js'

/** What all sockets of a process read into: each reads, and hands on, before the next one does. */
const READ_ROOM = Buffer.allocUnsafeSlow(262_144)
/** What all of them write from: each message is with the kernel, or in a copy, before the next one is made. Larger ones are rare and get memory of their own. */
const WRITE_ROOM = Buffer.allocUnsafeSlow(65_536)
const END_OF_HEAD = '\r\n\r\n'
const ANSWER_HEAD_BYTES_MAX = 16_384
/** A close frame without a code (RFC 6455 section 7.1.5), and a connection that ended without one. */
const CLOSE_NO_CODE = 1_005
const CLOSE_ABNORMAL = 1_006
const EMPTY = Buffer.alloc(0)

/** How a socket is opened, and who hears of it. */
export interface LeanSocketOptions {
  /** `ws:` or `wss:`. */
  readonly url: string
  /** Address of this machine to connect from. */
  readonly localAddress?: string
  readonly subprotocols?: readonly string[]
  /** The server took the upgrade. */
  readonly onOpen?: () => void
  /** A whole message, text or binary. Its bytes are valid during the call alone. Throwing ends the socket. */
  readonly onMessage: (payload: Buffer) => void
  /** It ended, and not from here: close code (1006 without one), and the text of the close frame or what went wrong. */
  readonly onEnd: (code: number, reason: string) => void
}

/**
 * A WebSocket client that costs a load generator little: reads go into one buffer for all sockets, messages leave from another, each with one system call and
 * without a stream in between wherever the socket takes all of it. No extensions; the mask is zero.
 */
export class LeanSocket {
  readonly #options: LeanSocketOptions
  readonly #socket: Socket
  readonly #reader: MessageReader
  /** The socket's descriptor; undefined where bytes have to go through the stream (TLS, or before it is open). */
  #descriptor: number | undefined
  #head: Buffer | undefined = EMPTY
  #isEnded = false
  #code = CLOSE_ABNORMAL
  #reason = ''

  constructor(options: LeanSocketOptions) {
    this.#options = options
    this.#reader = new MessageReader({ message: options.onMessage, control: (opcode, payload) => { this.#onControl(opcode, payload) } })
    const url = new URL(options.url)
    const isSecure = url.protocol === 'wss:'
    // Addresses of IPv6 stand in brackets in a URL alone.
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const to = { host, port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port), ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }) }
    const socket = this.#socket = isSecure
      ? connectTls({ ...to, servername: host, ALPNProtocols: ['http/1.1'] })
      : connect({ ...to, noDelay: true, onread: { buffer: READ_ROOM, callback: (bytes) => this.#onData(READ_ROOM.subarray(0, bytes)) } })
    if (isSecure) socket.on('data', (bytes: Buffer) => { this.#onData(bytes) })
    socket.on(isSecure ? 'secureConnect' : 'connect', () => {
      socket.setNoDelay(true)
      socket.write(upgradeOf(url, options.subprotocols ?? []))
      if (!isSecure) this.#descriptor = descriptorOf(socket)
    })
    socket.on('error', (error: Error) => {
      this.#reason = error.message
      this.#end()
    })
    socket.on('close', () => { this.#end() })
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return !this.#isEnded && this.#head === undefined
  }

  /** Sends a copy of a message now, or behind what waits already. What is sent on a socket that is not open is lost. */
  send(payload: Uint8Array | string): void {
    if (!this.isOpen) return
    if (typeof payload === 'string') this.#send(OPCODE.text, Buffer.from(payload))
    else this.#send(OPCODE.binary, payload)
  }

  /** Reads nothing until {@link resume}: what the server sends stays in the kernel. */
  pause(): void {
    this.#socket.pause()
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume()
  }

  /** Ends it without a word; no events follow. */
  terminate(): void {
    this.#isEnded = true
    this.#reader.stop()
    this.#socket.destroy()
  }

  /** Ends it, and says why as if the server had. */
  fail(reason: string): void {
    this.#reason = reason
    this.#end()
  }

  #send(opcode: Opcode, payload: Uint8Array): void {
    if (this.#isEnded) return
    const length = headBytesOf(payload.length) + payload.length
    const bytes = length <= WRITE_ROOM.length ? WRITE_ROOM : Buffer.allocUnsafeSlow(length)
    bytes.set(payload, writeHead(bytes, 0, opcode, payload.length))
    let written = 0
    // What waits in the stream goes first; the descriptor of a destroyed socket may be another's already.
    if (this.#descriptor !== undefined && !this.#socket.destroyed && this.#socket.writableLength === 0) {
      try {
        written = writeSync(this.#descriptor, bytes, 0, length)
      } catch (error) {
        // The kernel has no room now (EAGAIN): the stream waits for it. Anything else it will hear of itself.
        if (!(error instanceof Error)) throw error
      }
    }
    if (written < length) this.#socket.write(Buffer.from(bytes.subarray(written, length)))
  }

  /** Whether to read on, as Node asks. */
  #onData(bytes: Buffer): boolean {
    try {
      const rest = this.#head === undefined ? bytes : this.#readHead(Buffer.concat([this.#head, bytes]))
      if (rest !== undefined && rest.length > 0 && !this.#isEnded) this.#reader.push(rest)
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error))
    }
    return true
  }

  /** Takes the answer to the upgrade off; undefined while it is not whole, or when it says no. */
  #readHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(END_OF_HEAD)
    if (end < 0 && bytes.length <= ANSWER_HEAD_BYTES_MAX) {
      this.#head = bytes
      return undefined
    }
    const status = bytes.toString('latin1', 0, Math.max(0, bytes.indexOf('\r\n')))
    if (end < 0 || !/^HTTP\/1\.1 101\b/.test(status)) {
      this.fail(`the upgrade was answered "${status}"`)
      return undefined
    }
    this.#head = undefined
    this.#options.onOpen?.()
    return bytes.subarray(end + END_OF_HEAD.length)
  }

  #onControl(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) this.#send(OPCODE.pong, payload)
    if (opcode !== OPCODE.close) return
    this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : CLOSE_NO_CODE
    this.#reason = payload.toString('utf8', 2)
    this.#send(OPCODE.close, payload.subarray(0, 2))
    this.#end()
  }

  #end(): void {
    if (this.#isEnded) return
    this.terminate()
    this.#options.onEnd(this.#code, this.#reason)
  }
}

function upgradeOf(url: URL, subprotocols: readonly string[]): string {
  return [
    `GET ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`, 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(subprotocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${subprotocols.join(', ')}`]), '', '',
  ].join('\r\n')
}

/** Node does not tell the descriptor of a socket, but its handle has it. Without one the stream does everything. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  const descriptor: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}
