import { randomBytes } from 'node:crypto'
import { createClient, createLocalWallet, MemoryStore, type Client } from '@evegram/sdk'
import { nodePrimitives, nodeSigner, nodeSystem } from '@evegram/sdk/node'
import { inParallel } from '../in-parallel.js'
import type { ConversationKind } from '../plan/cast.js'
import type { ClientEvents, Driver, DriverClient, DriverConversation, DriverFacts, Handle, SendEvents } from './driver.js'
import { EVEGRAM_FACTS } from './evegram-driver.js'
import { inTime } from './in-time.js'

/** Accounts that sign in at the same time. */
const SIGN_INS_AT_ONCE = 8
/** How often a member looks for the group that another one made. */
const LOOK_EVERY_MS = 20

/** What the harness says of the product when the SDK encrypts. */
export const EVEGRAM_E2EE_FACTS: DriverFacts = {
  ...EVEGRAM_FACTS, summary: 'this product through its SDK: every message is encrypted, decrypted, verified and kept by the clients; every acknowledgement is durable',
}

/** Where the server is. */
export interface EvegramSdkSettings {
  readonly url: string
}

/** Real clients: each is an SDK with a store of its own in memory, a wallet, and sessions with whom it talks to. */
export class EvegramSdkDriver implements Driver {
  readonly facts = EVEGRAM_E2EE_FACTS
  readonly #settings: EvegramSdkSettings
  #clients: readonly (Client | undefined)[] = []

  constructor(settings: EvegramSdkSettings) {
    this.#settings = settings
  }

  async enrol(count: number, onEnrolled: (count: number) => void): Promise<void> {
    const clients = new Array<Client | undefined>(count).fill(undefined)
    this.#clients = clients
    let enrolled = 0
    await inParallel([...clients.keys()], SIGN_INS_AT_ONCE, async (index) => {
      clients[index] = await createClient({
        url: this.#settings.url, wallet: createLocalWallet('solana', new Uint8Array(randomBytes(32))), store: new MemoryStore(), system: nodeSystem(),
        signalPrimitives: nodePrimitives, loadSigner: nodeSigner, agent: 'evegram-bench', requests: 'accept-all',
      })
      onEnrolled(++enrolled)
    })
  }

  addressOf(index: number): Handle {
    return { account: this.#client(index).account }
  }

  async connect(index: number, events: ClientEvents): Promise<DriverClient> {
    const client = this.#client(index)
    await inTime('connect', client.whenSynced())
    return new SdkClient(client, events)
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.flatMap((client) => client?.close() ?? []))
  }

  #client(index: number): Client {
    const client = this.#clients[index]
    if (client === undefined) throw new RangeError(`client ${String(index)} was not enrolled`)
    return client
  }
}

/** One signed-in SDK. */
class SdkClient implements DriverClient {
  readonly #client: Client
  readonly #stops: readonly (() => void)[]
  #isEnded = false

  constructor(client: Client, events: ClientEvents) {
    this.#client = client
    this.#stops = [
      client.on('message', ({ direction, text }) => { if (direction === 'in') events.delivered(payloadOf(text)) }),
      client.on('channel-post', ({ by, text }) => { if (by !== client.account) events.delivered(payloadOf(text)) }),
      // What could not be read counts at once, though it may be healed: a run in which that happens is not a good one.
      client.on('security', ({ code }) => { if (code.startsWith('e2ee.')) events.delivered(new Uint8Array(0)) }),
      client.on('state', ({ state, error }) => {
        if (state !== 'offline' && state !== 'closed') return
        // The SDK would go on trying; the harness counts who was disconnected.
        if (this.#end()) events.closed(error?.code ?? state)
      }),
    ]
  }

  async found(kind: ConversationKind, others: readonly Handle[]): Promise<Handle> {
    const accounts = others.map(accountOf)
    switch (kind) {
      case 'direct': {
        const [partner] = accounts
        if (partner === undefined || accounts.length !== 1) throw new RangeError('a direct conversation is with one other')
        return { founder: this.#client.account, partner }
      }
      case 'group': return { group: (await this.#client.createGroup('bench', accounts)).id }
      case 'channel': return { link: (await this.#client.createChannel({ name: 'bench' })).link, author: this.#client.account }
      default: return kind satisfies never
    }
  }

  async join(kind: ConversationKind, handle: Handle, events: SendEvents): Promise<DriverConversation> {
    switch (kind) {
      case 'direct': {
        const [founder, partner] = [String(handle['founder']), String(handle['partner'])]
        const conversation = await this.#client.conversation(founder === this.#client.account ? partner : founder)
        return sending(async (text) => (await conversation.send(text)).acked, events)
      }
      case 'group': {
        const group = await inTime('show the group', this.#groupOf(String(handle['group'])))
        return sending(async (text) => (await group.send(text)).acked, events)
      }
      case 'channel': {
        const link = String(handle['link'])
        if (handle['author'] !== this.#client.account) {
          await this.#client.followChannel(link)
          return { send: (_payload, token) => { events.refused(token, 'a follower does not post') } }
        }
        const channel = (await this.#client.channels()).find((known) => known.link === link)
        if (channel === undefined) throw new Error('the author does not know the channel')
        return sending((text) => channel.post(text), events)
      }
      default: return kind satisfies never
    }
  }

  close(): void {
    this.#end()
  }

  /** The group, once this member has heard of it. */
  async #groupOf(id: string): ReturnType<Client['group']> {
    for (;;) {
      const group = (await this.#client.groups()).find((known) => known.id === id)
      if (group !== undefined) return group
      if (this.#isEnded) throw new Error('the connection ended')
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }

  #end(): boolean {
    if (this.#isEnded) return false
    this.#isEnded = true
    for (const stop of this.#stops) stop()
    // A failure to close changes no figure; `close` of the driver waits for it and tells.
    void this.#client.close().catch(() => undefined)
    return true
  }
}

/** Messages of a conversation leave in the order in which they are given: the SDK commits them one behind the other. */
function sending(send: (text: string) => Promise<unknown>, events: SendEvents): DriverConversation {
  return {
    send: (payload, token) => {
      send(Buffer.from(payload).toString('base64')).then(
        () => { events.acknowledged(token) },
        (error: unknown) => { events.refused(token, error instanceof Error && 'code' in error ? String(error.code) : String(error)) },
      )
    },
  }
}

/** A message is a text: payloads travel in base64. */
function payloadOf(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}

function accountOf(handle: Handle): string {
  return String(handle['account'])
}
