import { EvegramError, isEvegramError, type AccountId, type ConversationId } from '@evegram/protocol'
import type { ServerClock } from '../api/server-clock.js'
import type { EventHub } from '../events.js'
import type { Relation } from '../state/register-keys.js'
import type { Registers } from '../state/registers.js'
import type { LocalStore } from '../store/local-store.js'
import { readOwnChain } from '../sync/chain-row.js'
import { isGroup, type ConversationRow } from './conversation-row.js'
import { decodeMessage, encodeMessage, MESSAGE_PREFIX } from './message-row.js'
import type { ReceiptBook } from './receipt-book.js'
import { listRequests, readRequest, removeRequest, writeRequest, type RequestRow } from './request-row.js'
import type { Transaction } from './transaction.js'
import type { RequestStatus } from './request-status.js'

/** What happens to messages of strangers: they wait for the user, or are taken as those of everybody. */
export type RequestPolicy = 'ask' | 'accept-all'

/** Requests that wait at once; what further strangers write is received, counted (`limited.queue`) and not shown. */
export const REQUESTS_MAX = 1_000
/** Messages of one request that are kept; further ones are counted in it. */
export const REQUEST_MESSAGES_MAX = 200

/** What becomes of a message: shown as any other, shown as one of a stranger, or received for its chain's sake alone. */
export type Admission = 'shown' | 'stranger' | 'hidden'

const ROWS_PER_READ = 500

/** Whether somebody may be asked for what of theirs is missing or cannot be read. `waits`: the user has not decided about them yet. `never`: they are blocked, or were declined. */
export type AskConsent = 'now' | 'waits' | 'never'

/** What {@link MessageRequests} work on. */
export interface RequestPorts {
  readonly account: AccountId
  readonly store: LocalStore
  readonly state: Registers
  readonly events: EventHub
  /** Server time as far as known. */
  readonly time: ServerClock
  readonly receipts: ReceiptBook
}

/**
 * Who may write here. A stranger is somebody whom the user did not accept and never wrote to; what was decided is a register of the account's state, so all own
 * devices know it. What waits is in memory too, since typing has to ask at every key.
 */
export class MessageRequests {
  readonly #core: RequestPorts
  readonly #policy: RequestPolicy
  readonly #waiting = new Map<ConversationId, RequestRow>()

  constructor(core: RequestPorts, policy: RequestPolicy) {
    this.#core = core
    this.#policy = policy
  }

