import { EvegramError, parseConversationId, type Clock, type Timer } from '@evegram/protocol'
import type { EvegramClient } from '../evegram-client.js'
import type { ClientEvents } from '../events.js'
import type { Message } from '../core/message.js'
import { lastArrival } from '../core/message-row.js'
import type { FeedPlace, FeedStep } from '../core/feed.js'
import { bytesOfStream } from '../files/bytes-of-stream.js'
import type { DownloadOptions } from '../files/download.js'
import type { Exchange } from './exchange.js'
import type { Call, Frame, Shape } from './frames.js'
import type { TabBus, TabLocks } from './ports.js'
import { shapeOf, valuesOf } from './shape.js'

/** Events with which values of the client change that all tabs show. */
const TELLING_EVENTS = ['state', 'message', 'message-request', 'message-state', 'payment-failed', 'channel-post', 'upload'] as const

/** Changes of values within this time are told together. */
const TELL_MS = 20

/** What a {@link TabHost} works with. */
export interface TabHostPorts {
  readonly client: EvegramClient
  readonly bus: TabBus
  readonly exchange: Exchange
  readonly locks: TabLocks
  readonly clock: Pick<Clock, 'after'>
  /** Name of this time of leading. */
  readonly term: string
  /** Name of the lock that a tab holds while it lives. */
  readonly lifeOf: (tab: string) => string
}

/** The leader's side: its client, at the service of all tabs, its own included. */
export class TabHost {
  readonly #ports: TabHostPorts
  readonly #shape: Record<string, Shape>
  /** Which tabs listen to which event, and how to end listening to it. */
  readonly #listening = new Map<string, { readonly tabs: Set<string>; readonly end: () => void }>()
  readonly #tabs = new Map<string, AbortController>()
  readonly #telling: (() => void)[]
  #told = ''
  #tellTimer: Timer | undefined

  constructor(ports: TabHostPorts) {
    this.#ports = ports
    const { client, exchange } = ports
    this.#shape = shapeOf(client, (error) => exchange.packFor(undefined, error))
    this.#telling = TELLING_EVENTS.map((name) => client.on(name, () => { this.#tellSoon() }))
  }

  /** Says to all tabs, or to one, that this one leads. */
  announce(to?: string): void {
    const { bus, term } = this.#ports
    bus.post({ kind: 'leader', term, shape: this.#shape, values: this.#values() }, to)
  }

  /** Takes a frame that is for the leader. */
  take(frame: Frame): void {
    this.#watch(frame.from)
    if (frame.kind === 'hello') {
      for (const event of frame.events) this.#listen(event, frame.from, true)
      this.announce(frame.from)
    } else if (frame.kind === 'listen') this.#listen(frame.event, frame.from, frame.listens)
  }

  /** What a call of another tab is for. */
  async resolve({ target, once }: Call): Promise<object> {
    const { client } = this.#ports
    switch (target.on) {
      case 'client': return Object(target.path.reduce<unknown>((part, name) => Reflect.get(Object(part) as object, name), client)) as object
      case 'conversation': case 'group': return client.talkOnce(parseConversationId(target.id), once)
      case 'channel': {
        const channel = await client.channel(target.id)
        if (channel === undefined) throw new EvegramError('not_found.conversation', { operation: 'open channel' })
        return channel
      }
      case 'tabs': return this
      case 'kept': throw new EvegramError('client.leader_lost', { operation: 'call' })
      default: return target satisfies never
    }
  }

  /** Ends the service. The client stays as it is. */
  close(): void {
    for (const end of this.#telling) end()
    this.#tellTimer?.cancel()
    for (const { end } of this.#listening.values()) end()
    for (const waiting of this.#tabs.values()) waiting.abort()
    this.#listening.clear()
    this.#tabs.clear()
  }

  // What tabs ask for beside the client: pages of what their iterators give, so that these can go on at the next leader.

  /** Where an iteration over a conversation begins. */
  messagesStart(conversation: string, after: bigint | undefined): Promise<FeedPlace> {
    return this.#feed.start(parseConversationId(conversation), after)
  }

  /** The messages of a conversation behind a place. */
  messagesStep(conversation: string, place: FeedPlace): Promise<FeedStep> {
    return this.#feed.step(parseConversationId(conversation), place)
  }

  /** Where an iteration over the inbox begins. */
  async inboxStart(fromStart: boolean): Promise<FeedPlace> {
    return { after: fromStart ? 0 : await this.#feed.place() }
  }

  /** The messages of all conversations behind a place. */
  inboxStep(place: FeedPlace): Promise<FeedStep> {
    return this.#feed.step(undefined, place)
  }

  /** What came up to `arrival` was dealt with. */
  inboxDone(arrival: number): Promise<void> {
    return this.#feed.done(arrival)
  }

  /** The arrival of the newest message. */
  lastArrival(): Promise<number> {
    return lastArrival(this.#ports.client.core.core.store)
  }

  /** The user types in a conversation, or does so no more. */
  async typing(conversation: string, active: boolean): Promise<void> {
    this.#ports.client.core.typing.say(parseConversationId(conversation), active)
  }

  /** The content of a file of a message, piece by piece as the tab reads it: an iteration goes from tab to tab where a stream does not. */
  async download(message: Message, index: number, options: DownloadOptions | undefined): Promise<AsyncIterable<Uint8Array>> {
    return bytesOfStream(this.#ports.client.download(message, index, options))
  }

  get #feed(): EvegramClient['core']['feed'] {
    return this.#ports.client.core.feed
  }

  #listen(event: string, tab: string, listens: boolean): void {
    const { client, bus, exchange } = this.#ports
    const known = this.#listening.get(event)
    if (!listens) {
      known?.tabs.delete(tab)
      if (known?.tabs.size === 0) {
        known.end()
        this.#listening.delete(event)
      }
      return
    }
    if (known !== undefined) {
      known.tabs.add(tab)
      return
    }
    const tabs = new Set([tab])
    // Tabs of this version know no other events; an unknown name is listened to in vain.
    const end = client.on(event as keyof ClientEvents, (value: ClientEvents[keyof ClientEvents] | Message) => {
      for (const to of tabs) bus.post({ kind: 'event', event, value: exchange.packFor(to, value) }, to)
    })
    this.#listening.set(event, { tabs, end })
  }

  /** Forgets a tab when it is gone: its life lock comes free then. */
  #watch(tab: string): void {
    const { bus, locks, lifeOf, exchange } = this.#ports
    if (tab === bus.tab || this.#tabs.has(tab)) return
    const waiting = new AbortController()
    this.#tabs.set(tab, waiting)
    locks.hold(lifeOf(tab), { signal: waiting.signal }).then((lease) => {
      lease.release()
      this.#tabs.delete(tab)
      exchange.gone(tab)
      for (const event of [...this.#listening.keys()]) this.#listen(event, tab, false)
    }, () => {
      // Waited for no longer: this tab leads no more.
      this.#tabs.delete(tab)
    })
  }

  #values(): Record<string, unknown> {
    const { client, exchange } = this.#ports
    return Object.fromEntries(Object.entries(valuesOf(client, this.#shape)).map(([name, value]) => [name, exchange.packFor(undefined, value)]))
  }

  /** Some values change a moment behind the event. */
  #tellSoon(): void {
    this.#tellTimer ??= this.#ports.clock.after(TELL_MS, () => {
      this.#tellTimer = undefined
      this.#tellValues()
    })
  }

  #tellValues(): void {
    const values = this.#values()
    const text = JSON.stringify(values, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
    if (text === this.#told) return
    this.#told = text
    this.#ports.bus.post({ kind: 'values', values })
  }
}
