import type { AccountId, ConversationId } from '@evegram/protocol'
import type { Core } from './context.js'
import { isGroup, readConversation } from './conversation-row.js'
import { readGroup, spanAt } from './group-row.js'
import type { Message } from './message.js'
import { hasNumber } from './number-set.js'
import { hasReceipts } from './receipt-book.js'
import { listReceipts, type ReceiptRow } from './receipt-row.js'
import type { MessageReceipts } from './message.js'

/** How far a message got at one account. */
export interface MessageReceipt {
  readonly account: AccountId
  /** Of the founding wallet, from the verified log. */
  readonly address: string
  readonly status: 'sent' | 'delivered' | 'read'
}

/** How far an own message got, in one word. In a group everybody counts. */
export type DeliveryState = 'sending' | 'failed' | 'sent' | 'delivered' | 'read'

/** The state of an own message in one word, as `Conversation.history` gave it; undefined for messages of others. */
export function deliveryOf({ direction, state, receipts }: Pick<Message, 'direction' | 'state' | 'receipts'>): DeliveryState | undefined {
  if (direction !== 'out' || state === 'received') return undefined
  if (receipts !== undefined && receipts.of > 0) {
    if (receipts.readBy >= receipts.of) return 'read'
    if (receipts.deliveredTo >= receipts.of) return 'delivered'
  }
  return state === 'queued' ? 'sending' : state
}

/** Reads what others received and read of own messages: one look for a page of them, however many there are. */
export class ReceiptsOfMessages {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /** The messages with what became of those that are own ones. All are of `conversation`. */
  async on(conversation: ConversationId, messages: readonly Message[]): Promise<readonly Message[]> {
    const found = await this.of(conversation, messages)
    return found.size === 0 ? messages : messages.map((message) => {
      const receipts = found.get(message.messageId)
      return receipts === undefined ? message : { ...message, receipts }
    })
  }

  /** What became of those that are own ones, by id. */
  async of(conversation: ConversationId, messages: readonly Message[]): Promise<ReadonlyMap<string, MessageReceipts>> {
    const own = messages.filter(({ direction }) => direction === 'out')
    const view = own.length === 0 ? undefined : await this.#look(conversation)
    const found = new Map<string, MessageReceipts>()
    for (const message of view === undefined ? [] : own) {
      const statuses = (view?.accountsOf(message) ?? []).map((account) => view?.statusAt(message, account))
      const readBy = statuses.filter((status) => status === 'read').length
      found.set(message.messageId, { deliveredTo: readBy + statuses.filter((status) => status === 'delivered').length, readBy, of: statuses.length })
    }
    return found
  }

  /** How far an own message got at each account that it was for; none for a message of somebody else. */
  async each(message: Message): Promise<readonly MessageReceipt[]> {
    const { roster } = this.#core
    const view = message.direction === 'out' ? await this.#look(message.conversation) : undefined
    const found: MessageReceipt[] = []
    for (const account of view?.accountsOf(message) ?? []) {
      await roster.loadAccount(account)
      found.push({ account, address: roster.addressOf(account), status: view?.statusAt(message, account) ?? 'sent' })
    }
    return found
  }

  async #look(id: ConversationId): Promise<View | undefined> {
    const { store, account: me, privacy } = this.#core
    const row = await readConversation(store, id)
    if (row === undefined || !hasReceipts(row)) return undefined
    const group = isGroup(row) ? await readGroup(store, id) : undefined
    const rows = new Map((await listReceipts(store, id)).map((receipt) => [`${receipt.device}/${String(receipt.epoch)}/${receipt.account}`, receipt]))
    const tellsRead = await privacy.tells('receipts.read')
    const others = row.members.filter((account) => account !== me)
    const everybody = [...new Set(group?.spans.map(({ account }) => account))].filter((account) => account !== me)
    return {
      accountsOf: ({ membershipVersion }) => (group === undefined || membershipVersion === undefined ? others : everybody.filter((account) => spanAt(group, account, membershipVersion) !== undefined)),
      statusAt: ({ fromDevice, epoch, number }, account) => statusIn(rows.get(`${fromDevice}/${String(epoch)}/${account}`), number, tellsRead),
    }
  }
}

/** Everything that is known of the receipts of one conversation. */
interface View {
  accountsOf(message: Message): readonly AccountId[]
  statusAt(message: Message, account: AccountId): MessageReceipt['status']
}

function statusIn(row: ReceiptRow | undefined, number: number, tellsRead: boolean): MessageReceipt['status'] {
  if (row === undefined) return 'sent'
  if (tellsRead && hasNumber(row.read, number)) return 'read'
  return hasNumber(row.received, number) ? 'delivered' : 'sent'
}
