import { randomBytes } from 'node:crypto'
import type { ConversationKind } from '../plan/cast.js'
import type { ClientEvents, Driver, DriverClient, DriverConversation, DriverFacts, Handle, SendEvents } from './driver.js'
import { TinodeSession, type TinodeUser } from './tinode-session.js'

/** Users that are made at the same time: each costs the server a slow hash of a password. */
const AT_ONCE = 8
const SILENT: ClientEvents = { delivered: () => undefined, closed: () => undefined }

/** Clients of Tinode: it names users and topics itself, so users are made first. Direct conversations are its peer-to-peer topics, groups and channels its groups. */
export class TinodeDriver implements Driver {
  readonly facts: DriverFacts
  readonly #address: string
  readonly #users: TinodeUser[] = []

  constructor(facts: DriverFacts, { ws }: { readonly ws: string }) {
    this.facts = facts
    this.#address = ws
  }

  async enrol(count: number, onEnrolled: (count: number) => void): Promise<void> {
    // Names of users are for ever, and other workers have some as well.
    const run = randomBytes(6).toString('hex')
    let [next, done] = [0, 0]
    const take = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) {
        const session = await TinodeSession.open(this.#address, SILENT)
        this.#users[index] = await session.signUp(`b${run}${String(index)}`, run)
        session.close()
        onEnrolled(++done)
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, take))
  }

  addressOf(index: number): Handle {
    return { user: this.#user(index).id }
  }

  async connect(index: number, events: ClientEvents): Promise<DriverClient> {
    const user = this.#user(index)
    const session = await TinodeSession.open(this.#address, events)
    await session.signIn(user)
    return new TinodeClient(session, user.id)
  }

  async close(): Promise<void> {
    // Sessions are all that there is, and clients end theirs.
  }

  #user(index: number): TinodeUser {
    const user = this.#users[index]
    if (user === undefined) throw new RangeError(`client ${String(index)} was not enrolled`)
    return user
  }
}

class TinodeClient implements DriverClient {
  readonly #session: TinodeSession
  readonly #user: string

  constructor(session: TinodeSession, user: string) {
    this.#session = session
    this.#user = user
  }

  async found(kind: ConversationKind, others: readonly Handle[]): Promise<Handle> {
    if (kind !== 'direct') return { topic: await this.#session.subscribe('new') }
    const [other] = others
    if (other === undefined || others.length !== 1) throw new RangeError('a direct conversation is with one other')
    const partner = textIn(other, 'user')
    // Who makes it first, so that both find it made.
    await this.#session.subscribe(partner)
    return { users: [this.#user, partner] }
  }

  async join(kind: ConversationKind, handle: Handle, events: SendEvents): Promise<DriverConversation> {
    const topic = kind === 'direct' ? this.#partnerIn(handle) : textIn(handle, 'topic')
    await this.#session.subscribe(topic)
    return { send: (payload, token) => { this.#session.publish(topic, payload, token, events) } }
  }

  close(): void {
    this.#session.close()
  }

  /** Each of the two names their topic after the other one. */
  #partnerIn(handle: Handle): string {
    const users: unknown = handle['users']
    const partner: unknown = Array.isArray(users) ? users.find((user) => user !== this.#user) : undefined
    if (typeof partner !== 'string') throw new TypeError('not the handle of a direct conversation')
    return partner
  }
}

function textIn(handle: Handle, field: string): string {
  const value = handle[field]
  if (typeof value !== 'string') throw new TypeError(`the handle has no ${field}`)
  return value
}
