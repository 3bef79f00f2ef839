import { RECEIPT_CHAINS_MAX, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import { chainPrefix, decodeChain, CHAIN_EPOCH } from '../sync/chain-row.js'
import { isGroup, type ConversationRow } from './conversation-row.js'
import type { Message } from './message.js'
import { decodeMessage, messageRowKey, MESSAGE_PREFIX } from './message-row.js'
import { listOwed, readOwed, writeOwed, type OwedReceipts } from './receipt-row.js'
import type { Transaction } from './transaction.js'

/** Groups of more members are told neither what was received nor what was read: each message would cost as many envelopes as there are members. */
export const RECEIPT_MEMBERS_MAX = 64
/** Of the messages that one `markRead` goes over, the newest that are looked at; older ones of authors who wrote since are covered by those. */
export const READ_LOOKED_AT_MAX = 2_000
const PAGE_ROWS = 200

/** Whether others are told what came here and was read: `none` for programs without a person, and for load generators. */
export type ReceiptPolicy = 'tell' | 'none'

/** Whether members of a conversation tell each other what they received and read. */
export function hasReceipts({ members }: ConversationRow): boolean {
  return members.length > 1 && members.length <= RECEIPT_MEMBERS_MAX
}

/** What this device owes to others, noted in the transaction of what caused it: a crash loses none of it. Who sends them is told when there is something. */
export class ReceiptBook {
  readonly #store: Pick<LocalStore, 'list'>
  readonly #policy: ReceiptPolicy
  readonly #owed = new Set<ConversationId>()
  #onOwed: (conversation: ConversationId) => void = () => undefined

  constructor(store: Pick<LocalStore, 'list'>, policy: ReceiptPolicy) {
    this.#store = store
    this.#policy = policy
  }

  /** Reads what the last run left. Call once. */
  async load(): Promise<void> {
    for (const conversation of await listOwed(this.#store)) this.#owed.add(conversation)
  }

  /** Conversations in which something is owed. */
  get conversations(): ReadonlySet<ConversationId> {
    return this.#owed
  }

  /** `told` is called whenever something more is owed, durably. */
  whenOwed(told: (conversation: ConversationId) => void): void {
    this.#onOwed = told
  }

  /** Stages that a message of `device` came. */
  async received(tx: Transaction, conversation: ConversationRow, device: DeviceId): Promise<void> {
    if (this.#isOwed(conversation)) await this.#note(tx, conversation.conversation, (owed) => ({ ...owed, received: [device] }))
  }

  /** Stages that everything which came in a conversation is to be confirmed: the user accepted it. */
  async accepted(tx: Transaction, conversation: ConversationRow): Promise<void> {
    if (!this.#isOwed(conversation)) return
    const prefix = chainPrefix(conversation.conversation)
    const rows = await this.#store.list('chains', { from: prefix, to: `${prefix}~`, limit: RECEIPT_CHAINS_MAX })
    const devices = rows.map(({ value }) => decodeChain(value)).filter(({ account }) => isGroup(conversation) || account === conversation.peer).map(({ device }) => device)
    if (devices.length > 0) await this.#note(tx, conversation.conversation, (owed) => ({ ...owed, received: devices }))
  }

  /** Stages that the messages of others behind `after` were read, up to `upTo`. */
  async read(tx: Transaction, conversation: ConversationRow, after: Place | undefined, upTo: Place): Promise<void> {
    if (!this.#isOwed(conversation)) return
    const id = conversation.conversation
    const from = after === undefined ? `${MESSAGE_PREFIX}${id}/` : `${keyOf(id, after)} `
    let to = `${keyOf(id, upTo)} `
    const read = new Map<DeviceId, number>()
    for (let looked = 0, more = true; more && looked < READ_LOOKED_AT_MAX;) {
      const rows = await this.#store.list('messages', { from, to, reverse: true, limit: PAGE_ROWS })
      for (const { key, value } of rows) {
        to = key
        const { direction, fromDevice, epoch, number } = decodeMessage(value)
        if (direction === 'in' && epoch === CHAIN_EPOCH) read.set(fromDevice, Math.max(number, read.get(fromDevice) ?? 0))
      }
      looked += rows.length
      more = rows.length === PAGE_ROWS
    }
    if (read.size > 0) await this.#note(tx, id, (owed) => ({ ...owed, read }))
  }

  /** Stages what is still owed after a receipt was staged, or was not to be sent. */
  settle(tx: Transaction, left: OwedReceipts): void {
    writeOwed(tx, left)
    const isDone = left.received.size === 0 && left.read.size === 0
    tx.afterCommit(() => { if (isDone) this.#owed.delete(left.conversation) })
  }

  #isOwed(conversation: ConversationRow): boolean {
    return this.#policy === 'tell' && hasReceipts(conversation)
  }

  async #note(tx: Transaction, conversation: ConversationId, more: (nothing: More) => More): Promise<void> {
    const before = await readOwed(tx, conversation) ?? { conversation, received: new Set<DeviceId>(), read: new Map<DeviceId, number>() }
    const { received, read } = more({ received: [], read: new Map() })
    const after = {
      conversation, received: new Set([...before.received, ...received]),
      read: new Map([...before.read, ...[...read].map(([device, number]) => [device, Math.max(number, before.read.get(device) ?? 0)] as const)]),
    }
    // Beyond what one row names, the devices that are in it are confirmed first; each further message brings the others again.
    if (after.received.size > RECEIPT_CHAINS_MAX || after.read.size > RECEIPT_CHAINS_MAX) return
    const isNews = after.received.size > before.received.size || [...after.read].some(([device, number]) => before.read.get(device) !== number)
    if (!isNews) return
    writeOwed(tx, after)
    tx.afterCommit(() => {
      this.#owed.add(conversation)
      this.#onOwed(conversation)
    })
  }
}

interface More {
  readonly received: readonly DeviceId[]
  readonly read: ReadonlyMap<DeviceId, number>
}

/** A place in the order of a conversation. */
type Place = Pick<Message, 'order' | 'epoch' | 'number'> & { readonly device: DeviceId }

function keyOf(conversation: ConversationId, { order, device, epoch, number }: Place): string {
  return messageRowKey({ conversation, order, fromDevice: device, epoch, number })
}
