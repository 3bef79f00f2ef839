import { isEvegramError, RECEIPT_CHAINS_MAX, type ConversationId, type DeviceId, type Timer } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, readConversation, type ConversationRow } from '../core/conversation-row.js'
import { hasReceipts } from '../core/receipt-book.js'
import { readOwed, type OwedReceipts } from '../core/receipt-row.js'
import type { Transaction } from '../core/transaction.js'
import { CHAIN_EPOCH, chainKey, decodeChain, type ChainRow } from './chain-row.js'
import { composeReceipt, type DraftReceipt } from './compose-receipt.js'
import { composeControl } from './control.js'
import type { Outbox } from './outbox.js'
import type { Sessions } from './sessions.js'
import type { Transmission } from './transmit.js'

/** Bounds of telling what was received and read, units last. */
export const RECEIPT_LIMITS = {
  /** What comes or is read within this time of the first goes together. */
  gatherMs: 250,
  /** Between two receipts of one conversation. */
  intervalMs: 2_000,
  /** After a failure that the next connection may not mend: the outbox was full, or a log cannot be believed. */
  retryMs: 60_000,
} as const

/**
 * Tells the authors of messages what this device received and its user read: at most one envelope for each conversation in two seconds, however many messages it
 * covers. What is owed is in the store, so it goes together with the next connection or in the next run. A receipt that is lost (control traffic is not asked for
 * again) is covered by the one after it.
 */
export class Receipts {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #outbox: Outbox
  readonly #transmission: Transmission
  /** When the next receipt of a conversation may go, on the monotonic clock, of those that are owed one or were told just now. */
  readonly #nextMs = new Map<ConversationId, number>()
  #timer: Timer | undefined
  #live = false
  #running = false

  constructor(core: Core, sessions: Sessions, outbox: Outbox, transmission: Transmission) {
    this.#core = core
    this.#sessions = sessions
    this.#outbox = outbox
    this.#transmission = transmission
    core.receipts.whenOwed((conversation) => {
      const nowMs = core.clock.monotonicMs()
      this.#nextMs.set(conversation, Math.max(nowMs + RECEIPT_LIMITS.gatherMs, this.#nextMs.get(conversation) ?? 0))
      this.#plan()
    })
  }

