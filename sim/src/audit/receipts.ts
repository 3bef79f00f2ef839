import { directConversationIdOf, messageIdOf, parseAccountId, type AccountId, type ConversationId, type MessageId } from '@evegram/protocol'
import type { StoreChange } from '@evegram/sdk'
import { decodeHandled, decodeReceipt, OWN_CHAIN_PREFIX, RECEIPT_PREFIX, type ReceiptRow } from '@evegram/sdk/parts'
import { short, type AuditContext, type DeviceRecord } from './ledger.js'

/** Registers of the account's state that say whom a person accepted; the account follows. */
const RELATION_PREFIX = 'r/contact.relation/'

/** What a person lets be told of what they received and read. */
export interface ReceiptHabits {
  /** Nobody is told anything. */
  readonly silent: boolean
  /** Strangers wait until the person writes to them or accepts them. */
  readonly asks: boolean
}

/**
 * P4: what a device believes of receipts is true. Everything that it takes for received was handled by a device of that account, everything that it takes for read was
 * marked as read by that person, and neither is told by who tells nobody, nor to a stranger who was not accepted.
 */
export class Receipts {
  readonly #context: AuditContext
  readonly #habits = new Map<AccountId, ReceiptHabits>()
  /** Highest order key that somebody marked as read, by account and conversation. */
  readonly #marked = new Map<string, bigint>()
  /** Direct conversations that somebody wrote in or accepted, by account and conversation. */
  readonly #accepted = new Set<string>()
  /** Numbers that were looked at, by device, row and kind. */
  readonly #looked = new Map<string, Set<number>>()

  constructor(context: AuditContext) {
    this.#context = context
  }

  /** Says what a person lets be told. Of others everything may be. */
  setHabits(account: AccountId, habits: ReceiptHabits): void {
    this.#habits.set(account, habits)
  }

  /** Somebody is about to mark a conversation as read up to an order key. */
  reading(account: AccountId, conversation: ConversationId, order: bigint): void {
    const key = `${account}/${conversation}`
    if (order > (this.#marked.get(key) ?? 0n)) this.#marked.set(key, order)
  }

  /** Rows of a device became durable. */
  committed(device: DeviceRecord, changes: readonly StoreChange[]): void {
    for (const { table, key, value } of changes) {
      if (value === undefined) continue
      if (table === 'chains' && key.startsWith(OWN_CHAIN_PREFIX)) this.#accepted.add(`${device.account}/${key.slice(OWN_CHAIN_PREFIX.length)}`)
      else if (table === 'state' && key.startsWith(RELATION_PREFIX)) {
        this.#accepted.add(`${device.account}/${directConversationIdOf(device.account, parseAccountId(key.slice(RELATION_PREFIX.length)))}`)
      } else if (table === 'chains' && key.startsWith(RECEIPT_PREFIX)) this.#believed(device, decodeReceipt(key, value))
    }
  }

  #believed(device: DeviceRecord, row: ReceiptRow): void {
    const { run } = this.#context
    const { account, conversation } = row
    const habits = this.#habits.get(account)
    const whose = `${device.name} takes for told what ${short(account)} has of ${short(conversation)}`
    if (habits?.silent === true) run.broken('P4', `${whose}, who tells nobody`)
    const isDirect = conversation === directConversationIdOf(device.account, account)
    if (habits?.asks === true && isDirect && !this.#accepted.has(`${account}/${conversation}`)) run.broken('P4', `${whose}, who has not accepted`)
    for (const kind of ['received', 'read'] as const) for (const number of this.#newIn(device, row, kind)) this.#look(device, row, kind, number)
  }

  #look(device: DeviceRecord, { account, conversation, device: author, epoch }: ReceiptRow, kind: 'received' | 'read', number: number): void {
    const { run, ledger } = this.#context
    run.coverage.count(`audit/receipt ${kind}`)
    const id = messageIdOf({ conversation, device: author, epoch, number })
    const what = `${device.name} takes number ${String(number)} of ${ledger.nameOf(author)} in ${short(conversation)} for ${kind} by ${short(account)}`
    if (!this.#isTaken(account, id)) run.broken('P4', `${what}, of which no device has it`)
    if (kind === 'received') return
    const order = ledger.messages.get(id)?.copies.reduce<bigint | undefined>((least, { envelope }) => (least === undefined || envelope.order < least ? envelope.order : least), undefined)
    if (order === undefined || order > (this.#marked.get(`${account}/${conversation}`) ?? 0n)) run.broken('P4', `${what}, who never marked it`)
  }

  #isTaken(account: AccountId, id: MessageId): boolean {
    for (const device of this.#context.ledger.devices) {
      const row = device.account === account ? device.handled.get(id) : undefined
      if (row !== undefined && decodeHandled(row).status !== 'refused') return true
    }
    return false
  }

  /** Numbers of a row that this device did not believe before. */
  #newIn(device: DeviceRecord, row: ReceiptRow, kind: 'received' | 'read'): readonly number[] {
    const key = `${device.device}/${row.conversation}/${row.device}/${String(row.epoch)}/${row.account}/${kind}`
    const looked = this.#looked.get(key) ?? new Set()
    this.#looked.set(key, looked)
    const { upTo, missing } = row[kind]
    const found: number[] = []
    for (let number = 1; number <= upTo; number++) {
      if (looked.has(number) || missing.some(({ from, to }) => from <= number && number <= to)) continue
      looked.add(number)
      found.push(number)
    }
    return found
  }
}
