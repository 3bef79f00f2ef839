import { EvegramError, hexOf, type Clock, type Random, type Timer } from '@evegram/protocol'
import type { Client, InboxOptions } from '../client.js'
import type { MessagesOptions } from '../conversation.js'
import { asEvegramError } from '../core/background.js'
import { Deferred } from '../core/deferred.js'
import { cancellable, type FeedPlace, type FeedStep, type InboxItem } from '../core/feed.js'
import type { Message } from '../core/message.js'
import type { EvegramClient } from '../evegram-client.js'
import { EventHub, type ClientEvents } from '../events.js'
import { readableOf } from '../files/readable-of.js'
import { Exchange } from './exchange.js'
import { facadeOf } from './facade.js'
import { TABS_LIMITS, TABS_VERSION, type Frame, type Shape, type Target } from './frames.js'
import type { Lease, TabBus, TabLocks } from './ports.js'
import { isRetried } from './retried.js'
import { handleOf } from './shape.js'
import { TabHost } from './tab-host.js'

/** What a {@link Tab} works with. */
export interface TabPorts {
  readonly bus: TabBus
  readonly locks: TabLocks
  readonly clock: Clock
  readonly random: Random
  /** Opens the profile in this tab: called while it holds the lock of the profile. `first`: nothing led before in this tab. `onLost`: the store was taken away. */
  open(first: boolean, onLost: () => void): Promise<EvegramClient>
  /** Begins to load what leading needs, so that taking over is quick. */
  warmUp(): void
}

/** Events that every tab hears: its iterators wait for messages, and it shows where the connection stands. */
const ALWAYS_HEARD: ReadonlySet<keyof ClientEvents> = new Set<keyof ClientEvents>(['message', 'message-request', 'state'])

/** Name of the lock of whoever leads. */
const LEADER_LOCK = 'leader'
/** Pause before a tab that could not lead tries again. */
const RETRY_MS = 1_000
/** How often an iterator looks for messages even if nothing was heard. */
const LOOK_MS = 15_000
/** Messages that came while nobody led and are told as events at once; beyond them iterators alone give them. */
const MISSED_MAX = 1_000

/**
 * One tab of a profile. All tabs show the same client; one of them leads: it holds the lock, the store and the connection, the others ask it. When it
 * goes, another one leads.
 */
export class Tab {
  readonly #ports: TabPorts
  readonly #exchange: Exchange
  readonly #events: EventHub
  readonly #targets = new WeakMap<object, Target>()
  readonly #opened = new Deferred<Client>()
  readonly #abort = new AbortController()
  /** Events that somebody listened to: what a new leader is told of. */
  readonly #heard = new Set<keyof ClientEvents>()
  #values: Readonly<Record<string, unknown>> = {}
  #facade: Client | undefined
  #host: TabHost | undefined
  #lease: Lease | undefined
  #client: EvegramClient | undefined
  #life: Lease | undefined
  #term = ''
  #unanswered = 0
  #pinging: Timer | undefined
  #lastArrival: number | undefined
  #closed = false

