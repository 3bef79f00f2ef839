import {
  EvegramError, type AccountId, type Clock, type ConversationId, type DeviceId, type ErrorCode, type MembershipKind, type MessageId,
} from '@evegram/protocol'
import type { ImportCounts } from './archive/import-counts.js'
import type { ChannelGap, ChannelPostShown } from './core/channel-row.js'
import type { Message } from './core/message.js'
import type { RequestStatus } from './core/request-status.js'
import type { ServerNotice } from './core/notice-row.js'
import type { HistoryChanged, HistoryProgress, HistoryRequested } from './history/history.js'
import type { UploadEvent } from './files/upload-event.js'
import type { WalletNotice } from './money/notice.js'
import type { GapReason } from './sync/chain-state.js'
import type { Presence } from './core/contact-presence.js'
import type { MessageChangeKind } from './core/message-changes.js'

/** Where a client stands. */
export type ClientState = 'connecting' | 'catching_up' | 'live' | 'offline' | 'closed'

/** Messages that are missing: of one device's chain, or (without a conversation) everything between two moments. */
export interface GapEvent {
  /** Absent for a discontinuity: the server keeps nothing older than `untilMs`. */
  readonly conversation?: ConversationId
  readonly account?: AccountId
  readonly device?: DeviceId
  readonly epoch?: number
  /** First and last missing number. */
  readonly from?: number
  readonly to?: number
  /** Of a discontinuity: everything between these moments (ms since 1970) may be missing. */
  readonly sinceMs?: number
  readonly untilMs?: number
  readonly reason: GapReason
}

/** What a client tells, by name. */
export interface ClientEvents {
  /** A message was shown: it is durable in the local store. Own messages of this and of other devices included. */
  'message': Message
  /** A message of a stranger waits: it is durable in the local store, and told so instead of as `message`. See `Client.requests`. */
  'message-request': Message
  /** A request was accepted, declined or blocked, here or on another own device. Where the other device did not know of all that waits here, the rest is still a request. */
  'request-changed': { readonly conversation: ConversationId; readonly status: RequestStatus }
  /** What a message shows changed: a reaction came or went, its author edited it, or it was deleted for everybody. Durable in the local store. */
  'message-changed': MessageChangedEvent
  /** The time of a message was over: it is gone from this device, with what was said about it. */
  'message-expired': { readonly conversation: ConversationId; readonly messageId: MessageId }
  /** From now on messages of a conversation disappear `seconds` after they were read, or with 0 no more. */
  'timer-changed': { readonly conversation: ConversationId; readonly seconds: number; readonly by: AccountId }
  /** The state of an own message changed; `error` says why it failed. */
  'message-state': { readonly messageId: MessageId; readonly conversation: ConversationId; readonly state: Message['state']; readonly error?: EvegramError }
  /** A member of a conversation received or read more of what was said from here: see `Conversation.receipts`. Durable in the local store. */
  'receipts-changed': { readonly conversation: ConversationId; readonly account: AccountId; readonly kind: 'received' | 'read' }
  /** Files of an own message are on their way: told at every piece, at their end, and when they never will be sent. */
  'upload': UploadEvent
  /** A device was added to the own account or to a peer's. */
  'device-added': DeviceEvent & { readonly approvedBy?: DeviceId }
  'device-revoked': DeviceEvent
  /** The keys behind an account changed so that "verified" no longer holds (or an address leads to another account). */
  'identity-changed': { readonly account: AccountId; readonly address: string; readonly wasVerified: boolean }
  'gap': GapEvent
  /** The server showed a log that contradicts what was seen before, or withholds entries: `account.log_rolled_back`, `account.log_withheld`, ... */
  'account-alarm': { readonly account: AccountId; readonly code: ErrorCode; readonly error: EvegramError }
  /** Somebody of a conversation types, or does so no more. The server is asked for it only while somebody listens to this event. */
  'typing': TypingEvent
  /** A contact that `Client.presence.of` was asked about came or went, or may not be asked about any more. */
  'presence-changed': Presence
  'state': { readonly state: ClientState; readonly error?: EvegramError }
  /** Contacts, settings, drafts, read markers or flags changed, here or on another own device: `keys` are those of docs/offline.md. */
  'state-changed': { readonly keys: readonly string[] }
  /** Something was refused. `count` is how often that code was refused since the start. */
  'security': SecurityEvent
  /** The verified membership log of a group went on: who came and went by one entry, and whether its author was revoked since. */
  'group-changed': GroupEvent
  /** The server refused this account as a member of a group, when the group was refreshed: who is removed is shown nothing that is said since, that they were removed neither. */
  'group-gone': { readonly conversation: ConversationId }
  /** A group has another name, said by an owner or admin. */
  'group-named': { readonly conversation: ConversationId; readonly name: string; readonly by: AccountId }
  /** The server showed entries of a membership log that break its rules, or another log than before: the group stays as it was. */
  'group-alarm': { readonly conversation: ConversationId; readonly code: ErrorCode; readonly reason: string }
  /** A post of a channel was shown: it is durable in the local store. Own posts included. */
  'channel-post': ChannelPostEvent
  /** The authors of a channel changed by one verified entry of its membership log, or it got another name. */
  'channel-changed': ChannelChangedEvent
  /** Posts of a channel are missing. Those that are withheld are asked for again; those that are expired are gone. */
  'channel-gap': ChannelGap
  /**
   * The server showed something of a channel that breaks its rules: another history than before, a post that its author did not sign or had no right to.
   * The channel stays as it was until the server shows what is right.
   */
  'channel-alarm': { readonly channel: ConversationId; readonly code: ErrorCode; readonly reason: string }
  /** An own post will never be posted: the server refused it for good. `Channel.post` rejects with the same error. */
  'channel-post-failed': { readonly channel: ConversationId; readonly text: string; readonly error: EvegramError }
  /** A payment that this device decided on was refused: nothing moved, and nothing was said of it. */
  'payment-failed': PaymentFailedEvent
  /** What `Client.wallet.payments` gives of a conversation is another: decided on, moved, told, refused or put away. */
  'payment-changed': { readonly conversation: ConversationId; readonly transfer: string }
  /** A request about money waits: the ledger of the server is starting. */
  'ledger-starting': Readonly<Record<never, never>>
  /** The server told the own account something: verified, durable in the local store, once. It points to the own statement, which alone says what was paid. */
  'server-notice': ServerNotice
  /** Something happened to the own money: made of the own statement, durable in the local store. */
  'wallet-notice': WalletNotice
  /** A message that could not be read before was sent again and is shown. */
  'session-healed': { readonly account: AccountId; readonly device: DeviceId; readonly conversation: ConversationId; readonly messageId: MessageId }
  /** An archive was merged into this profile: what it brought is in the histories of the conversations, and no `message` was told for it. */
  'history-imported': ImportCounts
  /** Another own device asks this one for history: its person says yes or no, see `Client.history`. */
  'history-request': HistoryRequested
  /** How far history is on its way to or from another own device. */
  'history-progress': HistoryProgress
  /** A request for history got another state, here or on the other device. */
  'history-changed': HistoryChanged
  /** A task in the background failed and will be tried again. */
  'fault': { readonly operation: string; readonly error: EvegramError }
}

