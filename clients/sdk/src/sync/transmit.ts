import {
  decodeEnvelope, EvegramError, isEvegramError, LIMITS, orderTimeMs, SEND_REFUSALS_MAX,
  type ConversationId, type DeviceId, type Failure, type MessageId, type Position,
} from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, readConversation, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import type { GroupLogs } from '../core/group-logs.js'
import { readHandled } from '../core/handled.js'
import type { Message, MessageState } from '../core/message.js'
import { decodeMessage, encodeMessage } from '../core/message-row.js'
import { signalStateOf, type Transaction } from '../core/transaction.js'
import { completeRow, resealForGroup } from './compose.js'
import { ORDER_TOLERANCE_MS } from './order-clock.js'
import { decodeOutbox, outboxKey, writeOutbox, type OutboxRow } from './outbox-row.js'
import { resealRows } from './reseal.js'
import { decodeSent, readSent, SENT_KEPT_MS, sentKey, sentPrefix, writeSent } from './sent-record.js'
import { decodeTemplate } from './seal.js'
import type { Sessions } from './sessions.js'
import type { Unreached } from './supplement-row.js'
import { changeOfTemplate, settleChange } from './take-change.js'

/** What became of one transmission. */
export type Fate =
  | { readonly status: 'stored'; readonly position: Position }
  /** Something was put right: transmit at once. */
  | { readonly status: 'again' }
  /** Not acknowledged, for whatever reason: the same goes again. */
  | { readonly status: 'later'; readonly retryAfterMs?: number }
  | { readonly status: 'failed'; readonly error: EvegramError }

/** One attempt to transmit a row. */
export interface Attempt {
  /** An earlier one left this device. */
  readonly transmitted: boolean
  /** Called when this one does. From here on number, order and content stand: what a server says instead of an ack proves nothing. */
  readonly leaves: () => void
}

/** A message that waited longer than this is kept for sending again from when it was stored. */
const SENT_RENEWED_MS = 3_600_000
/** Wait before a server that showed an unbelievable log is asked again. */
const ALARM_RETRY_MS = 5_000
/** Wait before a message that was made anew for its members several times goes again. */
const STALE_RETRY_MS = 1_000
/** Wait before a message that is ahead of the server's clock is looked at again, at most. */
const AHEAD_RETRY_MS_MAX = 30_000
/** What the server refuses as ahead, and is so by more than this, would wait for hours: it is given up. */
const AHEAD_WAIT_MS_MAX = 600_000

/** Messages that were given up: their rows are gone, or wait for a server that takes them, as `void` where they have not left yet. */
export interface GivenUp {
  readonly failed: readonly MessageId[]
  readonly removed: readonly MessageId[]
  readonly parked: readonly MessageId[]
}

/** Failures of the conversation, not of the message: everything behind it fails too. */
function concernsConversation(error: EvegramError): boolean {
  return error.code.startsWith('denied.') || error.code.startsWith('account.') || error.code.startsWith('not_found.')
}

/** Takes one outbox row to the server and puts right what the server asks for. */
export class Transmission {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #groups: GroupLogs
  readonly #onUnreached: (tx: Transaction, unreached: Unreached) => Promise<void>

  /** `onUnreached` is told, inside the transaction that takes a row off the outbox, which devices a message has not reached with it. */
  constructor(core: Core, sessions: Sessions, groups: GroupLogs, onUnreached: (tx: Transaction, unreached: Unreached) => Promise<void>) {
    this.#core = core
    this.#sessions = sessions
    this.#groups = groups
    this.#onUnreached = onUnreached
  }

