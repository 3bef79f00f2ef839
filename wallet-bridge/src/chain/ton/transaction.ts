import type { Address, Cell} from '@ton/core';
import { beginCell, Dictionary, loadMessage, loadTransaction, storeMessage, type Message, type Transaction } from '@ton/core'
import { EvegramError } from '@evegram/protocol'

/** A message as it stands in a transaction. Its hash links the transaction that sent it to the one that received it. */
export interface TonMessage {
  readonly cell: Cell
  /** Hash of the cell, hex. */
  readonly hash: string
  readonly message: Message
}

/** A transaction of one account, with what it says about money. */
export interface TonTransaction {
  readonly account: Address
  readonly lt: bigint
  /** Hash of the transaction, hex. */
  readonly hash: string
  readonly cell: Cell
  /** Unix time of its block. */
  readonly seconds: number
  /** The transaction of the account before this one; `lt` 0: this is the first. */
  readonly previous: { readonly lt: bigint; readonly hash: string }
  readonly incoming: TonMessage | undefined
  /** In the order of their index. */
  readonly outgoing: readonly TonMessage[]
  /** The code of the account refused: nothing of what it did counts, and an internal message that may bounce went back. */
  readonly isAborted: boolean
  /** What it did to the balance of the account: what came, less what went, gas, storage and forwarding. */
  readonly balanceDelta: bigint
  /** Whether the account has code behind it afterwards. */
  readonly isActive: boolean
}

const HASH_DIGITS = 64
const OUT_MESSAGE_KEY_BITS = 15

/** Reads a transaction of an account. Throws what @ton/core throws for a cell that is none, and `invalid.argument` for one of another account. */
export function readTransaction(cell: Cell, account: Address): TonTransaction {
  const transaction = loadTransaction(cell.beginParse())
  if (transaction.address !== BigInt(`0x${account.hash.toString('hex')}`)) {
    throw new EvegramError('invalid.argument', { operation: 'read TON transaction', details: { problem: 'another account' } })
  }
  const { incoming, outgoing } = messagesOf(cell)
  return {
    account, lt: transaction.lt, hash: hexOf(cell.hash()), cell, seconds: transaction.now,
    previous: { lt: transaction.prevTransactionLt, hash: transaction.prevTransactionHash.toString(16).padStart(HASH_DIGITS, '0') },
    incoming, outgoing,
    isAborted: isAborted(transaction),
    balanceDelta: balanceDeltaOf(transaction, incoming, outgoing),
    isActive: transaction.endStatus === 'active',
  }
}

/**
 * What an external message is known by whatever the way it is written (TEP-467): the hash without its source, its import fee and its state, with the body in a
 * cell of its own. The body is signed, so it is the signature that makes it.
 */
export function externalHash({ info, body }: Message): string {
  if (info.type !== 'external-in') throw new EvegramError('invalid.argument', { operation: 'hash external message' })
  const normal: Message = { info: { type: 'external-in', src: null, dest: info.dest, importFee: 0n }, init: null, body }
  return hexOf(beginCell().store(storeMessage(normal, { forceRef: true })).endCell().hash())
}

/** A message with its cell. */
export function messageOf(cell: Cell): TonMessage {
  return { cell, hash: hexOf(cell.hash()), message: loadMessage(cell.beginParse()) }
}

/** The messages as they were, cell by cell: reading and writing them again would not keep every hash. */
function messagesOf(cell: Cell): { readonly incoming: TonMessage | undefined; readonly outgoing: readonly TonMessage[] } {
  const [messages] = cell.refs
  if (messages === undefined) throw new EvegramError('invalid.argument', { operation: 'read TON transaction', details: { problem: 'no messages' } })
  const slice = messages.beginParse()
  const incoming = slice.loadMaybeRef()
  const outgoing = slice.loadDict(Dictionary.Keys.Uint(OUT_MESSAGE_KEY_BITS), Dictionary.Values.Cell())
  const inOrder = [...outgoing].sort(([left], [right]) => left - right)
  return { incoming: incoming === null ? undefined : messageOf(incoming), outgoing: inOrder.map(([, sent]) => messageOf(sent)) }
}

function isAborted({ description }: Transaction): boolean {
  return 'aborted' in description && description.aborted
}

function balanceDeltaOf({ totalFees }: Transaction, incoming: TonMessage | undefined, outgoing: readonly TonMessage[]): bigint {
  const received = incoming?.message.info.type === 'internal' ? incoming.message.info.value.coins : 0n
  // An external message out costs its forwarding, which is among the fees.
  const sent = outgoing.reduce((sum, { message: { info } }) => info.type === 'internal' ? sum + info.value.coins + info.forwardFee : sum, 0n)
  return received - sent - totalFees.coins
}

function hexOf(bytes: Buffer): string {
  return bytes.toString('hex')
}
