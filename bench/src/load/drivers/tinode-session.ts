import type { ClientEvents, SendEvents } from './driver.js'
import { inTime } from './in-time.js'
import { decodeTinode, TINODE_DEMO_KEY, TINODE_VERSION, type TinodeAnswer, type TinodeRequest } from './tinode-messages.js'
import { WireSocket } from './wire-socket.js'

const PATH = '/v0/channels'
/** Codes from here on are refusals (as in HTTP). */
const REFUSED_FROM = 400

/** A user of Tinode, as signing up made it. */
export interface TinodeUser {
  /** Chosen by the server. */
  readonly id: string
  readonly token: string
}

/** One session of Tinode on a WebSocket. */
export class TinodeSession {
  readonly #events: ClientEvents
  readonly #socket: WireSocket
  #requests = 0
  readonly #answers = new Map<string, (answer: Extract<TinodeAnswer, { kind: 'control' }>) => void>()

  private constructor(address: string, events: ClientEvents) {
    this.#events = events
    this.#socket = new WireSocket(`${address}${PATH}?apikey=${TINODE_DEMO_KEY}`, events, {
      onMessage: (data) => { for (const answer of decodeTinode(data.toString('utf8'))) this.#onAnswer(answer) },
      onOpen: () => { this.#hello().then(() => { this.#socket.ready() }, (error: unknown) => { this.#socket.fail(String(error)) }) },
    })
  }

  /** Connects and says hello. */
  static async open(address: string, events: ClientEvents): Promise<TinodeSession> {
    const session = new TinodeSession(address, events)
    await session.#socket.opened()
    return session
  }

  /** Makes a user, and signs the session in as it. */
  async signUp(name: string, password: string): Promise<TinodeUser> {
    const { params } = await this.request((id) => ({
      acc: { id, user: 'new', scheme: 'basic', secret: Buffer.from(`${name}:${password}`).toString('base64'), login: true, desc: { defacs: { auth: 'JRWPAS', anon: 'N' } } },
    }))
    const [user, token] = [params['user'], params['token']]
    if (typeof user !== 'string' || typeof token !== 'string') throw new Error('Tinode made a user without a name or a token')
    return { id: user, token }
  }

  /** Signs the session in. */
  async signIn({ token }: TinodeUser): Promise<void> {
    await this.request((id) => ({ login: { id, scheme: 'token', secret: token } }))
  }

  /** Takes part in a topic; resolves with its name, which the server chooses for a new one (`new`). */
  async subscribe(topic: string): Promise<string> {
    const answer = await this.request((id) => ({
      sub: { id, topic, ...(topic === 'new' ? { set: { desc: { defacs: { auth: 'JRWPS', anon: 'N' } } } } : {}) },
    }))
    return answer.topic === '' ? topic : answer.topic
  }

  /** Publishes a copy of the payload, in base64; the acknowledgement says that it is stored. */
  publish(topic: string, payload: Uint8Array, token: number, events: SendEvents): void {
    const id = this.#next()
    this.#answers.set(id, ({ code, text }) => {
      if (code < REFUSED_FROM) events.acknowledged(token)
      else events.refused(token, `error ${String(code)} ${text}`)
    })
    this.#say({ pub: { id, topic, noecho: true, content: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64') } })
  }

  close(): void {
    this.#socket.close()
  }

  /** Rejects when the server refuses. */
  request(message: (id: string) => TinodeRequest): Promise<Extract<TinodeAnswer, { kind: 'control' }>> {
    const id = this.#next()
    return inTime('answer a request', new Promise((resolve, reject) => {
      this.#answers.set(id, (answer) => {
        if (answer.code < REFUSED_FROM) resolve(answer)
        else reject(new Error(`Tinode: ${String(answer.code)} ${answer.text}`))
      })
      this.#say(message(id))
    }))
  }

  async #hello(): Promise<void> {
    await this.request((id) => ({ hi: { id, ver: TINODE_VERSION, ua: 'evegram-bench/1' } }))
  }

  #onAnswer(answer: TinodeAnswer): void {
    switch (answer.kind) {
      case 'data': this.#events.delivered(Buffer.from(answer.content, 'base64')); return
      case 'control': {
        const waiting = this.#answers.get(answer.id)
        this.#answers.delete(answer.id)
        waiting?.(answer)
        return
      }
      // Presence and the like.
      case 'other': return
      default: answer satisfies never
    }
  }

  #say(message: TinodeRequest): void {
    this.#socket.send(JSON.stringify(message))
  }

  #next(): string {
    return String(++this.#requests)
  }
}