  /** Loads the members of a conversation and, with a connection, starts the sessions that can be started. Waits for the network. */
  async prepare(conversation: ConversationRow): Promise<void> {
    const { roster, device: self } = this.#core
    for (const account of conversation.members) await roster.loadAccount(account)
    // Without one the message is committed now and completed before it leaves.
    if (this.#core.connection() === undefined) return
    // In a group only those need a session who are to be given the sender key.
    const holders = isGroup(conversation)
      ? await this.#core.groupCiphers.holders(conversation.conversation, conversation.membershipVersion, signalStateOf(this.#core.store))
      : new Set<DeviceId>()
    for (const account of conversation.members) {
      for (const device of roster.devicesOf(account)) {
        if (device.device !== self && !holders.has(device.device)) await this.#sessions.ensure(device)
      }
    }
  }

  /** Why nothing is sent to a conversation: the log of a member contradicts what was seen before. */
  alarmOf(conversation: ConversationRow): EvegramError | undefined {
    return conversation.members.map((account) => this.#core.accounts.alarm(account)).find((found) => found !== undefined)
  }

  /** The server may have come to its senses; the alarm was told when it was raised, so it is not told again. */
  async #askAgain(conversation: ConversationRow): Promise<void> {
    for (const account of conversation.members) {
      if (this.#core.accounts.alarm(account) === undefined) continue
      try {
        await this.#core.roster.take(await this.#core.accounts.refresh(account))
      } catch (error) {
        if (!isEvegramError(error) || error.code === 'client.store') throw error
      }
    }
  }

  /** One attempt. Rejects when the local store fails. */
  async transmit(row: OutboxRow, { transmitted, leaves }: Attempt): Promise<Fate> {
    const connection = this.#core.connection()
    const conversation = await readConversation(this.#core.store, row.conversation)
    if (connection === undefined || conversation === undefined) return { status: 'later' }
    if (!conversation.opened) {
      try {
        const opened = await connection.open(conversation.peer)
        if (opened.conversation !== row.conversation) return { status: 'failed', error: new EvegramError('account.mismatch', { operation: 'open conversation' }) }
      } catch (error) {
        return fateOf(error)
      }
      await this.#change(row.conversation, (before) => ({ ...before, opened: true }))
    }
    if (this.alarmOf(conversation) !== undefined) {
      // Sending stops while the server shows a log that cannot be believed (identity.md section 3).
      await this.#askAgain(conversation)
      if (this.alarmOf(conversation) !== undefined) return { status: 'later', retryAfterMs: ALARM_RETRY_MS }
    }
    // More than the floor of a conversation can be ahead comes from a clock that was wrong. What left is the server's to judge.
    const isAhead = !transmitted && row.kind !== 'control' && this.#aheadMs(row) > ORDER_TOLERANCE_MS
    const inTime = isAhead ? await this.#reorder(row) : row
    // In a group one body is for all: who lacks the key gets the message by itself once it is stored.
    const complete = inTime.missing.length > 0 && !isGroup(conversation) ? await this.#complete(inTime, inTime.refusals) : inTime
    const ready = complete.held ? await this.#release(complete) : complete
    leaves()
    try {
      const outcome = await connection.send(ready.envelope, ready.refusals)
      if (outcome.status === 'stored') {
        await this.#stored(ready, outcome.position, isGroup(conversation))
        return outcome
      }
      return await this.#refused(ready, outcome.failure)
    } catch (error) {
      // No answer of the server: the connection ended, whatever for.
      if (!isEvegramError(error) || error.code === 'client.store') throw error
      return { status: 'later' }
    }
  }

  /** Durable before it leaves: a later run must know that it may have. */
  async #release(row: OutboxRow): Promise<OutboxRow> {
    const released = { ...row, held: false }
    await this.#core.local.write((tx) => {
      writeOutbox(tx, released)
      return Promise.resolve()
    })
    return released
  }