  /** Reads what the last run left. Call once. */
  async load(): Promise<void> {
    for (const row of await listRequests(this.#core.store)) this.#waiting.set(row.conversation, row)
  }

  /** What waits, the newest first. */
  list(): readonly RequestRow[] {
    return [...this.#waiting.values()].sort((left, right) => right.firstAtMs - left.firstAtMs)
  }

  /** Whether the conversation waits for the user: nothing of them is told to the other side. */
  isWaiting(conversation: ConversationId): boolean {
    return this.#waiting.has(conversation)
  }

  /** Whether the user blocked an account. */
  async isBlocked(account: AccountId, source: Pick<Transaction, 'get'> = this.#core.store): Promise<boolean> {
    return (await this.#core.state.get('contact.relation', account, source)) === 'blocked'
  }

  /**
   * Stages what becomes of what somebody else says at `order`. A message is noted in its request; what is said about messages (a `change`) begins none and is not counted: it
   * waits with the message that it is about, whichever comes first.
   */
  async admit(tx: Transaction, conversation: ConversationRow, from: AccountId, order: bigint, says: 'message' | 'change'): Promise<Admission> {
    const relation = await this.#core.state.get('contact.relation', from, tx)
    if (relation === 'blocked') return 'hidden'
    const inGroup = isGroup(conversation)
    const ofGroup = inGroup ? await this.#core.state.get('conversation.relation', conversation.conversation, tx) : undefined
    if (ofGroup === 'blocked') return 'hidden'
    const known = await readRequest(tx, conversation.conversation)
    if (known === undefined && (this.#policy === 'accept-all' || inGroup || (await this.#isKnown(tx, from, conversation.conversation)))) return 'shown'
    if (!inGroup && (await this.#isDeclined(tx, conversation.conversation, order))) return 'hidden'
    if (says === 'change') return 'stranger'
    const before = known ?? { conversation: conversation.conversation, account: from, group: inGroup, firstAtMs: this.#core.time.now(), messages: 0, dropped: 0 }
    if (known === undefined && this.#isFull(from, conversation.conversation)) return 'hidden'
    const isRoom = before.messages < REQUEST_MESSAGES_MAX
    this.#put(tx, isRoom ? { ...before, messages: before.messages + 1 } : { ...before, dropped: before.dropped + 1 })
    return isRoom ? 'stranger' : 'hidden'
  }

  /**
   * Whether `from` may be asked for what is missing: asking tells them that something of theirs came, and that somebody is here. What a stranger begins with something
   * that cannot be read is staged as a request, so that it is not lost in silence.
   */
  async mayAsk(tx: Transaction, conversation: ConversationRow, from: AccountId): Promise<AskConsent> {
    const { account: me, state } = this.#core
    if (from === me) return 'now'
    if ((await state.get('contact.relation', from, tx)) === 'blocked') return 'never'
    const id = conversation.conversation
    const inGroup = isGroup(conversation)
    if (inGroup && (await state.get('conversation.relation', id, tx)) === 'blocked') return 'never'
    if ((await readRequest(tx, id)) !== undefined) return 'waits'
    if (inGroup || this.#policy === 'accept-all' || (await this.#isKnown(tx, from, id))) return 'now'
    // What is readable of theirs, and comes behind what was declined, begins a new request.
    if ((await state.get('request.declined', id, tx)) !== undefined || this.#isFull(from, id)) return 'never'
    this.#put(tx, { conversation: id, account: from, group: false, firstAtMs: this.#core.time.now(), messages: 0, dropped: 1 })
    return 'waits'
  }

  /**
   * Whether the other side of a conversation may be told something of this account by itself, as `source` sees it: that says that somebody is here. Of direct ones only those
   * with people whom the user accepted or wrote to, and did not block; of groups those that the user is in, and neither has to decide about nor declined.
   */
  async mayTell(source: Pick<Transaction, 'get'>, conversation: ConversationRow): Promise<boolean> {
    const { account: me, state } = this.#core
    const { conversation: id, peer, members } = conversation
    if ((await readRequest(source, id)) !== undefined) return false
    if (isGroup(conversation)) return members.includes(me) && (await state.get('conversation.relation', id, source)) !== 'blocked'
    if (peer === me) return true
    if ((await state.get('contact.relation', peer, source)) === 'blocked') return false
    return this.#policy === 'accept-all' || this.#isKnown(source, peer, id)
  }

  /**
   * Stages a request of an archive, without its messages, which {@link restored} counts. Resolves with what becomes of it: it waits (`stranger`), is one of anybody
   * (`shown`: the user accepted since, or messages of strangers are taken as those of everybody), or there is nothing to show of it. `highest` is the highest order
   * key that is known of the conversation.
   */
  async restore(tx: Transaction, request: Omit<RequestRow, 'messages'>, highest: bigint): Promise<Admission> {
    const { conversation, account, group } = request
    if ((await readRequest(tx, conversation)) !== undefined) return 'stranger'
    const relation = await this.#relation(tx, conversation, account, group)
    if (relation === 'blocked') return 'hidden'
    if (this.#policy === 'accept-all' || relation === 'accepted' || (!group && (await this.#isKnown(tx, account, conversation)))) return 'shown'
    if ((!group && (await this.#isDeclined(tx, conversation, highest))) || this.#isFull(account, conversation)) return 'hidden'
    this.#put(tx, { ...request, messages: 0 })
    return 'stranger'
  }

  /** Stages that a message of a stranger at `order` came with an archive, behind the request that it waited in there. Resolves with what becomes of it. */
  async restored(tx: Transaction, { conversation, account, group, order }: { readonly conversation: ConversationId; readonly account: AccountId; readonly group: boolean; readonly order: bigint }): Promise<Admission> {
    const relation = await this.#relation(tx, conversation, account, group)
    if (relation === 'blocked') return 'hidden'
    const known = await readRequest(tx, conversation)
    if (known === undefined && (this.#policy === 'accept-all' || group || (await this.#isKnown(tx, account, conversation)))) return 'shown'
    if (known === undefined || (!group && (await this.#isDeclined(tx, conversation, order)))) return 'hidden'
    this.#put(tx, { ...known, messages: known.messages + 1 })
    return 'stranger'
  }

  /** Stages what is left of a request of which a part was declined on another own device. */
  keep(tx: Transaction, request: RequestRow): void {
    this.#put(tx, request)
    tx.afterCommit(() => { this.#core.events.emit('request-changed', { conversation: request.conversation, status: 'declined' }) })
  }

  /** Up to which order key a direct conversation was declined on any own device. */
  declinedUpTo(conversation: ConversationId): Promise<bigint | undefined> {
    return this.#core.state.get('request.declined', conversation)
  }

  /** Stages that somebody added this account to a group: a request, where they are a stranger. */
  async added(tx: Transaction, group: ConversationId, by: AccountId): Promise<void> {
    if (this.#policy === 'accept-all' || by === this.#core.account || (await this.#core.state.get('conversation.relation', group, tx)) !== undefined) return
    // Whom the user accepted may add; having written to somebody once is not enough where others are listening.
    if ((await this.#core.state.get('contact.relation', by, tx)) === 'accepted' || this.#isFull(by, group)) return
    this.#put(tx, { conversation: group, account: by, group: true, firstAtMs: this.#core.time.now(), messages: 0, dropped: 0 })
  }

  /** Stages that the user (on whatever own device) writes in a conversation: who writes back accepts. Rejects `denied.blocked` for somebody they blocked. */
  async wrote(tx: Transaction, conversation: ConversationRow, on: 'this device' | 'another device'): Promise<void> {
    const { account: me, state } = this.#core
    const relation = isGroup(conversation) || conversation.peer === me ? undefined : await state.get('contact.relation', conversation.peer, tx)
    if (relation === 'blocked') {
      if (on === 'another device') return
      throw new EvegramError('denied.blocked', { operation: 'send', advice: 'You blocked this account: unblock it first.' })
    }
    if (this.#policy === 'accept-all' && !this.#waiting.has(conversation.conversation)) return
    if (this.#waiting.has(conversation.conversation)) await this.settle(tx, conversation, 'accepted')
    else if (!isGroup(conversation) && conversation.peer !== me && relation === undefined) await this.#accept(tx, conversation)
  }

  /** Stages how a request ends. Messages that were kept become those of anybody; removing them is the caller's, who names the highest order key among them. */
  async settle(tx: Transaction, conversation: ConversationRow, status: RequestStatus, highest = 0n): Promise<void> {
    if (status === 'accepted') {
      await this.#accept(tx, conversation)
      await this.#unmark(tx, conversation.conversation)
      // What came before the user decided is confirmed from now on.
      await this.#core.receipts.accepted(tx, conversation)
    } else if (isGroup(conversation)) await this.#core.state.set(tx, 'conversation.relation', conversation.conversation, 'blocked')
    else if (status === 'blocked') await this.#core.state.set(tx, 'contact.relation', conversation.peer, 'blocked')
    else await this.#noteDeclined(tx, conversation, highest)
    removeRequest(tx, conversation.conversation)
    tx.afterCommit(() => {
      if (this.#waiting.delete(conversation.conversation)) this.#core.events.emit('request-changed', { conversation: conversation.conversation, status })
    })
  }

  async #accept(tx: Transaction, conversation: ConversationRow): Promise<void> {
    const { state } = this.#core
    try {
      if (isGroup(conversation)) await state.set(tx, 'conversation.relation', conversation.conversation, 'accepted')
      else await state.set(tx, 'contact.relation', conversation.peer, 'accepted')
    } catch (error) {
      // With no room for one more, what was written here says the same.
      if (!isEvegramError(error, 'limited.state')) throw error
    }
  }

  /** The other own devices know by it what is not to be shown there either. What the stranger writes after it is news. */
  async #noteDeclined(tx: Transaction, { conversation, floor, peer }: ConversationRow, highest: bigint): Promise<void> {
    const { state, events } = this.#core
    // What was counted and not kept raised the floor.
    const upTo = highest > floor ? highest : floor
    if (await this.#isDeclined(tx, conversation, upTo)) return
    try {
      await state.set(tx, 'request.declined', conversation, upTo)
    } catch (error) {
      if (!isEvegramError(error, 'limited.state')) throw error
      // It is declined here, and waits on the others until it is declined there.
      events.refuse({ code: 'limited.state', conversation, account: peer, detail: 'declined requests' })
    }
  }

  async #isDeclined(source: Pick<Transaction, 'get'>, conversation: ConversationId, order: bigint): Promise<boolean> {
    const upTo = await this.#core.state.get('request.declined', conversation, source)
    return upTo !== undefined && order <= upTo
  }

  #relation(tx: Transaction, conversation: ConversationId, account: AccountId, group: boolean): Promise<Relation | undefined> {
    return group ? this.#core.state.get('conversation.relation', conversation, tx) : this.#core.state.get('contact.relation', account, tx)
  }

  /** Somebody whom the user accepted, or wrote to before there were requests. */
  async #isKnown(source: Pick<Transaction, 'get'>, account: AccountId, conversation: ConversationId): Promise<boolean> {
    return (await this.#core.state.get('contact.relation', account, source)) === 'accepted' || (await readOwnChain(source, conversation)).number > 0
  }

  #isFull(account: AccountId, conversation: ConversationId): boolean {
    if (this.#waiting.size < REQUESTS_MAX) return false
    this.#core.events.refuse({ code: 'limited.queue', account, conversation, detail: 'requests of strangers' })
    return true
  }

  #put(tx: Transaction, row: RequestRow): void {
    writeRequest(tx, row)
    tx.afterCommit(() => { this.#waiting.set(row.conversation, row) })
  }

  async #unmark(tx: Transaction, conversation: ConversationId): Promise<void> {
    const prefix = `${MESSAGE_PREFIX}${conversation}/`
    for (let from = prefix, more = true; more;) {
      const rows = await this.#core.store.list('messages', { from, to: `${prefix}~`, limit: ROWS_PER_READ })
      for (const { key, value } of rows) {
        from = `${key} `
        const { stranger, ...message } = decodeMessage(value)
        if (stranger === true) tx.put('messages', key, encodeMessage(message))
      }
      more = rows.length === ROWS_PER_READ
    }
  }
}
