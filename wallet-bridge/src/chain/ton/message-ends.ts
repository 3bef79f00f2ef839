import type { Address } from '@ton/core'
import type { Height } from '../finality.js'
import { inBatches } from './in-batches.js'
import { remember } from './remember.js'
import type { ShardBlockId, TonRpc } from './rpc.js'
import { wrong } from './wrong.js'
import type { TonMessage, TonTransaction } from './transaction.js'

/** Blocks in which one question looks for a receiver; the next question goes on behind them. */
const BLOCKS_AT_A_TIME_MAX = 64
/** After so many refusals to say where a message came from it is taken as one that comes from nowhere. */
export const REFUSALS_MAX = 5

/**
 * Who sent a message, and who received it. Both are found in whole blocks, every transaction of which is looked at, however full they are: the methods of toncenter
 * for it (tryLocate…) look at forty transactions of a block.
 */
export class MessageEnds {
  readonly #rpc: TonRpc
  /** Where the search for a receiver goes on, by the hash of the message: a logical time in a final block, or behind one. One that was forgotten begins anew. */
  readonly #places = new Map<string, bigint>()
  /** How often an endpoint refused to show the sender, by the hash of the message. */
  readonly #refusals = new Map<string, number>()

  constructor(rpc: TonRpc) {
    this.#rpc = rpc
  }

  /**
   * The transaction that sent a message; undefined when it is not in the base workchain, or the endpoint said {@link REFUSALS_MAX} times that it does not have it: a
   * message of a stranger must not stop everything behind it. Rejects `unavailable.chain`.
   */
  async sender(message: TonMessage): Promise<TonTransaction | undefined> {
    const { src, createdLt } = internalOf(message)
    if (src.workChain !== 0) return undefined
    const block = await this.#rpc.blockAt(src, createdLt)
    if (block === undefined) {
      const refusals = (this.#refusals.get(message.hash) ?? 0) + 1
      remember(this.#refusals, message.hash, refusals)
      if (refusals < REFUSALS_MAX) throw wrong('the block of a message is not there')
      return undefined
    }
    // A transaction makes its messages right after its own logical time, before the next of its account.
    const before = (await this.#rpc.blockTransactions(block)).filter(({ account, lt }) => account.equals(src) && BigInt(lt) < createdLt)
    const last = before.reduce<(typeof before)[number] | undefined>((newest, one) => newest === undefined || BigInt(one.lt) > BigInt(newest.lt) ? one : newest, undefined)
    const found = last === undefined ? undefined : await this.#rpc.transaction(last)
    if (found?.outgoing.some(({ hash }) => hash === message.hash) !== true) throw wrong('not the sender of the message')
    return found
  }

  /** The transaction that received a message, in a block that is in the block `final` of the masterchain; undefined while there is none. Rejects `unavailable.chain`. */
  async receiver(message: TonMessage, final: Height): Promise<TonTransaction | undefined> {
    const { dest, createdLt } = internalOf(message)
    const end = await this.#endOf(dest, final)
    let lt = this.#places.get(message.hash) ?? createdLt
    for (let blocks = 0; blocks < BLOCKS_AT_A_TIME_MAX && lt <= end; blocks++) {
      const block = await this.#rpc.blockAt(dest, lt)
      if (block === undefined) throw wrong('a block is not there')
      const { endLt } = await this.#rpc.header(block)
      if (endLt < lt || endLt > end) throw wrong('blocks do not follow each other')
      const found = await this.#receiverIn(block, dest, message)
      if (found !== undefined) return found
      lt = endLt + 1n
      remember(this.#places, message.hash, lt)
    }
    return undefined
  }

  async #receiverIn(block: ShardBlockId, dest: Address, message: TonMessage): Promise<TonTransaction | undefined> {
    const ids = (await this.#rpc.blockTransactions(block)).filter(({ account }) => account.equals(dest))
    const transactions = await inBatches(ids, (id) => this.#rpc.transaction(id))
    return transactions.find(({ incoming }) => incoming?.hash === message.hash)
  }

  /** The logical time at which what is final of the shard of an account ends. */
  async #endOf(account: Address, final: Height): Promise<bigint> {
    const shard = (await this.#rpc.shards(final)).find((id) => holds(id, account))
    if (shard === undefined) throw wrong('no shard has the account')
    return (await this.#rpc.header(shard)).endLt
  }
}

/** Whether a shard has an account: its last bit that is set ends the bits with which its accounts begin. */
function holds({ shard }: ShardBlockId, account: Address): boolean {
  const id = BigInt.asUintN(64, BigInt(shard))
  const free = ((id & -id) << 1n) - 1n
  return (id & ~free) === (account.hash.readBigUInt64BE(0) & ~free)
}

function internalOf({ message: { info } }: TonMessage): { readonly src: Address; readonly dest: Address; readonly createdLt: bigint } {
  if (info.type !== 'internal') throw wrong('not a message between accounts')
  return info
}