/** One change of a message. */
export interface MessageChangedEvent {
  /** As it is shown now. */
  readonly message: Message
  readonly change: MessageChangeKind
  /** Who made it. */
  readonly by: AccountId
}

/** A payment that the wallet bridge refused. */
export interface PaymentFailedEvent {
  readonly conversation: ConversationId
  readonly transfer: string
  readonly asset: string
  readonly amount: bigint
  readonly error: EvegramError
}

/** One verified change of a group. */
export interface GroupEvent {
  readonly conversation: ConversationId
  readonly version: number
  readonly kind: MembershipKind
  /** Who made it. */
  readonly by: AccountId
  readonly joined: readonly AccountId[]
  readonly left: readonly AccountId[]
  /** The device that signed it is revoked by now: somebody may have used its key and an old state of the account. */
  readonly signerRevokedSince: boolean
}

/** A post, and what its channel is called by now. */
export interface ChannelPostEvent extends ChannelPostShown {
  readonly name: string
}

/** One change of a channel. */
export interface ChannelChangedEvent {
  readonly channel: ConversationId
  readonly name: string
  /** Number of the newest entry of the membership log that this device verified. */
  readonly version: number
  /** Who made the change. */
  readonly by: AccountId
  readonly joined: readonly AccountId[]
  readonly left: readonly AccountId[]
}

/** Who types. A hint of the moment: the server sees it and could make it up, so nothing may rest on it. It ends by itself. */
export interface TypingEvent {
  readonly conversation: ConversationId
  readonly account: AccountId
  /** Of the founding wallet, from the verified log. */
  readonly address: string
  readonly typing: boolean
}

/** A device and whose it is. */
export interface DeviceEvent {
  readonly account: AccountId
  /** Of the founding wallet, from the verified log. */
  readonly address: string
  readonly device: DeviceId
  readonly own: boolean
}

/** What was refused, from whom, as far as it is known. */
export interface SecurityEvent {
  readonly code: ErrorCode
  readonly count: number
  readonly conversation?: ConversationId
  readonly account?: AccountId
  readonly device?: DeviceId
  readonly messageId?: MessageId
  /** The field or check that failed. */
  readonly detail?: string
}

/** Listeners that one event may have; past it `on` throws `limited.queue`. */
const LISTENERS_MAX = 1_000

/** Hands events to listeners, in order, at once. */
export class EventHub {
  readonly #clock: Clock
  readonly #listeners = new Map<keyof ClientEvents, Set<(event: never) => void>>()
  readonly #watchers = new Map<keyof ClientEvents, Set<(listens: boolean) => void>>()
  readonly #counts = new Map<ErrorCode, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `listener` with every `name` event until the returned function is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    if (listeners.size >= LISTENERS_MAX) throw new EvegramError('limited.queue', { operation: 'add listener' })
    const had = listeners.size
    listeners.add(listener)
    this.#listeners.set(name, listeners)
    if (had === 0) this.#tellWatchers(name, true)
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#tellWatchers(name, false)
    }
  }

  /** Whether somebody listens to `name` events. */
  listens(name: keyof ClientEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** Calls `told` when the first listener of `name` comes and when the last one goes, until the returned function is called. */
  watch(name: keyof ClientEvents, told: (listens: boolean) => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, watchers.add(told))
    return () => {
      watchers.delete(told)
    }
  }

  /** Calls the listeners of `name`. A listener that throws is a fault of the program: it is thrown on outside of the core. */
  emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        // The set under `name` holds listeners of `name` alone: `on` is the only writer.
        ;(listener as (event: ClientEvents[Name]) => void)(event)
      } catch (error) {
        this.#clock.after(0, () => {
          throw error
        })
      }
    }
  }

  /** Counts and tells a refusal. */
  refuse(event: Omit<SecurityEvent, 'count'>): void {
    const count = (this.#counts.get(event.code) ?? 0) + 1
    this.#counts.set(event.code, count)
    this.emit('security', { ...event, count })
  }

  #tellWatchers(name: keyof ClientEvents, listens: boolean): void {
    for (const told of this.#watchers.get(name) ?? []) told(listens)
  }

  /** How often each code was refused since the start. */
  get refusals(): ReadonlyMap<ErrorCode, number> {
    return this.#counts
  }
}
