import type { AccountId, ConversationId } from '@evegram/protocol'
import type { Client, MessageRequest } from '../client.js'
import type { ClientState, TypingEvent } from '../events.js'
import type { SettingValues } from '../settings.js'
import type { Presence } from '../sync/presence.js'
import { ConversationList } from './conversation-list.js'
import { MessageWindow, type ReadableConversation } from './message-window.js'
import { Observable, type Readable } from './observable.js'
import { Reread } from './reread.js'
import { UploadList } from './upload-list.js'

/** Windows that are kept while nobody shows them, so that coming back is instant. */
const IDLE_WINDOWS_MAX = 6

/** Everything that components read of one client. It lives beside the client, not in a component: mounting twice changes nothing. */
export class ClientStores {
  readonly state: Readable<ClientState>
  readonly conversations: ConversationList
  /** What strangers began, the newest first. */
  readonly requests: Reread<readonly MessageRequest[]>
  /** The names that the user gave to people. */
  readonly names: Reread<ReadonlyMap<AccountId, string>>
  /** Whom the user blocked. */
  readonly blocked: Reread<readonly AccountId[]>
  readonly settings: Reread<SettingValues>
  /** Files on their way to the server. */
  readonly uploads: UploadList
  readonly #client: Client
  readonly #windows = new Map<ConversationId, MessageWindow>()
  readonly #typing = new Map<ConversationId, Readable<readonly TypingEvent[]>>()

  readonly #presence = new Map<string, Readable<Presence | undefined>>()

  constructor(client: Client) {
    this.#client = client
    const state = new Observable<ClientState>(client.state)
    client.on('state', (event) => { state.set(event.state) })
    this.state = state
    this.conversations = new ConversationList(client)
    this.requests = new Reread(() => client.requests(), (changed) => {
      client.on('message-request', changed)
      client.on('request-changed', changed)
      client.on('group-changed', changed)
      client.on('group-named', changed)
    })
    const whenKept = (start: string) => (changed: () => void): void => { client.on('state-changed', ({ keys }) => { if (keys.some((key) => key.startsWith(start))) changed() }) }
    this.names = new Reread(async () => new Map((await client.contacts.list()).flatMap(({ account, name }) => (name === undefined ? [] : [[account, name] as const]))), whenKept('contact.name/'))
    this.blocked = new Reread(() => client.blocked(), whenKept('contact.relation/'))
    this.uploads = new UploadList(client)
    this.settings = new Reread(() => client.settings.all(), whenKept('setting/'))
  }

  /** The window onto the messages of a direct conversation or group of this profile. */
  messages(id: ConversationId): MessageWindow {
    const known = this.#windows.get(id)
    if (known !== undefined) return known
    const idle = [...this.#windows].filter(([, window]) => !window.isWatched)
    for (const [old, window] of idle.slice(0, Math.max(0, idle.length - IDLE_WINDOWS_MAX + 1))) {
      window.close()
      this.#windows.delete(old)
    }
    const made = new MessageWindow(this.#client, id, () => findConversation(this.#client, id))
    this.#windows.set(id, made)
    return made
  }

  /** Whether a contact is there, by address or account id. */
  presence(addressOrAccount: string): Readable<Presence | undefined> {
    const known = this.#presence.get(addressOrAccount)
    if (known !== undefined) return known
    const made = presenceOf(this.#client, addressOrAccount, () => { this.#presence.delete(addressOrAccount) })
    this.#presence.set(addressOrAccount, made)
    return made
  }

  /** Who types in a conversation. The server is asked for it only while this is watched. */
  typing(id: ConversationId): Readable<readonly TypingEvent[]> {
    const known = this.#typing.get(id)
    if (known !== undefined) return known
    let stop: (() => void) | undefined
    const typing = new Observable<readonly TypingEvent[]>([], (isWatched) => {
      stop?.()
      stop = isWatched ? this.#client.on('typing', (event) => {
        if (event.conversation !== id) return
        const others = typing.getSnapshot().filter(({ account }) => account !== event.account)
        typing.set(event.typing ? [...others, event] : others)
      }) : undefined
      if (!isWatched) {
        // What ends meanwhile would not be heard.
        typing.set([])
        this.#typing.delete(id)
      }
    })
    this.#typing.set(id, typing)
    return typing
  }
}

/** What is known of a contact. It is asked about while this is watched; what cannot be asked stays undefined. */
function presenceOf(client: Client, addressOrAccount: string, ended: () => void): Readable<Presence | undefined> {
  let stop: (() => void) | undefined
  const presence = new Observable<Presence | undefined>(undefined, (isWatched) => {
    stop?.()
    stop = undefined
    if (!isWatched) {
      ended()
      return
    }
    let isOver = false
    let account: Presence['account'] | undefined
    const early = new Map<Presence['account'], Presence>()
    const unlisten = client.on('presence-changed', (state) => {
      // Before the account of an address is known, which of them is meant is not either.
      if (account === undefined) early.set(state.account, state)
      else if (state.account === account) presence.set(state)
    })
    stop = () => {
      isOver = true
      unlisten()
    }
    client.presence.of(addressOrAccount).then((state) => {
      if (isOver) return
      account = state.account
      presence.set(early.get(state.account) ?? state)
      early.clear()
    }, () => undefined)
  })
  return presence
}

const stores = new WeakMap<Client, ClientStores>()

/** The stores of a client: made once, kept as long as the client. */
export function storesOf(client: Client): ClientStores {
  const known = stores.get(client)
  if (known !== undefined) return known
  const made = new ClientStores(client)
  stores.set(client, made)
  return made
}

/** A direct conversation or group of the profile by its id. Rejects `not_found.conversation`. */
export async function findConversation(client: Client, id: ConversationId): Promise<ReadableConversation> {
  return (await client.conversations()).find((conversation) => conversation.id === id) ?? client.group(id)
}
