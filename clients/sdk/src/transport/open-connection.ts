import {
  closeAdvice, decodeChallenge, decodeFailure, decodeFrames, decodeWelcome, encodeFrame, encodeHello, EvegramError, FRAME_TYPE, helloBytes,
  isEvegramError, LIMITS, PROTOCOL_VERSION, utf8, type Clock, type Failure, type Frame, type Random,
} from '@evegram/protocol'
import { sha256 } from '@noble/hashes/sha2.js'
import type { DeviceSigner } from '../api/device-signer.js'
import type { ServerClock } from '../api/server-clock.js'
import { CONNECT_BUDGET_MS, type Connection, type ConnectionConsumer, type ConnectionEnd } from './connection.js'
import { errorOfFailure, LiveConnection } from './live-connection.js'
import type { Socket, SocketEvents, SocketFactory } from './socket.js'

/** What one connection needs. */
export interface OpenConnectionOptions {
  /** WebSocket URL of discovery. */
  readonly url: string
  /** Configured origin, which hello signs. */
  readonly origin: string
  readonly signer: DeviceSigner
  readonly accessToken: string
  /** Name and version of the client, at most 64 characters. */
  readonly agent: string
  readonly sockets: SocketFactory
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly random: Random
  /** Durable cursor T of this device in ms, 0 without one. */
  readonly cursorMs: number
  readonly consume: ConnectionConsumer
  /** Gives the attempt up; of no effect once the connection is open. */
  readonly signal?: AbortSignal
  /** Runs once `welcome` arrived, before the first event is handed over. */
  onOpen(connection: Connection): Promise<void>
}

/** What became of an attempt. */
export type OpenOutcome =
  | { readonly status: 'open'; readonly connection: Connection }
  | { readonly status: 'failed'; readonly end: ConnectionEnd }

/** Several frames may share a message; the server holds at most this much for one socket. */
const MESSAGE_BYTES_MAX = LIMITS.outboundBytesMax
const NORMAL_CLOSE = 1000
const CLIENT_NONCE_BYTES = 32

/**
 * Connects, proves the device (challenge, hello, welcome) and gives a live connection, all within {@link CONNECT_BUDGET_MS}; an
 * attempt that takes longer is given up. Never rejects.
 */
export function openConnection(options: OpenConnectionOptions): Promise<OpenOutcome> {
  return new Promise((resolve) => {
    new Handshake(options, resolve).start()
  })
}