  /** A message of a group was made for other members or devices than there are: it is made anew for those, and the key goes ahead of it. */
  async #refusedInGroup(row: OutboxRow, failure: Failure, error: EvegramError): Promise<Fate> {
    const { local, store } = this.#core
    // Control traffic for an older membership has lost its sense; what asked for something is asked again, and what repeats a message
    // is made anew for the members there are.
    if (row.kind === 'control' && row.repeats === undefined) return { status: 'failed', error }
    try {
      if (failure.code === 'stale.membership') await this.#groups.refresh(row.conversation)
      else await this.#refreshMembers(row, failure)
    } catch (cause) {
      return fateOf(cause)
    }
    if (row.kind === 'control') return { status: 'failed', error }
    const group = await readConversation(store, row.conversation)
    const connection = this.#core.connection()
    if (group === undefined || connection === undefined) return { status: 'later' }
    if (!group.members.includes(this.#core.account)) return { status: 'failed', error: new EvegramError('denied.not_member', { operation: 'send' }) }
    await this.prepare(group)
    // Preparing waits for the network: the members may have changed again.
    const { keys } = await local.write(async (tx) =>
      resealForGroup(this.#core, tx, await readConversation(tx, row.conversation) ?? group, row, Math.min(SEND_REFUSALS_MAX, row.refusals + 1)))
    for (const key of keys) {
      const outcome = await connection.send(key.envelope, SEND_REFUSALS_MAX)
      // Whatever changed again meanwhile refuses the message too, which is then made anew.
      if (outcome.status === 'refused') break
    }
    return row.refusals >= SEND_REFUSALS_MAX ? { status: 'later', retryAfterMs: STALE_RETRY_MS } : { status: 'again' }
  }

  async #refused(row: OutboxRow, failure: Failure): Promise<Fate> {
    const error = new EvegramError(failure.code, {
      operation: 'send', ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    })
    const isStale = failure.code === 'stale.devices' || failure.code === 'stale.membership'
    const conversation = isStale ? await readConversation(this.#core.store, row.conversation) : undefined
    if (conversation !== undefined && isGroup(conversation)) return this.#refusedInGroup(row, failure, error)
    switch (failure.code) {
      case 'stale.devices':
        await this.#refreshMembers(row, failure)
        await this.#complete(row, Math.min(SEND_REFUSALS_MAX, row.refusals + 1))
        // A server that is never content is not asked as fast as it answers.
        return row.refusals >= SEND_REFUSALS_MAX ? { status: 'later', retryAfterMs: STALE_RETRY_MS } : { status: 'again' }
      case 'stale.membership':
      case 'not_found.conversation':
        await this.#change(row.conversation, (before) => ({ ...before, opened: false }))
        return { status: 'later' }
      case 'order.ahead':
        // Its order key stands, and time passes.
        if (this.#aheadMs(row) > AHEAD_WAIT_MS_MAX) return { status: 'failed', error }
        return { status: 'later', retryAfterMs: Math.min(AHEAD_RETRY_MS_MAX, Math.max(0, this.#aheadMs(row))) }
      default:
        if (error.retry === 'never' || error.retry === 'after_fix') return { status: 'failed', error }
        return { status: 'later', ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }) }
    }
  }

  /** The server's word is a hint: what counts is the log that it can show. */
  async #refreshMembers(row: OutboxRow, failure: Failure): Promise<void> {
    const { roster, store } = this.#core
    const conversation = await readConversation(store, row.conversation)
    const missing = failure.missing ?? []
    const known = new Set(missing.filter((device) => roster.device(device) !== undefined))
    for (const account of conversation?.members ?? []) {
      const named = failure.accounts?.find((version) => version.account === account)
      const { seq } = await roster.loadAccount(account)
      if (named === undefined || named.seq > seq) await roster.refresh(account)
    }
    // Only what is news is worth a bundle at once: a device whose bundle was not to be had just now would be asked for again and again, until
    // the server hands out none any more.
    for (const device of missing) if (!known.has(device)) this.#sessions.retry(device)
  }

  async #complete(row: OutboxRow, refusals: number): Promise<OutboxRow> {
    const { local, store } = this.#core
    const before = await readConversation(store, row.conversation)
    if (before === undefined) return row
    for (const device of row.missing) this.#sessions.recheck(device)
    await this.prepare(before)
    return local.write((tx) => completeRow(this.#core, tx, before, row, refusals))
  }

  /** How far a row is beyond what a server takes, by the server's time as it is known here. */
  #aheadMs(row: OutboxRow): number {
    return orderTimeMs(decodeEnvelope(row.envelope).order) - this.#core.time.now() - LIMITS.orderAheadMsMax
  }

  /** Gives a row that has not left, and all behind it, the lowest order keys that they may have now. */
  async #reorder(row: OutboxRow): Promise<OutboxRow> {
    const { local, store } = this.#core
    const before = await readConversation(store, row.conversation)
    if (before === undefined) return row
    await this.prepare(before)
    return local.write(async (tx) => {
      const rows = await this.#followers(row.conversation, row.seq)
      const resealed = await resealRows(this.#core, tx, (await readConversation(tx, row.conversation)) ?? before, rows, { voids: () => false, reorder: true })
      return resealed.find(({ seq }) => seq === row.seq) ?? row
    })
  }

  async #followers(conversation: ConversationId, seq: number): Promise<OutboxRow[]> {
    const rows = await this.#core.store.list('outbox', { from: outboxKey(seq), limit: 10_000 })
    return rows.map(({ value }) => decodeOutbox(value)).filter((row) => row.conversation === conversation && row.kind !== 'control')
  }

  /** Durable before the next one of the conversation leaves: after a crash only the first that waits can have been on its way. */
  #stored(row: OutboxRow, position: Position, inGroup: boolean): Promise<void> {
    return this.#core.local.write(async (tx) => {
      tx.remove('outbox', outboxKey(row.seq))
      const shown = row.kind === 'message' ? await this.#setState(tx, row, 'sent', undefined, inGroup) : undefined
      if (row.kind === 'message') await this.#core.once.stored(tx, row.messageId, position)
      if (row.missing.length > 0) {
        await this.#onUnreached(tx, { conversation: row.conversation, number: row.number, devices: row.missing, firstAtMs: this.#core.time.now() })
      }
      if (row.kind === 'control') return
      await this.#renewSent(tx, row)
      // Of what was deleted meanwhile nothing is kept for sending it again.
      if (shown?.deleted === true) tx.remove('healing', sentKey(row.conversation, row.number))
      else if (shown === undefined && row.kind === 'message') await this.#settle(tx, row)
      await this.#pruneSent(tx, row)
    })
  }

