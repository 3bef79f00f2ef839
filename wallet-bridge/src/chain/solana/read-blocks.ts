import { EvegramError } from '@evegram/protocol'
import type { Finality } from '@solana/web3.js'
import type { Height } from '../finality.js'
import type { BlockFacts, SolanaRpc } from './rpc.js'

/** Blocks that are asked for at a time. */
const CONCURRENT_MAX = 8

/**
 * All blocks in (`after`, `through`], in order. Complete: each names the one before it by slot and hash, and the first one a parent that is not behind `after`.
 * Rejects `unavailable.chain` for a gap, for a fork that shows while it reads, and when the node no longer keeps them all.
 */
export async function readBlocks(rpc: SolanaRpc, after: Height, through: Height, commitment: Finality): Promise<readonly BlockFacts[]> {
  if (through <= after) return []
  const [first, slots] = await Promise.all([rpc.firstAvailable(), rpc.slots(after + 1, through, commitment)])
  if (first > after + 1) throw incomplete('older blocks are gone')
  const blocks: BlockFacts[] = []
  for (let start = 0; start < slots.length; start += CONCURRENT_MAX) {
    blocks.push(...await Promise.all(slots.slice(start, start + CONCURRENT_MAX).map((slot) => rpc.block(slot, commitment))))
  }
  for (const [index, block] of blocks.entries()) {
    const before = blocks[index - 1]
    const isNext = before === undefined ? block.parentSlot <= after : block.parentSlot === before.slot && block.previousHash === before.hash
    if (!isNext || block.slot <= after || block.slot > through) throw incomplete('blocks do not follow each other')
  }
  return blocks
}

function incomplete(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read blocks', details: { problem } })
}
