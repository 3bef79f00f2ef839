import { directConversationIdOf, SIGNAL_KIND, type AccountId, type ConversationId, type DeviceId, type Signalled, type SignalKind, type Timer } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { readConversation } from '../core/conversation-row.js'
import { isBelieved } from './believed-signal.js'
import type { SignalWish } from './signal-wish.js'
import type { Presence } from '../core/contact-presence.js'

/** Bounds of telling who is there, units last. */
export const PRESENCE_LIMITS = {
  /** Contacts that are asked about at once; past it the one that was asked for longest ago is dropped. */
  watchedMax: 32,
  /** Who is asked about is asked again after this time. */
  askMs: 30_000,
  /** Who asked is told changes for so long. */
  askedMs: 75_000,
  /** Contacts who are told; past it the one who asked longest ago is not any more. */
  askersMax: 256,
  /** Answers to one contact come no more often than this. */
  answerMs: 5_000,
  /** A person is held to be at a device for so long after the program said so last. */
  hereMs: 300_000,
  /** A contact is held to be there for so long after a device of theirs said so. */
  shownMs: 75_000,
} as const

interface Watched {
  readonly account: AccountId
  readonly conversation: ConversationId
  readonly devices: Map<DeviceId, Timer>
  lastSeenAtMs: number | undefined
  asking: Timer | undefined
}

/**
 * Who is there: asked for, never spread. Only contacts whom both sides accepted learn it of each other, only while both want to tell (`presence.tell`), and only who asks.
 * Nothing is stored, and all of it may be lost.
 */
export class PresenceSignals {
  readonly #core: Core
  readonly #wish: SignalWish
  readonly #watched = new Map<AccountId, Watched>()
  /** Who asked, until when they are told (monotonic ms), and when they were answered last. */
  readonly #askers = new Map<ConversationId, { readonly untilMs: number; answeredMs: number }>()
  #here: Timer | undefined
  readonly #ends: readonly (() => void)[]