  private constructor(ports: TabPorts) {
    this.#ports = ports
    const { bus, clock, random } = ports
    this.#events = new EventHub(clock)
    this.#exchange = new Exchange({
      bus, clock, random,
      handleOf: (value) => {
        const target = this.#targets.get(value)
        return target === undefined ? handleOf(value) : { target, properties: {}, values: {} }
      },
      openHandle: ({ target, properties, values }) => this.#facadeOf(target, properties, values),
      resolve: (call) => this.#host?.resolve(call),
    })
  }

  /** Opens this tab's view of the profile. Resolves when somebody leads; rejects as opening the client does when it was this tab's to lead. */
  static async open(ports: TabPorts): Promise<Client> {
    const tab = new Tab(ports)
    await tab.#start()
    return tab.#opened.promise
  }

  async #start(): Promise<void> {
    const { bus, clock, locks } = this.#ports
    bus.listen((frame) => { this.#take(frame) })
    this.#life = await locks.hold(lifeOf(bus.tab), {})
    this.#contend(false)
    this.#sayHello()
    this.#pinging = clock.every(TABS_LIMITS.pingMs, () => { this.#ping() })
  }

  /** Waits for the lock of the leader, for as long as this tab lives. */
  #contend(steal: boolean): void {
    const hold = this.#ports.locks.hold(LEADER_LOCK, steal ? { steal } : { signal: this.#abort.signal })
    hold.then((lease) => this.#lead(lease), (error: unknown) => {
      if (!this.#closed) this.#events.emit('fault', { operation: 'wait to lead', error: asEvegramError(error, 'wait to lead') })
    }).catch((error: unknown) => {
      this.#events.emit('fault', { operation: 'lead', error: asEvegramError(error, 'lead') })
    })
  }

  async #lead(lease: Lease): Promise<void> {
    if (this.#closed) {
      lease.release()
      return
    }
    this.#lease = lease
    const { bus, locks, random, clock } = this.#ports
    const term = hexOf(random.bytes(16))
    const down = (): void => { void this.#stepDown(lease) }
    void lease.lost.then(down)
    try {
      const client = await this.#ports.open(this.#facade === undefined, down)
      // Taken away, or closed, while it opened.
      if (this.#lease !== lease) {
        await quietly(client.close())
        return
      }
      this.#client = client
      this.#host = new TabHost({ client, bus, locks, clock, exchange: this.#exchange, term, lifeOf })
      this.#host.announce()
    } catch (cause) {
      this.#lease = undefined
      lease.release()
      const error = asEvegramError(cause, 'open profile')
      // Nobody saw this tab's client yet: whoever opens it hears why. Later it is tried again, here or in another tab.
      if (this.#facade === undefined) {
        await this.#end(error)
        return
      }
      this.#events.emit('fault', { operation: 'lead', error })
      this.#ports.clock.after(RETRY_MS, () => {
        if (!this.#closed) this.#contend(false)
      })
    }
  }

  /** Leads no more: what is open here is asked of the next leader. */
  async #stepDown(lease: Lease): Promise<void> {
    if (this.#lease !== lease) return
    this.#lease = undefined
    this.#host?.close()
    this.#host = undefined
    const client = this.#client
    this.#client = undefined
    lease.release()
    if (client !== undefined) await quietly(client.close())
    if (!this.#closed) this.#contend(false)
  }

  #take(frame: Frame): void {
    if (frame.version !== TABS_VERSION) {
      if (frame.kind === 'leader') void this.#end(new EvegramError('client.tab_version', { operation: 'open profile' }))
      // A tab of another version hears so from the leader alone.
      else if (frame.kind === 'hello') this.#host?.announce(frame.from)
      return
    }
    if (this.#exchange.take(frame)) return
    switch (frame.kind) {
      case 'leader':
        this.#follow(frame.from, frame.term, frame.shape, frame.values)
        return
      case 'values':
        this.#takeValues(frame.values)
        return
      case 'event':
        this.#tell(frame.event, this.#exchange.unpackOf(frame.value))
        return
      case 'ping':
        // A tab that is about to lead lives too.
        if (this.#lease !== undefined) this.#ports.bus.post({ kind: 'pong' }, frame.from)
        return
      case 'pong':
        this.#unanswered = 0
        return
      default:
        this.#host?.take(frame)
    }
  }

  #follow(leader: string, term: string, shape: Readonly<Record<string, Shape>>, values: Readonly<Record<string, unknown>>): void {
    this.#unanswered = 0
    this.#takeValues(values)
    if (this.#term === term) return
    this.#term = term
    // Made of the client's own properties; facade.ts says for which of its methods that cannot be.
    this.#facade ??= this.#facadeOf({ on: 'client', path: [] }, shape, undefined) as Client
    this.#exchange.follow(leader, term)
    if (leader !== this.#ports.bus.tab) this.#ports.warmUp()
    this.#sayHello(leader)
    void this.#tellMissed()
    this.#opened.resolve(this.#facade)
  }

  #takeValues(values: Readonly<Record<string, unknown>>): void {
    const before = this.#values['state']
    this.#values = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.#exchange.unpackOf(value)]))
    const state = this.#values['state']
    // A new leader connects anew: nobody told this tab of it.
    if (before !== undefined && before !== state) this.#events.emit('state', { state: this.#state })
  }

  get #state(): Client['state'] {
    // Told by the leader's client under this name.
    return this.#closed ? 'closed' : (this.#values['state'] as Client['state'])
  }

  /** Messages that were committed while nobody led: the new leader told nobody of them. */
  async #tellMissed(): Promise<void> {
    try {
      const since = this.#lastArrival
      const last = await this.#ask<number>('lastArrival')
      this.#lastArrival = Math.max(this.#lastArrival ?? 0, last)
      if (since === undefined) return
      let told = 0
      let place: FeedPlace = { after: since }
      for (let end = false; !end && told < MISSED_MAX;) {
        const step = await this.#ask<FeedStep>('inboxStep', place)
        for (const message of step.messages) if (message.arrival <= last) this.#events.emit(message.stranger === true ? 'message-request' : 'message', message)
        told += step.messages.length
        end = step.end || step.place.after >= last
        place = step.place
      }
    } catch (error) {
      if (!this.#closed) this.#events.emit('fault', { operation: 'tell missed messages', error: asEvegramError(error, 'tell missed messages') })
    }
  }

  #tell(name: string, value: unknown): void {
    if (name === 'message' || name === 'message-request') this.#lastArrival = Math.max(this.#lastArrival ?? 0, (value as Message).arrival)
    // Not again when the values come that show it too.
    if (name === 'state') this.#values = { ...this.#values, state: (value as ClientEvents['state']).state }
    // The leader's client told it under this name.
    this.#events.emit(name as keyof ClientEvents, value as ClientEvents[keyof ClientEvents])
  }

  #ping(): void {
    if (this.#lease !== undefined || this.#closed) return
    // Each question waits for its answer: a tab that slept itself has asked one at most.
    if (this.#unanswered * TABS_LIMITS.pingMs >= TABS_LIMITS.silenceMsMax && this.#facade !== undefined) {
      this.#unanswered = 0
      this.#contend(true)
      return
    }
    this.#unanswered += 1
    this.#ports.bus.post({ kind: 'ping' })
  }

  #sayHello(to?: string): void {
    const events = [...ALWAYS_HEARD, ...[...this.#heard].filter((name) => !ALWAYS_HEARD.has(name) && this.#events.listens(name))]
    this.#ports.bus.post({ kind: 'hello', events }, to)
  }

  #facadeOf(target: Target, shape: Readonly<Record<string, Shape>>, values: Readonly<Record<string, unknown>> | undefined): object {
    return facadeOf({
      random: this.#ports.random,
      call: (on, method, args) => this.#exchange.call(on, method, args, isRetried(on, method)),
      value: (name) => (name === 'state' ? this.#state : this.#values[name]),
      unpackError: (packed) => this.#exchange.unpackOf(packed),
      on: (name, listener) => this.#on(name, listener),
      close: () => this.#end(new EvegramError('client.closed', { operation: 'use client' })),
      nowMs: () => this.#ports.clock.now(),
      messages: (conversation, options) => this.#messages(conversation, options),
      inbox: (options) => this.#inbox(options),
      download: (message, index, options) => readableOf(async () => (await this.#ask<AsyncIterable<Uint8Array>>('download', message, index, options))[Symbol.asyncIterator]()),
      note: (facade, noted) => { this.#targets.set(facade, noted) },
    }, target, shape, values)
  }

  #on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    const had = this.#events.listens(name)
    const off = this.#events.on(name, listener)
    this.#heard.add(name)
    if (!had && !ALWAYS_HEARD.has(name)) this.#ports.bus.post({ kind: 'listen', event: name, listens: true })
    return () => {
      off()
      if (!ALWAYS_HEARD.has(name) && !this.#events.listens(name) && !this.#closed) this.#ports.bus.post({ kind: 'listen', event: name, listens: false })
    }
  }

  #messages(conversation: string, { after, live = true }: MessagesOptions = {}): AsyncIterable<Message> {
    return cancellable((signal) => this.#walk(signal, live, () => this.#ask<FeedPlace>('messagesStart', conversation, after), (place) => this.#ask<FeedStep>('messagesStep', conversation, place)))
  }

  #inbox({ fromStart, signal: outer }: InboxOptions): AsyncIterable<InboxItem> {
    const done = async (arrival: number): Promise<void> => { await this.#ask<void>('inboxDone', arrival) }
    return cancellable((signal) => itemsOf(this.#walk(signal, true, () => this.#ask<FeedPlace>('inboxStart', fromStart), (place) => this.#ask<FeedStep>('inboxStep', place)), done), outer)
  }

  async *#walk(signal: AbortSignal, live: boolean, start: () => Promise<FeedPlace>, next: (place: FeedPlace) => Promise<FeedStep>): AsyncGenerator<Message> {
    let place: FeedPlace | undefined
    while (!signal.aborted && !this.#closed) {
      // Asked for before looking: a message told in between must not be slept through.
      const news = this.#news(signal)
      try {
        place ??= await start()
        const step: FeedStep = await next(place)
        for (const message of step.messages) {
          if (signal.aborted || this.#closed) return
          yield message
        }
        place = step.place
        if (place.from !== undefined || !step.end) continue
        if (!live) return
        await news.heard
      } catch (error) {
        if (this.#closed) return
        throw error
      } finally {
        news.quit()
      }
    }
  }

  /** `heard` resolves with the next message, the next leader, after a while, or when nobody waits any more. */
  #news(signal: AbortSignal): { readonly heard: Promise<void>; quit(): void } {
    const heard = new Deferred<void>()
    const timer = this.#ports.clock.after(LOOK_MS, () => { end() })
    const off = [this.#events.on('message', () => { end() }), this.#events.on('state', () => { end() })]
    const end = (): void => {
      timer.cancel()
      for (const stop of off) stop()
      signal.removeEventListener('abort', end)
      heard.resolve()
    }
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    return { heard: heard.promise, quit: end }
  }

  /** Asks the leader for something that tabs alone ask for; the leader's class gives it this shape. */
  async #ask<Result>(method: string, ...args: readonly unknown[]): Promise<Result> {
    return (await this.#exchange.call({ on: 'tabs' }, method, args, isRetried({ on: 'tabs' }, method))) as Result
  }

  /** This tab takes no part any more. */
  async #end(error: EvegramError): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#abort.abort()
    this.#pinging?.cancel()
    const lease = this.#lease
    const client = this.#client
    this.#lease = undefined
    this.#host?.close()
    this.#host = undefined
    this.#exchange.close()
    // What waits in this tab's client goes on in the next leader's.
    if (client !== undefined) await quietly(client.close())
    lease?.release()
    this.#life?.release()
    this.#ports.bus.close()
    this.#events.emit('state', { state: 'closed' })
    this.#opened.reject(error)
  }
}

function lifeOf(tab: string): string {
  return `tab/${tab}`
}

/** A client whose store was taken away cannot end in order; there is nothing left to be told. */
async function quietly(closing: Promise<void>): Promise<void> {
  await closing.catch(() => undefined)
}

async function* itemsOf(messages: AsyncGenerator<Message>, done: (arrival: number) => Promise<void>): AsyncGenerator<InboxItem> {
  for await (const message of messages) yield { message, done: () => done(message.arrival) }
}
