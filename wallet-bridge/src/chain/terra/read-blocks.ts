import { EvegramError } from '@evegram/protocol'
import type { Height } from '../finality.js'
import type { BlockFacts, TerraRpc, TransactionFacts } from './rpc.js'

/** Requests that are made at a time. */
const CONCURRENT_MAX = 8

/**
 * All blocks in (`after`, `through`], in order: each names the one before it, and the one behind the last names that. `through` must be below the newest block.
 * Rejects `unavailable.chain` for blocks that do not follow each other or are no longer kept.
 */
export async function readBlocks(rpc: TerraRpc, after: Height, through: Height): Promise<readonly BlockFacts[]> {
  const blocks: BlockFacts[] = []
  for (let first = after + 1; first <= through + 1; first += CONCURRENT_MAX) {
    const count = Math.min(CONCURRENT_MAX, through + 2 - first)
    blocks.push(...await Promise.all(Array.from({ length: count }, (_, index) => rpc.block(first + index))))
  }
  for (const [index, block] of blocks.entries()) {
    const before = blocks[index - 1]
    if (before !== undefined && block.previousHash !== before.hash) throw incomplete('blocks do not follow each other')
  }
  return blocks.slice(0, -1)
}

/**
 * What the transactions of a block did, in its order. One that the node keeps under another block did nothing in this one: it was not admitted, and only such a
 * one can come again. Rejects `unavailable.chain` while the index of the node is behind its blocks.
 */
export async function readTransactions(rpc: TerraRpc, block: BlockFacts): Promise<readonly TransactionFacts[]> {
  if (block.txids.length === 0) return []
  const indexed = new Map((await rpc.search(block.height, block.txids.length)).map((facts) => [facts.txid, facts]))
  const found: TransactionFacts[] = []
  for (const txid of block.txids) {
    const facts = indexed.get(txid) ?? await rpc.transaction(txid)
    if (facts === undefined) throw incomplete('a transaction of a block is not there')
    if (facts.height === block.height) found.push(facts)
  }
  return found
}

function incomplete(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read blocks', details: { problem } })
}