  constructor(core: Core, wish: SignalWish) {
    this.#core = core
    this.#wish = wish
    this.#ends = [
      core.events.watch('presence-changed', (listens) => { if (!listens) this.#forgetWatched() }),
      core.privacy.watch((setting, tells) => {
        if (setting !== 'presence.tell') return
        if (!tells) this.#hide()
        this.#listen()
      }),
      core.events.on('state-changed', ({ keys }) => { if (keys.some((key) => key.startsWith('contact.relation/'))) core.background.run('follow decisions', () => this.#recheck()) }),
    ]
  }

  /** What is known of an account; asks about it, now and until nobody listens to `presence-changed` any more. */
  async of(account: AccountId): Promise<Presence> {
    if (!this.#core.events.listens('presence-changed') || !(await this.#mayTell(account))) return { account, status: 'unknown' }
    const known = this.#watched.get(account)
    const watched = known ?? { account, conversation: directConversationIdOf(this.#core.account, account), devices: new Map<DeviceId, Timer>(), lastSeenAtMs: undefined, asking: undefined }
    this.#watched.delete(account)
    this.#watched.set(account, watched)
    const [oldest] = this.#watched.values()
    if (oldest !== undefined && this.#watched.size > PRESENCE_LIMITS.watchedMax) this.#forget(oldest)
    this.#listen()
    if (known === undefined) this.#ask(watched)
    return stateOf(watched)
  }

  /** The person is at this device, or not any more. Said at what they do; it ends by itself. */
  here(active: boolean): void {
    const was = this.#here !== undefined
    this.#here?.cancel()
    this.#here = active ? this.#core.clock.after(PRESENCE_LIMITS.hereMs, () => { this.here(false) }) : undefined
    if (was === active) return
    this.#listen()
    if (this.#core.privacy.tellsNow('presence.tell')) this.#tellAskers(active ? SIGNAL_KIND.presenceHere : SIGNAL_KIND.presenceAway)
  }

  /** A connection is live: those who are watched are asked about anew. */
  resume(): void {
    for (const watched of this.#watched.values()) this.#ask(watched)
  }

  /** The connection is gone: nothing is known any more. */
  pause(): void {
    this.#askers.clear()
    for (const watched of this.#watched.values()) {
      watched.asking?.cancel()
      for (const device of [...watched.devices.keys()]) this.#gone(watched, device)
    }
  }

  /** A signal came, of whatever kind. */
  async heard({ kind, conversation, account, device }: Signalled): Promise<void> {
    if (kind === SIGNAL_KIND.presenceAsked) {
      if (await this.#isContact(conversation, account, device)) this.#asked(conversation, account)
      return
    }
    const watched = this.#watched.get(account)
    if (watched?.conversation !== conversation) return
    if (kind === SIGNAL_KIND.presenceAway) this.#gone(watched, device)
    else if (kind === SIGNAL_KIND.presenceHere && await this.#isContact(conversation, account, device)) this.#seen(watched, device)
  }

  /** Forgets everything. Who asked is told that the person is gone, as far as there is a connection. */
  close(): void {
    this.here(false)
    for (const end of this.#ends) end()
    this.#forgetWatched()
  }

  #seen(watched: Watched, device: DeviceId): void {
    // Nobody asks about them any more.
    if (this.#watched.get(watched.account) !== watched) return
    const wasOnline = watched.devices.size > 0
    watched.devices.get(device)?.cancel()
    watched.devices.set(device, this.#core.clock.after(PRESENCE_LIMITS.shownMs, () => { this.#gone(watched, device) }))
    watched.lastSeenAtMs = this.#core.time.now()
    if (!wasOnline) this.#core.events.emit('presence-changed', stateOf(watched))
  }

  #gone(watched: Watched, device: DeviceId): void {
    const timer = watched.devices.get(device)
    if (timer === undefined) return
    timer.cancel()
    watched.devices.delete(device)
    if (watched.devices.size === 0) this.#core.events.emit('presence-changed', stateOf(watched))
  }

  #ask(watched: Watched): void {
    watched.asking?.cancel()
    if (this.#core.connection() === undefined) return
    this.#tell(SIGNAL_KIND.presenceAsked, watched.conversation)
    watched.asking = this.#core.clock.after(PRESENCE_LIMITS.askMs, () => { this.#ask(watched) })
  }

  #asked(conversation: ConversationId, account: AccountId): void {
    const nowMs = this.#core.clock.monotonicMs()
    const before = this.#askers.get(conversation)
    const asker = { untilMs: nowMs + PRESENCE_LIMITS.askedMs, answeredMs: before?.answeredMs ?? -Infinity }
    this.#askers.delete(conversation)
    this.#askers.set(conversation, asker)
    const [oldest] = this.#askers.keys()
    if (oldest !== undefined && this.#askers.size > PRESENCE_LIMITS.askersMax) this.#askers.delete(oldest)
    const watched = this.#watched.get(account)
    // Who begins to ask accepts this account, maybe since a moment ago: a question that came before that had no answer. Once, or two who do not answer would ask each other for ever.
    if ((before === undefined || before.untilMs <= nowMs) && watched?.devices.size === 0) this.#ask(watched)
    if (this.#here === undefined || nowMs - asker.answeredMs < PRESENCE_LIMITS.answerMs) return
    asker.answeredMs = nowMs
    this.#tell(SIGNAL_KIND.presenceHere, conversation)
  }

  #tellAskers(kind: SignalKind): void {
    const nowMs = this.#core.clock.monotonicMs()
    for (const [conversation, asker] of this.#askers) {
      if (asker.untilMs <= nowMs) this.#askers.delete(conversation)
      else {
        asker.answeredMs = kind === SIGNAL_KIND.presenceHere ? nowMs : -Infinity
        this.#tell(kind, conversation)
      }
    }
  }

  /** The user tells nobody any more: neither who asked, nor who is asked. */
  #hide(): void {
    if (this.#here !== undefined) this.#tellAskers(SIGNAL_KIND.presenceAway)
    this.#askers.clear()
    this.#forgetWatched()
  }

  /** Who is no accepted contact any more is told nothing, and not asked about. */
  async #recheck(): Promise<void> {
    for (const watched of [...this.#watched.values()]) if (!(await this.#mayTell(watched.account))) this.#forget(watched)
    for (const conversation of [...this.#askers.keys()]) {
      const row = await readConversation(this.#core.store, conversation)
      if (row !== undefined && await this.#mayTell(row.peer)) continue
      if (this.#here !== undefined) this.#tell(SIGNAL_KIND.presenceAway, conversation)
      this.#askers.delete(conversation)
    }
  }

  #forgetWatched(): void {
    for (const watched of [...this.#watched.values()]) this.#forget(watched)
    this.#listen()
  }

  #forget(watched: Watched): void {
    watched.asking?.cancel()
    const wasKnown = watched.lastSeenAtMs !== undefined
    for (const timer of watched.devices.values()) timer.cancel()
    watched.devices.clear()
    this.#watched.delete(watched.account)
    if (wasKnown) this.#core.events.emit('presence-changed', { account: watched.account, status: 'unknown' })
  }

  async #isContact(conversation: ConversationId, account: AccountId, device: DeviceId): Promise<boolean> {
    const isDirect = directConversationIdOf(this.#core.account, account) === conversation
    return isDirect && await this.#mayTell(account) && isBelieved(this.#core, { conversation, account, device })
  }

  /** Whether the own presence may be told to an account, and so asked of it. */
  async #mayTell(account: AccountId): Promise<boolean> {
    const { privacy, state } = this.#core
    return privacy.tellsNow('presence.tell') && account !== this.#core.account && (await state.get('contact.relation', account)) === 'accepted'
  }

  #listen(): void {
    this.#wish.want('presence', this.#core.privacy.tellsNow('presence.tell') && (this.#here !== undefined || this.#watched.size > 0))
  }

  #tell(kind: SignalKind, conversation: ConversationId): void {
    // Whether the connection took it does not matter: it is asked again.
    this.#core.connection()?.signal({ kind, conversation })
  }
}

function stateOf({ account, devices, lastSeenAtMs }: Watched): Presence {
  if (lastSeenAtMs === undefined) return { account, status: 'unknown' }
  return { account, status: devices.size > 0 ? 'online' : 'away', lastSeenAtMs }
}
