import {
  ACK_BYTES, BODY_TYPE, decodeFailure, directConversationIdOf, encodeEnvelope, encodeFrame, encodeOpen, ENVELOPE_KIND, FRAME_TYPE, type Frame,
} from '@evegram/protocol'
import { LeanClient } from './lean-client.js'
import type { HeldAccount, Population } from './population.js'

/** Accounts that are written to at the same time. */
const AT_ONCE = 16
const ANSWER_MS = 30_000
/** Tries of one message that the server refuses for now. */
const TRIES_MAX = 20
const AFTER_REFUSAL_MS = 250
const BODY_BYTES = 200

/** Where the sender connects. */
export interface SenderPlace {
  readonly ws: string
  readonly population: Population
}

/** Somebody who writes to every account, and stays connected. */
export class MessageRounds {
  readonly #population: Population
  readonly #waiting = new Map<number, (frame: Frame | undefined) => void>()
  #client: LeanClient | undefined
  #correlation = 2
  #ended: string | undefined

  private constructor(population: Population) {
    this.#population = population
  }

  /** Connects the sender. Rejects when it cannot. */
  static async open({ ws, population }: SenderPlace): Promise<MessageRounds> {
    const rounds = new MessageRounds(population)
    const { hostname, host, port } = new URL(ws)
    await new Promise<void>((resolve, reject) => {
      rounds.#client = new LeanClient({
        device: population.sender, host: hostname === 'localhost' ? '127.0.0.1' : hostname, hostName: host, port: Number(port), origin: population.origin, localAddress: undefined,
        sinceMs: Date.now(), onMessage: () => undefined, onLive: resolve,
        onFrame: (frame) => { rounds.#onFrame(frame) },
        onEnd: (reason) => {
          rounds.#ended = reason
          for (const answer of rounds.#waiting.values()) answer(undefined)
          reject(new Error(`the sender could not connect: ${reason}`))
        },
      })
    })
    return rounds
  }

  /** Writes message `number` to all devices of every account. Resolves when all are acknowledged: stored and synced. Rejects when one cannot be. */
  async send(number: number, onProgress: (accounts: number) => void): Promise<void> {
    const waiting = [...this.#population.accounts]
    let done = 0
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        await this.#sendTo(next, number)
        onProgress(++done)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  /** Ends the connection. */
  close(): void {
    this.#client?.cut()
  }

  async #sendTo({ account, seq, devices }: HeldAccount, number: number): Promise<void> {
    const { sender } = this.#population
    const envelope = encodeEnvelope({
      kind: ENVELOPE_KIND.message, conversation: directConversationIdOf(sender.account, account), device: sender.device, account: sender.account,
      epoch: 1, number, order: BigInt(Date.now()) << 16n, membershipVersion: 1, accounts: [{ account: sender.account, seq: 1 }, { account, seq }],
      bodies: devices.map((device) => ({ device, type: BODY_TYPE.opaque, bytes: new Uint8Array(BODY_BYTES) })),
    })
    let refusal = ''
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const opened = await this.#ask((correlation) => encodeFrame(FRAME_TYPE.open, correlation, encodeOpen({ peer: account })))
      const answer = opened.type === FRAME_TYPE.failure ? opened : await this.#ask((correlation) => encodeFrame(FRAME_TYPE.send, correlation, envelope))
      if (answer.type !== FRAME_TYPE.failure) return
      refusal = decodeFailure(answer.body).code
      await new Promise((resolve) => setTimeout(resolve, AFTER_REFUSAL_MS))
    }
    throw new Error(`a message was refused: ${refusal}`)
  }

  async #ask(frameOf: (correlation: number) => Uint8Array): Promise<Frame> {
    const correlation = ++this.#correlation
    const answer = await new Promise<Frame | undefined>((resolve) => {
      const timer = setTimeout(() => { resolve(undefined) }, ANSWER_MS)
      this.#waiting.set(correlation, (frame) => {
        clearTimeout(timer)
        resolve(frame)
      })
      if (this.#ended === undefined) this.#client?.send(frameOf(correlation))
      else resolve(undefined)
    })
    this.#waiting.delete(correlation)
    if (answer === undefined) throw new Error(`the sender had no answer${this.#ended === undefined ? '' : `: ${this.#ended}`}`)
    return answer
  }

  #onFrame(frame: Frame): void {
    if (frame.type === FRAME_TYPE.ack) {
      const view = new DataView(frame.body.buffer, frame.body.byteOffset, frame.body.byteLength)
      for (let at = 0; at + ACK_BYTES <= frame.body.length; at += ACK_BYTES) this.#waiting.get(view.getUint32(at))?.(frame)
    } else this.#waiting.get(frame.correlation)?.({ ...frame, body: frame.body.slice() })
  }
}