  /** What an own message says about another one stands from now on. */
  async #settle(tx: Transaction, row: OutboxRow): Promise<void> {
    const sent = await readSent(tx, row.conversation, row.number)
    if (sent === undefined) return
    const template = decodeTemplate(sent.template)
    // A message that disappeared before the server had it is not kept either.
    if (changeOfTemplate(template) === undefined) tx.remove('healing', sentKey(row.conversation, row.number))
    else await settleChange(this.#core, tx, template, { status: 'stored' })
  }

  /** What should have brought a message to a device again did not: the message is still owed to it, for as long as it is kept. */
  async #noteRepeated(tx: Transaction, { conversation, repeats }: OutboxRow): Promise<void> {
    const sent = repeats === undefined ? undefined : await readSent(tx, conversation, repeats.number)
    if (repeats === undefined || sent === undefined) return
    await this.#onUnreached(tx, { conversation, number: repeats.number, devices: [repeats.device], firstAtMs: Math.min(sent.atMs, this.#core.time.now()) })
  }

  /** What waited long for a server is new to those who get it now: the time in which it is sent again begins when it is stored. */
  async #renewSent(tx: Transaction, row: OutboxRow): Promise<void> {
    const sent = await readSent(tx, row.conversation, row.number)
    const nowMs = this.#core.time.now()
    if (sent !== undefined && nowMs - sent.atMs > SENT_RENEWED_MS) writeSent(tx, row.conversation, row.number, { ...sent, atMs: nowMs })
  }

  /** Own messages before this one are all stored; those too old to be sent again need not be kept. */
  async #pruneSent(tx: Transaction, row: OutboxRow): Promise<void> {
    const range = { from: sentPrefix(row.conversation), to: sentKey(row.conversation, row.number), limit: 4 }
    for (const { key, value } of await this.#core.store.list('healing', range)) {
      if (this.#core.time.now() - decodeSent(value).atMs > SENT_KEPT_MS) tx.remove('healing', key)
    }
  }

  /** Resolves with the message as it is shown; none where it only changes another one. */
  async #setState(tx: Transaction, row: OutboxRow, state: MessageState, error?: EvegramError, inGroup = false): Promise<Message | undefined> {
    const handled = await readHandled(tx, row.messageId)
    const stored = handled?.rowKey === undefined ? undefined : await tx.get('messages', handled.rowKey)
    const message = stored === undefined ? undefined : { ...decodeMessage(stored), state, ...(inGroup ? { membershipVersion: decodeEnvelope(row.envelope).membershipVersion } : {}) }
    if (handled?.rowKey !== undefined && message !== undefined) tx.put('messages', handled.rowKey, encodeMessage(message))
    tx.afterCommit(() => {
      this.#core.events.emit('message-state', {
        messageId: row.messageId, conversation: row.conversation, state, ...(error === undefined ? {} : { error }),
      })
    })
    return message
  }

  #change(conversation: ConversationId, change: (before: ConversationRow) => ConversationRow): Promise<void> {
    return this.#core.local.write(async (tx) => {
      const before = await readConversation(tx, conversation)
      if (before === undefined) return
      writeConversation(tx, change(before))
    })
  }

  /**
   * Gives up a row that the server refused for good. `seq` is its place in the outbox. What has not left becomes `void` under its number,
   * and what is behind is chained anew. What left stands, since a server may store what it refuses, or lie: where the conversation is refused
   * it waits unchanged for a server that takes it, otherwise its row goes and what is behind stays chained to it.
   */
  async giveUp(
    conversation: ConversationId, seq: number, { transmitted, error }: { readonly transmitted: boolean; readonly error: EvegramError },
  ): Promise<GivenUp> {
    const { local, store } = this.#core
    const before = await readConversation(store, conversation)
    if (before !== undefined) for (const account of before.members) await this.#core.roster.loadAccount(account)
    return local.write(async (tx) => {
      const bytes = await tx.get('outbox', outboxKey(seq))
      if (bytes === undefined || before === undefined) return { failed: [], removed: [], parked: [] }
      const first = decodeOutbox(bytes)
      if (first.kind === 'control') {
        tx.remove('outbox', outboxKey(first.seq))
        if (error.code.startsWith('stale.')) await this.#noteRepeated(tx, first)
        return { failed: [], removed: [first.messageId], parked: [] }
      }
      const followers = await this.#followers(conversation, seq + 1)
      const wide = concernsConversation(error)
      const isGivenUp = (row: OutboxRow): boolean => row.seq === seq || wide
      const failed = [first, ...followers].filter((row) => row.kind === 'message' && isGivenUp(row))
      for (const row of failed) await this.#setState(tx, row, 'failed', error)
      // A `void` is never given up: without it the chain has a hole.
      const isParked = wide || first.kind === 'void'
      if (transmitted && !isParked) {
        tx.remove('outbox', outboxKey(seq))
        // Peers miss its number and ask for it: what it says about another message stands.
        if (first.kind === 'message') await this.#settle(tx, first)
      }
      const changing = transmitted ? followers.filter(isGivenUp) : [first, ...followers]
      const standing = transmitted ? [first, ...followers.filter((row) => !isGivenUp(row))] : []
      const resealed = await resealRows(this.#core, tx, (await readConversation(tx, conversation)) ?? before, changing, { voids: isGivenUp, reorder: false })
      const parked = isParked ? [...standing, ...resealed] : []
      for (const row of parked) writeOutbox(tx, { ...row, parked: true })
      return {
        failed: failed.map(({ messageId }) => messageId), removed: transmitted && !isParked ? [first.messageId] : [],
        parked: parked.map(({ messageId }) => messageId),
      }
    })
  }
}

function fateOf(error: unknown): Fate {
  if (!isEvegramError(error) || error.code === 'client.store') throw error
  if (error.code.startsWith('client.')) return { status: 'later' }
  if (error.retry === 'never' || error.retry === 'after_fix') return { status: 'failed', error }
  return { status: 'later', ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) }
}
