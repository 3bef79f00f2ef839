import { createHash, randomBytes } from 'node:crypto'
import {
  decodeChallenge, decodeFailure, decodeFrames, decodePage, encodeCatchUp, encodeDeviceAck, encodeFrame, encodeHello, FRAME_TYPE, helloBytes,
  decodeSynced, type Frame, type Page,
} from '@evegram/protocol'
import { LeanSocket } from '../socket/lean-socket.js'
import type { RawDevice } from './raw-device.js'

const HELLO_TIMEOUT_MS = 20_000
/** Hellos of one device when the server is busy with those of others. */
const HELLO_TRIES_MAX = 20

/** The server takes hellos, but not all at once. */
class PutOff extends Error {
  readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    super(`put off for ${String(retryAfterMs)} ms`)
    this.retryAfterMs = retryAfterMs
  }
}

/** How a raw connection is opened. */
export interface RawConnectionOptions {
  readonly ws: string
  readonly origin: string
  /** Address of this machine to connect from: many connections need several (28,000 ports a pair). */
  readonly localAddress?: string
  /** The cursor: everything since then is asked for before the connection is live. Without it, what comes from now on. */
  readonly sinceMs?: number
  /** Called with every page of the catch-up. */
  readonly onPage?: (page: Page) => void
  /** Called with the cursor at the end of the catch-up; later ones are frames. */
  readonly onCaughtUp?: (cursorMs: number) => void
  /** Called with every frame behind the catch-up. Its bytes are valid during the call alone. */
  readonly onFrame?: (frame: Frame, connection: RawConnection) => void
  /** Called with every whole message behind the catch-up, in place of {@link onFrame}: for who reads many. Its bytes are valid during the call alone. */
  readonly onMessage?: (message: Buffer) => void
  readonly onClose?: (code: number, reason: string) => void
}

/** An authenticated socket that is caught up, with nothing of the SDK in between. */
export class RawConnection {
  readonly #socket: LeanSocket
  #deliveries = 0

  private constructor(open: (connection: RawConnection) => LeanSocket) {
    this.#socket = open(this)
  }

  /** Connects, says hello, catches up from now; comes back when it is told to, for a while. Rejects when the server refuses. */
  static async open(device: RawDevice, options: RawConnectionOptions): Promise<RawConnection> {
    for (let tries = 1; ; tries++) {
      try {
        return await RawConnection.#openOnce(device, options)
      } catch (error) {
        if (!(error instanceof PutOff) || tries >= HELLO_TRIES_MAX) throw error
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs))
      }
    }
  }

  static async #openOnce(device: RawDevice, options: RawConnectionOptions): Promise<RawConnection> {
    let connection: RawConnection | undefined
    try {
      return await new Promise<RawConnection>((resolve, reject) => {
        const timeout = setTimeout(() => reject(new Error('no hello in time')), HELLO_TIMEOUT_MS)
        let live = false
        const onFrame = (frame: Frame, own: RawConnection): void => {
          if (live) {
            options.onFrame?.(frame, own)
            return
          }
          const answer = answerBeforeLive(frame, device, options)
          if (answer === 'live') {
            live = true
            options.onCaughtUp?.(decodeSynced(frame.body))
            clearTimeout(timeout)
            resolve(own)
          } else if (answer instanceof Error) reject(answer)
          else if (answer !== undefined) own.send(answer)
        }
        connection = new RawConnection((own) => new LeanSocket({
          url: options.ws, ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
          onMessage: (message) => {
            if (live && options.onMessage !== undefined) options.onMessage(message)
            else for (const frame of decodeFrames(message)) onFrame(frame, own)
          },
          onEnd: (code, reason) => {
            clearTimeout(timeout)
            options.onClose?.(code, reason)
            reject(new Error(`closed with ${String(code)}${reason === '' ? '' : ` (${reason})`}`))
          },
        }))
      })
    } catch (error) {
      connection?.close()
      throw error
    }
  }

  /** Sends a copy of one or more whole frames. */
  send(frames: Uint8Array): void {
    this.#socket.send(frames)
  }

  /** Reads nothing until {@link resume}. */
  pause(): void {
    this.#socket.pause()
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume()
  }

  /** Says that `count` more deliveries are committed. */
  acknowledge(count: number): void {
    this.#deliveries += count
    this.send(encodeFrame(FRAME_TYPE.deviceAck, 0, encodeDeviceAck({ committed: this.#deliveries, cursorMs: 0 })))
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.terminate()
  }
}

function answerBeforeLive(frame: Frame, device: RawDevice, { origin, sinceMs, onPage }: RawConnectionOptions): Uint8Array | 'live' | Error | undefined {
  switch (frame.type) {
    case FRAME_TYPE.challenge:
      return helloFrame(device, origin, decodeChallenge(frame.body).nonce)
    case FRAME_TYPE.welcome:
      return encodeFrame(FRAME_TYPE.catchUp, 2, encodeCatchUp({ sinceMs: sinceMs ?? Date.now() }))
    case FRAME_TYPE.page: {
      const page = decodePage(frame.body)
      onPage?.(page)
      return page.more && page.token !== undefined ? encodeFrame(FRAME_TYPE.catchUp, 2, encodeCatchUp({ token: page.token })) : undefined
    }
    case FRAME_TYPE.synced:
      return 'live'
    case FRAME_TYPE.failure: {
      const failure = decodeFailure(frame.body)
      if (failure.code === 'limited.connections' && failure.retryAfterMs !== undefined) return new PutOff(failure.retryAfterMs)
      return new Error(`${failure.code}: ${failure.message}`)
    }
    default:
      return undefined
  }
}

/** The hello frame of a device for the server's nonce. */
export function helloFrame(device: RawDevice, origin: string, serverNonce: Uint8Array): Uint8Array {
  const clientNonce = new Uint8Array(randomBytes(32))
  const token = device.tokens.accessToken
  const tokenHash = new Uint8Array(createHash('sha256').update(token).digest())
  const { account, signer } = device
  const signature = signer.sign(helloBytes({ origin, serverNonce, clientNonce, account, device: device.device, tokenHash }))
  return encodeFrame(FRAME_TYPE.hello, 1, encodeHello({ account, device: device.device, token, clientNonce, signature, agent: 'bench' }))
}
