import { EvegramError } from '@evegram/protocol'
import type { Finality } from '@solana/web3.js'
import type { Height } from '../finality.js'
import type { BlockFacts, BlockLink, SolanaRpc } from './rpc.js'

/** Blocks that are asked for at a time. */
const CONCURRENT_MAX = 8
/** Turns behind the last one in which a block is looked for first; then as many as an endpoint looks through at once. */
const TURNS_BEHIND = [64, 500_000] as const

/**
 * All blocks in (`after`, `through`], in order. Complete: each names the one before it by slot and hash, the first one a parent that is not behind `after`; the last
 * one stands at `through`, or is the parent of the next one behind it. `newest`: the slot of the newest block at that commitment. Rejects `unavailable.chain` for a
 * gap, for a fork that shows while it reads, when the node no longer keeps them all, and when it does not have them all yet: endpoints are several nodes, and
 * one that is behind gives a shorter list than the one that told the newest.
 */
export async function readBlocks(rpc: SolanaRpc, after: Height, through: Height, commitment: Finality, newest: Height): Promise<readonly BlockFacts[]> {
  if (through <= after) return []
  const [first, slots] = await Promise.all([rpc.firstAvailable(), rpc.slots(after + 1, through, commitment)])
  if (first > after + 1) throw incomplete('older blocks are gone')
  const blocks: BlockFacts[] = []
  for (let start = 0; start < slots.length; start += CONCURRENT_MAX) {
    blocks.push(...await Promise.all(slots.slice(start, start + CONCURRENT_MAX).map((slot) => rpc.block(slot, commitment))))
  }
  for (const [index, block] of blocks.entries()) {
    if (!follows(block, blocks[index - 1], after) || block.slot <= after || block.slot > through) throw incomplete('blocks do not follow each other')
  }
  if (blocks.at(-1)?.slot !== through && !follows(await blockBehind(rpc, through, commitment, newest), blocks.at(-1), after)) throw incomplete('the last blocks are not there')
  return blocks
}

function follows({ parentSlot, previousHash }: BlockLink, before: BlockFacts | undefined, after: Height): boolean {
  return before === undefined ? parentSlot <= after : parentSlot === before.slot && previousHash === before.hash
}

/** The first block behind `slot`, where nobody used the turn of `slot` itself. */
async function blockBehind(rpc: SolanaRpc, slot: Height, commitment: Finality, newest: Height): Promise<BlockLink> {
  for (const turns of TURNS_BEHIND) {
    if (newest <= slot) break
    const [first] = await rpc.slots(slot + 1, Math.min(newest, slot + turns), commitment)
    if (first !== undefined && first > slot) return rpc.blockLink(first, commitment)
  }
  throw incomplete('the last blocks are not there')
}

function incomplete(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read blocks', details: { problem } })
}