/** One attempt: owns the socket, and passes it on to the live connection that it leads to. */
class Handshake implements SocketEvents {
  readonly #options: OpenConnectionOptions
  readonly #settle: (outcome: OpenOutcome) => void
  #socket: Socket | undefined
  #stage: 'challenge' | 'welcome' | 'live' | 'over' = 'challenge'
  #live: LiveConnection | undefined
  #lastFailure: Failure | undefined
  #helloSentAtMs = 0
  #budget: { cancel(): void } | undefined
  readonly #abort = (): void => {
    this.#fail({ code: NORMAL_CLOSE, advice: 'stop', error: new EvegramError('client.closed', { operation: 'connect' }) })
  }

  constructor(options: OpenConnectionOptions, settle: (outcome: OpenOutcome) => void) {
    this.#options = options
    this.#settle = settle
  }

  start(): void {
    const { clock, sockets, url, signal } = this.#options
    if (signal?.aborted === true) {
      this.#abort()
      return
    }
    signal?.addEventListener('abort', this.#abort)
    this.#budget = clock.after(CONNECT_BUDGET_MS, () => {
      this.#fail({ code: NORMAL_CLOSE, advice: 'reconnect', error: new EvegramError('timeout', { operation: 'connect' }) })
    })
    this.#socket = sockets.open(url, this, MESSAGE_BYTES_MAX)
  }

  onOpen(): void {
    // The server speaks first.
  }

  onMessage(bytes: Uint8Array): void {
    if (this.#stage === 'over') return
    try {
      const frames = decodeFrames(bytes)
      // The first message may hold the frames of several stages.
      for (let index = 0; index < frames.length; index++) {
        const frame = frames[index]
        if (this.#live !== undefined) {
          this.#live.receive(frames.slice(index))
          return
        }
        if (frame !== undefined) this.#advance(frame)
      }
    } catch (cause) {
      const error = isEvegramError(cause) ? cause : new EvegramError('internal', { operation: 'read frame', cause })
      this.#over(() => ({ code: NORMAL_CLOSE, advice: adviceOf(error), error }))
    }
  }

  onText(): void {
    const error = new EvegramError('invalid.text_frame', { operation: 'read frame' })
    this.#over(() => ({ code: NORMAL_CLOSE, advice: adviceOf(error), error }))
  }

  onClose({ code }: { readonly code: number }): void {
    this.#over((failure) => endOfClose(code, failure))
  }

  #advance(frame: Frame): void {
    if (frame.type === FRAME_TYPE.failure) this.#lastFailure = decodeFailure(frame.body)
    else if (this.#stage === 'challenge' && frame.type === FRAME_TYPE.challenge) this.#answerChallenge(frame.body)
    else if (this.#stage === 'welcome' && frame.type === FRAME_TYPE.welcome) this.#enter(frame.body)
    else throw new EvegramError('invalid.frame_type', { operation: 'connect', details: { type: frame.type } })
  }

  #answerChallenge(body: Uint8Array): void {
    const { clock, random, origin, signer, accessToken, agent } = this.#options
    const challenge = decodeChallenge(body)
    if (challenge.protocolMin > PROTOCOL_VERSION || challenge.protocolMax < PROTOCOL_VERSION) {
      throw new EvegramError('incompatible.protocol', { operation: 'connect', details: { ours: PROTOCOL_VERSION } })
    }
    const { account, device } = signer
    const clientNonce = random.bytes(CLIENT_NONCE_BYTES)
    const signed = helloBytes({ origin, serverNonce: challenge.nonce, clientNonce, account, device, tokenHash: sha256(utf8(accessToken)) })
    const hello = encodeHello({ account, device, token: accessToken, clientNonce, signature: signer.sign(signed), agent })
    this.#stage = 'welcome'
    this.#helloSentAtMs = clock.monotonicMs()
    this.#socket?.send(encodeFrame(FRAME_TYPE.hello, 0, hello))
  }

  #enter(body: Uint8Array): void {
    const { clock, serverClock, cursorMs, consume } = this.#options
    const welcome = decodeWelcome(body)
    if (this.#socket === undefined) return
    serverClock.observe(welcome.serverTimeMs, this.#helloSentAtMs, clock.monotonicMs())
    this.#stage = 'live'
    this.#disarm()
    const onOpen = (connection: Connection): Promise<void> => this.#options.onOpen(connection)
    this.#live = new LiveConnection({ socket: this.#socket, welcome, clock, cursorMs, consume, onOpen })
    this.#settle({ status: 'open', connection: this.#live })
  }

  /** The socket is of no more use, before or after `welcome`. */
  #over(end: (lastFailure: Failure | undefined) => ConnectionEnd): void {
    if (this.#live === undefined) this.#fail(end(this.#lastFailure))
    else this.#live.socketEnded(end)
    this.#stage = 'over'
  }

  #disarm(): void {
    this.#budget?.cancel()
    this.#options.signal?.removeEventListener('abort', this.#abort)
  }

  #fail(end: ConnectionEnd): void {
    if (this.#stage === 'over' || this.#stage === 'live') return
    this.#stage = 'over'
    this.#disarm()
    this.#socket?.close(NORMAL_CLOSE)
    this.#settle({ status: 'failed', end })
  }
}

/** A version that will not match next time either ends the attempts; other nonsense may come from a proxy that goes away. */
function adviceOf(error: EvegramError): ConnectionEnd['advice'] {
  return error.code === 'incompatible.protocol' ? 'stop' : 'reconnect_later'
}

/** What a close of the other side means: its code gives the advice, the failure before it the reason. */
function endOfClose(code: number, failure: Failure | undefined): ConnectionEnd {
  const operation = 'hold connection'
  const lost = new EvegramError('unavailable.server', { operation, details: { closeCode: code } })
  const error = failure === undefined ? lost : errorOfFailure(failure, operation)
  return { code, advice: closeAdvice(code), error, ...(failure?.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }) }
}
