import type { Address } from '@ton/core'
import { parseChainTxid, type ChainTxid } from '../chain-adapter.js'
import type { MessageEnds } from './message-ends.js'
import { externalHash, type TonMessage, type TonTransaction } from './transaction.js'
import { wrong } from './wrong.js'

/** Hops from something that came back to the transaction of ours that began it: a jetton that is refused takes four. */
const HOPS_MAX = 4

/** What a transaction of an address of ours is known by, and which of the changes under that name it is. */
export interface TransactionName {
  readonly txid: ChainTxid
  readonly index: number
  /** Whether it is the second half of a payment, in which a wallet answers its own order. */
  readonly isOwnOrder: boolean
}

/**
 * The name of a transaction: what began by a signature is known by the message that was signed, also its second half, a batch that a wallet sends itself; everything
 * else by its own hash. Rejects `unavailable.chain`.
 */
export async function nameOf(ends: MessageEnds, transaction: TonTransaction): Promise<TransactionName> {
  const { incoming, account, hash } = transaction
  const info = incoming?.message.info
  if (incoming !== undefined && info?.type === 'external-in') return { txid: parseChainTxid(externalHash(incoming.message)), index: 0, isOwnOrder: false }
  if (incoming !== undefined && info?.type === 'internal' && !info.bounced && info.src.equals(account)) {
    const order = await ends.sender(incoming)
    if (order === undefined) throw wrong('an order of ours is not there')
    if (order.incoming?.message.info.type === 'external-in') return { txid: parseChainTxid(externalHash(order.incoming.message)), index: 1, isOwnOrder: true }
  }
  return { txid: parseChainTxid(hash), index: 0, isOwnOrder: false }
}

/** Where a message came from. */
export interface Origin {
  /** The name of the transaction of `owner` that began it. */
  readonly txid: ChainTxid
  /** Place of the message among those that the transaction of `owner` sent. */
  readonly place: number
}

/** The transaction of `owner` that a message goes back to within a few hops; undefined when there is none. Rejects `unavailable.chain`. */
export async function originOf(ends: MessageEnds, owner: Address, message: TonMessage): Promise<Origin | undefined> {
  for (let at = message, hop = 0; hop < HOPS_MAX; hop++) {
    const sender = await ends.sender(at)
    if (sender === undefined) return undefined
    if (sender.account.equals(owner)) {
      const place = sender.outgoing.findIndex(({ hash }) => hash === at.hash)
      return { txid: (await nameOf(ends, sender)).txid, place }
    }
    const before = sender.incoming
    if (before?.message.info.type !== 'internal') return undefined
    at = before
  }
  return undefined
}
