import { decodeChallenge, decodeFailure, decodeFrames, encodeCatchUp, encodeFrame, FRAME_TYPE, type Frame, type FrameType } from '@evegram/protocol'
import { WebSocket } from 'ws'
import { helloFrame } from './raw-connection.js'
import type { RawDevice } from './raw-device.js'

const WAIT_MS = 5_000
const FRAMES_KEPT_MAX = 20_000

/** How a socket ended: the codes of the failures that were told, each once, and the close code. */
export interface SocketEnd {
  readonly failures: readonly string[]
  readonly closeCode: number
}

/** `auth.hello, close 4002`. */
export function endText(end: SocketEnd): string {
  return [...end.failures, `close ${String(end.closeCode)}`].join(', ')
}

/** A WebSocket on which anything can be said at any time: it answers nothing by itself. */
export class RawSocket {
  readonly socket: WebSocket
  readonly ended: Promise<SocketEnd>
  readonly frames: Frame[] = []
  readonly #failures = new Set<string>()
  #onFrame: (() => void) | undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.ended = new Promise((resolve) => {
      socket.on('close', (code) => resolve({ failures: [...this.#failures], closeCode: code }))
    })
    // 'close' follows and says what there is to know.
    socket.on('error', () => undefined)
    socket.on('message', (data: Buffer) => {
      for (const frame of decodeFrames(data)) {
        if (frame.type === FRAME_TYPE.failure) this.#failures.add(decodeFailure(frame.body).code)
        if (this.frames.length < FRAMES_KEPT_MAX) this.frames.push(frame)
      }
      this.#onFrame?.()
    })
  }

  /** Connects. Rejects with `status <n>` when the upgrade is answered otherwise. */
  static async connect(ws: string, headers: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
    const raw = new RawSocket(new WebSocket(`ws://127.0.0.1:${new URL(ws).port}/v1/socket`, {
      perMessageDeflate: false, skipUTF8Validation: true, headers: { host: new URL(ws).host, ...headers },
    }))
    await new Promise<void>((resolve, reject) => {
      raw.socket.once('open', resolve)
      raw.socket.once('unexpected-response', (request, response) => {
        reject(new Error(`status ${String(response.statusCode)}`))
        request.destroy()
      })
      raw.socket.once('error', reject)
    })
    return raw
  }

  /** Connects, says an honest hello and catches up from now. */
  static async signedIn(ws: string, device: RawDevice, origin: string): Promise<RawSocket> {
    const raw = await RawSocket.connect(ws)
    await raw.hello(device, origin)
    raw.send(encodeFrame(FRAME_TYPE.catchUp, 2, encodeCatchUp({ sinceMs: Date.now() })))
    await raw.next(FRAME_TYPE.synced)
    return raw
  }

  /** The nonce of this connection. */
  async challenge(): Promise<Uint8Array> {
    return decodeChallenge((await this.next(FRAME_TYPE.challenge)).body).nonce.slice()
  }

  /** An honest hello; rejects when it is not welcome. */
  async hello(device: RawDevice, origin: string): Promise<void> {
    this.send(helloFrame(device, origin, await this.challenge()))
    await this.next(FRAME_TYPE.welcome)
  }

  /** Sends bytes as one binary message. */
  send(bytes: Uint8Array): void {
    this.socket.send(bytes)
  }

  /** The first frame of `type` under `correlation` (any when absent), also one that came before. Rejects when the socket ends or nothing comes. */
  async next(type: FrameType, correlation?: number): Promise<Frame> {
    const deadline = performance.now() + WAIT_MS
    for (;;) {
      const found = this.frames.find((frame) => frame.type === type && (correlation === undefined || frame.correlation === correlation))
      if (found !== undefined) return found
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`closed: ${endText(await this.ended)}`)
      if (performance.now() > deadline) throw new Error(`no frame of type ${String(type)} came`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100)
        this.#onFrame = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Codes of the failures so far. */
  get failures(): readonly string[] {
    return [...this.#failures]
  }

  /** How it ends within `timeoutMs`; `still open` otherwise. */
  async outcome(timeoutMs = 3_000): Promise<string> {
    const end = await Promise.race([this.ended, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), timeoutMs))])
    if (end === undefined) return [...this.#failures, 'still open'].join(', ')
    return endText(end)
  }

  /** Ends the connection without a word. */
  drop(): void {
    this.socket.terminate()
  }
}
