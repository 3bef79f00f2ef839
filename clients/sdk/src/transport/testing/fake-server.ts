import {
  decodeFrames, decodeHello, encodeChallenge, encodeFrame, encodeWelcome, FRAME_TYPE, helloBytes, utf8,
  type Frame, type FrameType, type Hello, type Welcome,
} from '@evegram/protocol'
import { sha256 } from '@noble/hashes/sha2.js'
import { verifyWithSigning } from '../../crypto/device-keys.js'
import type { Socket, SocketEvents, SocketFactory } from '../socket.js'

/** The server's end of one fake socket. */
export class FakePeer {
  readonly url: string
  readonly received: Frame[] = []
  /** Code with which the client closed. */
  closedWith: number | undefined
  bufferedBytes = 0
  readonly #events: SocketEvents

  constructor(url: string, events: SocketEvents) {
    this.url = url
    this.#events = events
  }

  /** Sends frames in one message. */
  push(...frames: readonly (readonly [type: FrameType, correlation: number, body: Uint8Array])[]): void {
    this.pushBytes(Buffer.concat(frames.map(([type, correlation, body]) => encodeFrame(type, correlation, body))))
  }

  pushBytes(bytes: Uint8Array): void {
    this.#events.onMessage(Uint8Array.from(bytes))
  }

  pushText(): void {
    this.#events.onText()
  }

  /** The server or the network ends the socket. */
  end(code: number): void {
    this.#events.onClose({ code })
  }

  challenge(nonce = new Uint8Array(32).fill(3), protocolMax = 1): void {
    this.#events.onOpen()
    this.push([FRAME_TYPE.challenge, 0, encodeChallenge({ nonce, serverTimeMs: 5_000, protocolMin: protocolMax, protocolMax })])
  }

  /** `more`: what newer servers say. */
  welcome(heartbeatMs = 20_000, more: Pick<Welcome, 'signals'> = {}): void {
    this.push([FRAME_TYPE.welcome, 0, encodeWelcome({ serverTimeMs: 5_000, connection: 'c1', heartbeatMs, retentionMs: 1_000, ...more })])
  }

  /** Received frames of one type, in order. */
  framesOf(type: FrameType): Frame[] {
    return this.received.filter((frame) => frame.type === type)
  }

  get hello(): Hello | undefined {
    const [frame] = this.framesOf(FRAME_TYPE.hello)
    return frame === undefined ? undefined : decodeHello(frame.body)
  }

  /** Whether the hello proves `publicKey` for `origin` and the nonce of {@link challenge}. */
  provesDevice(publicKey: Uint8Array, origin: string): boolean {
    const { hello } = this
    if (hello === undefined) return false
    const { account, device, clientNonce, token, signature } = hello
    const tokenHash = sha256(utf8(token))
    const signed = helloBytes({ origin, serverNonce: new Uint8Array(32).fill(3), clientNonce, account, device, tokenHash })
    return verifyWithSigning(publicKey, signed, signature)
  }
}

/** A network on which every socket is a {@link FakePeer}. */
export class FakeNetwork implements SocketFactory {
  readonly peers: FakePeer[] = []
  /** Runs for each new peer, once `open` returned. */
  onConnect: (peer: FakePeer) => void = () => undefined

  get last(): FakePeer {
    const peer = this.peers.at(-1)
    if (peer === undefined) throw new Error('nobody connected')
    return peer
  }

  open(url: string, events: SocketEvents): Socket {
    const peer = new FakePeer(url, events)
    this.peers.push(peer)
    queueMicrotask(() => { this.onConnect(peer) })
    return {
      send: (bytes) => { peer.received.push(...decodeFrames(bytes)) },
      get bufferedBytes() { return peer.bufferedBytes },
      close: (code) => { peer.closedWith ??= code },
    }
  }
}
