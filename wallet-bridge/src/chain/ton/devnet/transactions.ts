import type { TonMessage } from '../transaction.js'
import type { TransactionRecord } from './record.js'

/** The two ends of an internal message. */
interface Ends {
  sender?: TransactionRecord | undefined
  receiver?: TransactionRecord | undefined
}

/** Finds transactions by their account and by the messages between them. */
export class Transactions {
  /** Oldest first. */
  readonly #ofAccount = new Map<string, TransactionRecord[]>()
  /** By who made the message, and when. */
  readonly #messages = new Map<string, Ends>()

  add(record: TransactionRecord): void {
    const { incoming, outgoing } = record.transaction
    const list = this.#ofAccount.get(record.account)
    if (list === undefined) this.#ofAccount.set(record.account, [record])
    else list.push(record)
    for (const sent of outgoing) this.#note(sent, { sender: record })
    if (incoming !== undefined) this.#note(incoming, { receiver: record })
  }

  /** Forgets a transaction that was added. */
  remove(record: TransactionRecord): void {
    const { incoming, outgoing } = record.transaction
    const list = this.#ofAccount.get(record.account) ?? []
    list.splice(list.indexOf(record), 1)
    if (list.length === 0) this.#ofAccount.delete(record.account)
    for (const sent of outgoing) this.#note(sent, { sender: undefined })
    if (incoming !== undefined) this.#note(incoming, { receiver: undefined })
  }

  /** Of an account, oldest first. */
  of(account: string): readonly TransactionRecord[] {
    return this.#ofAccount.get(account) ?? []
  }

  /** The transactions that sent and received the message which `source` made at the logical time `createdLt`. */
  endsOf(source: string, createdLt: bigint): Readonly<Ends> {
    return this.#messages.get(keyOf(source, createdLt)) ?? {}
  }

  #note({ message: { info } }: TonMessage, ends: Ends): void {
    if (info.type !== 'internal') return
    const key = keyOf(info.src.toRawString(), info.createdLt)
    const all = { ...this.#messages.get(key), ...ends }
    if (all.sender === undefined && all.receiver === undefined) this.#messages.delete(key)
    else this.#messages.set(key, all)
  }
}

function keyOf(source: string, createdLt: bigint): string {
  return `${source} ${String(createdLt)}`
}
