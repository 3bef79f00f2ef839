import { EvegramError } from '@evegram/protocol'
import type { Height } from '../finality.js'
import { inBatches } from './in-batches.js'
import type { ShardBlockId, TonRpc, TransactionId } from './rpc.js'

/** A block of the masterchain with what happened in the blocks of shards that it took in. */
export interface TonBlock {
  readonly seqno: Height
  readonly transactions: readonly TransactionId[]
}

/** Blocks of the masterchain that are asked for at a time. */
const CONCURRENT_MAX = 8
/** Blocks of shards in one block of the masterchain. */
const SHARD_BLOCKS_MAX = 1_024

/**
 * All blocks of the masterchain in (`after`, `through`], in order. Complete: from the newest block of each shard that a block of the masterchain names, every block
 * names those before it by their hashes, down to the ones that the block of the masterchain before named. Rejects `unavailable.chain` for a gap, and when the
 * endpoint does not have them all.
 */
export async function readBlocks(rpc: TonRpc, after: Height, through: Height): Promise<readonly TonBlock[]> {
  const blocks: TonBlock[] = []
  let before = through > after ? await rpc.shards(after) : []
  for (let first = after + 1; first <= through; first += CONCURRENT_MAX) {
    const seqnos = Array.from({ length: Math.min(CONCURRENT_MAX, through - first + 1) }, (_, index) => first + index)
    const tips = await Promise.all(seqnos.map((seqno) => rpc.shards(seqno)))
    const inside = await Promise.all(seqnos.map((_, index) => shardBlocks(rpc, tips[index] ?? [], tips[index - 1] ?? before)))
    // One masterchain block after the other: a busy chain has many blocks of shards in each.
    for (const [index, seqno] of seqnos.entries()) {
      blocks.push({ seqno, transactions: (await inBatches(inside[index] ?? [], (id) => rpc.blockTransactions(id))).flat() })
    }
    before = tips.at(-1) ?? before
  }
  return blocks
}

/** The blocks of shards between those that one block of the masterchain names and those that the next one names. */
async function shardBlocks(rpc: TonRpc, tips: readonly ShardBlockId[], before: readonly ShardBlockId[]): Promise<readonly ShardBlockId[]> {
  if (tips.length === 0 || before.length === 0) throw incomplete('no shards')
  const known = new Set(before.map(keyOf))
  const lowest = Math.min(...before.map(({ seqno }) => seqno))
  const found: ShardBlockId[] = []
  const open = tips.filter((id) => !known.has(keyOf(id)))
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (known.has(keyOf(id))) continue
    if (id.seqno <= lowest || found.length >= SHARD_BLOCKS_MAX) throw incomplete('blocks do not follow each other')
    known.add(keyOf(id))
    found.push(id)
    const { previous } = await rpc.header(id)
    if (previous.length === 0 || previous.some(({ seqno }) => seqno >= (id?.seqno ?? 0))) throw incomplete('blocks do not follow each other')
    open.push(...previous)
  }
  return found
}

function keyOf({ shard, seqno, rootHash }: ShardBlockId): string {
  return `${shard} ${String(seqno)} ${rootHash}`
}

function incomplete(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read blocks', details: { problem } })
}
