import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { isEvegramError, type AccountId, type DeviceId } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'
import { createClient, createLocalWallet, MemoryStore, type Client, type ClientEvents, type Message, type Wallet } from '@evegram/sdk'
import { nodePrimitives, nodeSystem } from '@evegram/sdk/node'
import { RawEnrolment } from '../raw/raw-device.js'
import { ServerProcess } from '../server-process.js'
import { Capture, findInFiles } from './capture.js'
import { BY_HEADER, LyingProxy } from './proxy.js'

const WAIT_MS = 20_000
const POLL_MS = 20

/** A client of the real SDK, its wallet, and what it told. */
export interface Person {
  readonly name: string
  readonly client: Client
  readonly wallet: Wallet
  /** Everything that the client told, in order, as `security e2ee.bad_mac`, `alarm account.log_withheld`, `gap withheld 2-2`, ... */
  readonly told: string[]
  readonly shown: Message[]
}

/** What makes clients: `wallet` may be one that spies on what it is asked to sign. */
export interface PersonOptions {
  readonly chain?: Chain
  readonly wallet?: Wallet
}

/** A real server, the liar in front of it, and the people who think that they talk to the server. */
export class World {
  readonly proxy: LyingProxy
  readonly capture: Capture
  /** The API of the server as raw devices use it, also through the liar. */
  readonly enrolment: RawEnrolment
  readonly #server: ServerProcess
  readonly #people: Person[] = []
  /** Part of every text: one search tells whether any of them is somewhere. */
  readonly #marker = randomBytes(12).toString('hex')
  /** Texts that were written, each with those who may read it. */
  readonly #readers = new Map<string, readonly Person[]>()

  private constructor(parts: { readonly proxy: LyingProxy; readonly capture: Capture; readonly server: ServerProcess; readonly enrolment: RawEnrolment }) {
    this.proxy = parts.proxy
    this.capture = parts.capture
    this.enrolment = parts.enrolment
    this.#server = parts.server
  }

  /** Starts the liar, then a server that is configured with the liar's addresses, as behind a reverse proxy. */
  static async start(): Promise<World> {
    const capture = new Capture()
    const proxy = await LyingProxy.listen(capture)
    const [http, ws] = [await freePort(), await freePort()]
    const server = new ServerProcess({
      EVEGRAM_HTTP_PORT: String(http), EVEGRAM_WS_PORT: String(ws), EVEGRAM_PUBLIC_URL: proxy.url, EVEGRAM_PUBLIC_WS_URL: proxy.ws, EVEGRAM_RATE_FACTOR: '1000',
    })
    proxy.connect({ http, ws })
    await server.start()
    return new World({ proxy, capture, server, enrolment: await RawEnrolment.open(proxy.url) })
  }

