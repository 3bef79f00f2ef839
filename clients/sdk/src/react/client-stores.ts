import type { AccountId, ConversationId } from '@evegram/protocol'
import type { Client, MessageRequest } from '../client.js'
import type { ClientState, TypingEvent } from '../events.js'
import type { SettingValues } from '../setting-values.js'
import type { Presence } from '../core/contact-presence.js'
import { ConversationList } from './conversation-list.js'
import { MessageWindow, type ReadableConversation } from './message-window.js'
import { Observable, type Readable } from './observable.js'
import { presenceOf } from './presence-of.js'
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
      // A stranger may begin with something that cannot be read.
      client.on('gap', changed)
      // An archive brings what waited on another device.
      client.on('history-imported', changed)
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
    const made: Readable<Presence | undefined> = presenceOf(this.#client, addressOrAccount, (isWatched) => { keepWatched(this.#presence, addressOrAccount, made, isWatched) })
    this.#presence.set(addressOrAccount, made)
    return made
  }

  /** Who types in a conversation. The server is asked for it only while this is watched. */
  typing(id: ConversationId): Readable<readonly TypingEvent[]> {
    const known = this.#typing.get(id)
    if (known !== undefined) return known
    let stop: (() => void) | undefined
    const typing = new Observable<readonly TypingEvent[]>([], (isWatched) => {
      keepWatched(this.#typing, id, typing, isWatched)
      stop?.()
      stop = isWatched ? this.#client.on('typing', (event) => {
        if (event.conversation !== id) return
        const others = typing.getSnapshot().filter(({ account }) => account !== event.account)
        typing.set(event.typing ? [...others, event] : others)
      }) : undefined
      // What ends meanwhile would not be heard.
      if (!isWatched) typing.set([])
    })
    this.#typing.set(id, typing)
    return typing
  }
}

/**
 * A store is kept under its key exactly while somebody watches it. One component may leave it and the next one come to it in the same moment: it must be found again
 * then, or each of its changes would make another store that knows nothing yet.
 */
function keepWatched<Key, Store>(kept: Map<Key, Store>, key: Key, store: Store, isWatched: boolean): void {
  if (isWatched) kept.set(key, store)
  else if (kept.get(key) === store) kept.delete(key)
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