  /** A connection is live. */
  resume(): void {
    this.#live = true
    const soonMs = this.#core.clock.monotonicMs() + RECEIPT_LIMITS.gatherMs
    for (const conversation of this.#core.receipts.conversations) this.#nextMs.set(conversation, soonMs)
    this.#plan()
  }

  /** No connection: what is owed gathers. */
  pause(): void {
    this.#live = false
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #plan(): void {
    if (!this.#live || this.#running) return
    const owed = this.#core.receipts.conversations
    const nowMs = this.#core.clock.monotonicMs()
    let firstMs = Infinity
    for (const [conversation, atMs] of this.#nextMs) {
      if (owed.has(conversation)) firstMs = Math.min(firstMs, atMs)
      else if (atMs <= nowMs) this.#nextMs.delete(conversation)
    }
    this.#timer?.cancel()
    this.#timer = undefined
    if (firstMs < Infinity) this.#timer = this.#core.clock.after(Math.max(0, firstMs - nowMs), () => { this.#run() })
  }

  #run(): void {
    if (!this.#live || this.#running) return
    this.#running = true
    this.#core.background.run('tell receipts', async () => {
      try {
        const nowMs = this.#core.clock.monotonicMs()
        const due = [...this.#core.receipts.conversations].filter((conversation) => (this.#nextMs.get(conversation) ?? 0) <= nowMs)
        for (const conversation of due) if (this.#live) await this.#tell(conversation)
      } finally {
        this.#running = false
        this.#plan()
      }
    })
  }

  async #tell(conversation: ConversationId): Promise<void> {
    const { clock } = this.#core
    // Set before anything that may fail: nothing is tried again at once.
    this.#nextMs.set(conversation, clock.monotonicMs() + RECEIPT_LIMITS.retryMs)
    try {
      if (!(await this.#say(conversation))) return
    } catch (error) {
      // A full outbox, or a server that shows no log just now.
      if (!isEvegramError(error) || error.code === 'client.store' || error.code === 'internal') throw error
      return
    }
    this.#nextMs.set(conversation, clock.monotonicMs() + RECEIPT_LIMITS.intervalMs)
  }

  /** Whether that is settled for now. */
  async #say(id: ConversationId): Promise<boolean> {
    const { store, local, roster } = this.#core
    const conversation = await readConversation(store, id)
    const owed = await readOwed(store, id)
    if (conversation === undefined || owed === undefined || !(await this.#mayTell(conversation))) {
      await local.write((tx) => {
        this.#core.receipts.settle(tx, { conversation: id, received: new Set(), read: new Map() })
        return Promise.resolve()
      })
      return true
    }
    for (const account of conversation.members) await roster.loadAccount(account)
    if (this.#transmission.alarmOf(conversation) !== undefined) return false
    this.#outbox.checkRoom()
    await this.#meet(conversation, owed)
    await local.write(async (tx) => { await this.#stage(tx, conversation) })
    return true
  }

  /** Sessions with the devices that a receipt is for. */
  async #meet(conversation: ConversationRow, owed: OwedReceipts): Promise<void> {
    const draft = await this.#draft(this.#core.store, conversation, owed)
    for (const account of draft?.accounts ?? []) {
      if (!conversation.members.includes(account)) continue
      for (const device of this.#core.roster.devicesOf(account)) await this.#sessions.ensure(device)
    }
  }

  async #stage(tx: Transaction, before: ConversationRow): Promise<void> {
    const { receipts, roster } = this.#core
    const id = before.conversation
    const owed = await readOwed(tx, id)
    if (owed === undefined) return
    const conversation = await readConversation(tx, id) ?? before
    const draft = await this.#draft(tx, conversation, owed)
    receipts.settle(tx, { conversation: id, received: new Set(), read: new Map(), ...draft?.left })
    if (draft === undefined) return
    const recipients = [...draft.accounts].filter((account) => account !== this.#core.account && conversation.members.includes(account))
      .flatMap((account) => roster.devicesOf(account)).map(({ account, device }) => ({ account, device }))
    const row = await composeControl(this.#core, tx, conversation, recipients, { kind: 'receipt', body: draft.body })
    if (row !== undefined) this.#outbox.add(tx, row)
  }

  async #draft(source: Pick<Transaction, 'get'>, { conversation }: ConversationRow, owed: OwedReceipts): Promise<DraftReceipt | undefined> {
    // Who turned it off meanwhile tells no more of it than that it came.
    const tellsRead = await this.#core.privacy.tells('receipts.read', source)
    const wanted = tellsRead ? owed : { ...owed, received: new Set([...owed.received, ...owed.read.keys()].slice(0, RECEIPT_CHAINS_MAX)), read: new Map<DeviceId, number>() }
    const chains = new Map<DeviceId, ChainRow>()
    for (const device of new Set([...wanted.received, ...wanted.read.keys()])) {
      const bytes = await source.get('chains', chainKey(conversation, device, CHAIN_EPOCH))
      if (bytes !== undefined) chains.set(device, decodeChain(bytes))
    }
    return composeReceipt(wanted, chains, (account) => this.#core.roster.devicesOf(account).length)
  }

  /** Nobody is told before the user accepted them, nor once they are blocked; nor a group that the user declined or left. */
  async #mayTell(conversation: ConversationRow): Promise<boolean> {
    const { requests, state, account } = this.#core
    if (!hasReceipts(conversation) || requests.isWaiting(conversation.conversation)) return false
    if (isGroup(conversation)) return conversation.members.includes(account) && (await state.get('conversation.relation', conversation.conversation)) !== 'blocked'
    return !(await requests.isBlocked(conversation.peer))
  }
}