  /** Signs somebody in with a fresh wallet; rejects as `createClient` does. */
  async join(name: string, options: PersonOptions = {}): Promise<Person> {
    const wallet = options.wallet ?? createLocalWallet(options.chain ?? 'solana', new Uint8Array(randomBytes(32)))
    const system = nodeSystem()
    const client = await createClient({
      url: this.proxy.url, wallet, requests: 'accept-all', store: new MemoryStore(), signalPrimitives: nodePrimitives,
      system: { ...system, fetch: (url, init) => system.fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), [BY_HEADER]: name } }) },
    })
    const person = watch(name, client, wallet)
    this.#people.push(person)
    await client.whenSynced()
    return person
  }

  /** A text that occurs nowhere else and is for `readers` alone. */
  text(about: string, ...readers: readonly Person[]): string {
    const text = `${about} ${this.#marker} ${randomBytes(6).toString('hex')}`
    this.#readers.set(text, readers)
    return text
  }

  /** Sends a text; resolves once the server, or who plays it, acknowledged it. */
  async send(from: Person, to: Person, about = 'hello'): Promise<string> {
    const text = this.text(about, from, to)
    const conversation = await from.client.conversation(to.wallet.address)
    const { acked } = await conversation.send(text)
    await acked
    return text
  }

  /** One text each way, seen by the other side: what must go on after every lie. */
  async honest(one: Person, other: Person): Promise<string> {
    this.proxy.lie = {}
    for (const [from, to] of [[one, other], [other, one], [one, other]] as const) {
      const text = await within(this.send(from, to, 'honest'), 'an acknowledgement', WAIT_MS * 2)
      await shows(to, text, WAIT_MS * 2)
    }
    return 'goes on'
  }

  /** Texts that somebody could read who must not: the liar, the server, and people other than `readers`. */
  leaks(): string[] {
    const texts = [...this.#readers.keys()]
    const mayRead = (person: Person, text: string): boolean => this.#readers.get(text)?.some(({ client }) => client.account === person.client.account) ?? true
    const elsewhere = this.#people.flatMap((person) => person.shown.flatMap(({ text }) => (mayRead(person, text) ? [] : [`${text} (to ${person.name})`])))
    const captured = this.capture.find([this.#marker]).length > 0 ? this.capture.find([...texts, this.#marker]) : []
    const stored = findInFiles(this.#server.dataDir, [this.#marker]).length > 0 ? findInFiles(this.#server.dataDir, [...texts, this.#marker]) : []
    return [...new Set([...captured, ...stored, ...elsewhere])]
  }

  /** Closes the clients of a case. */
  async leave(): Promise<void> {
    await Promise.allSettled(this.#people.splice(0).map(({ client }) => client.close()))
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.leave()
    await this.proxy.close()
    await this.#server.dispose()
  }
}

function watch(name: string, client: Client, wallet: Wallet): Person {
  const person: Person = { name, client, wallet, told: [], shown: [] }
  const tell = <Name extends keyof ClientEvents>(event: Name, text: (value: ClientEvents[Name]) => string): void => {
    client.on(event, (value) => { person.told.push(text(value)) })
  }
  client.on('message', (message) => { person.shown.push(message) })
  tell('security', ({ code, detail }) => `security ${code}${detail === undefined ? '' : ` (${detail})`}`)
  tell('account-alarm', ({ code }) => `alarm ${code}`)
  tell('gap', ({ reason, from, to }) => `gap ${reason} ${String(from)}-${String(to)}`)
  tell('session-healed', () => 'healed')
  tell('device-added', ({ own }) => `device added${own ? ' (own)' : ''}`)
  tell('device-revoked', ({ own }) => `device revoked${own ? ' (own)' : ''}`)
  tell('identity-changed', () => 'identity changed')
  tell('message-state', ({ state, error }) => `message ${state}${error === undefined ? '' : ` ${error.code}`}`)
  tell('fault', ({ operation, error }) => `fault ${operation} ${error.code}`)
  return person
}

/** The first thing of that kind that a person is told from place `from` on; what it was told instead, when nothing of it comes. */
export async function toldOf(person: Person, prefix: string, from = 0, timeoutMs = WAIT_MS): Promise<string> {
  try {
    return await until(() => person.told.slice(from).find((told) => told.startsWith(prefix)), prefix, timeoutMs)
  } catch {
    return `nothing of "${prefix}", but: ${person.told.slice(from).join(', ')}`
  }
}

/** Resolves once a person sees a text. */
export async function shows(person: Person, text: string, timeoutMs = WAIT_MS): Promise<Message> {
  return until(() => person.shown.find((message) => message.text === text), `${person.name} to be shown "${text}"; told: ${person.told.slice(-8).join(', ')}`, timeoutMs)
}

/** Times that a person was shown a text. */
export function timesShown(person: Person, text: string): number {
  return person.shown.filter((message) => message.text === text).length
}

/** The code with which something fails; `succeeded` when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'succeeded'
  } catch (error) {
    return isEvegramError(error) ? error.code : String(error)
  }
}

/** The first value that is not undefined. Rejects after `timeoutMs`. */
export async function until<Value>(look: () => Value | undefined, what: string, timeoutMs = WAIT_MS): Promise<Value> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await sleep(POLL_MS)
  }
}

/** `work`, or a rejection after `timeoutMs`. */
export async function within<Value>(work: Promise<Value>, what: string, timeoutMs = WAIT_MS): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([work, new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), timeoutMs)
    })])
  } finally {
    clearTimeout(timer)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Ids of a person. */
export function idsOf({ client }: Person): { readonly account: AccountId; readonly device: DeviceId } {
  return { account: client.account, device: client.device }
}

/** Whether a frame is for the device of a person. */
export function isFor(person: Person, link: { readonly device: DeviceId | undefined }): boolean {
  return link.device === person.client.device
}


async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
