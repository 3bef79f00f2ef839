import { EvegramError } from '@evegram/protocol'
import type { Height } from '../finality.js'
import { inBatches } from './in-batches.js'
import type { ShardBlockId, TonRpc, TransactionId } from './rpc.js'

/** A block of the masterchain with what happened in the blocks of shards that it took in. */
export interface TonBlock {
  readonly seqno: Height
  readonly transactions: readonly TransactionId[]
}

/** Blocks of the masterchain that are read together. */
const TOGETHER_MAX = 8
/** Blocks of shards in one block of the masterchain. */
const SHARD_BLOCKS_MAX = 1_024

/**
 * All blocks of the masterchain in (`after`, `through`], in order. Complete: from the newest block of each shard that a block of the masterchain names, every block
 * names those before it by their hashes, down to the ones that the block of the masterchain before named. Eight questions are under way at a time, however many shards
 * there are. Rejects `unavailable.chain` for a gap, and when the endpoint does not have them all.
 */
export async function readBlocks(rpc: TonRpc, after: Height, through: Height): Promise<readonly TonBlock[]> {
  const blocks: TonBlock[] = []
  let before = through > after ? await rpc.shards(after) : []
  for (let first = after + 1; first <= through; first += TOGETHER_MAX) {
    const seqnos = Array.from({ length: Math.min(TOGETHER_MAX, through - first + 1) }, (_, index) => first + index)
    const tips = await inBatches(seqnos, (seqno) => rpc.shards(seqno))
    const walks = tips.map((some, index) => new ShardWalk(some, tips[index - 1] ?? before))
    await walkAll(rpc, walks)
    const listed = await inBatches(walks.flatMap(({ found }) => found), (id) => rpc.blockTransactions(id))
    let read = 0
    for (const [index, seqno] of seqnos.entries()) {
      const end = read + (walks[index]?.found.length ?? 0)
      blocks.push({ seqno, transactions: listed.slice(read, end).flat() })
      read = end
    }
    before = tips.at(-1) ?? before
  }
  return blocks
}

/** Goes back in all shards of all blocks at once, a block of each at a time. */
async function walkAll(rpc: TonRpc, walks: readonly ShardWalk[]): Promise<void> {
  for (;;) {
    const wave = walks.flatMap((walk) => walk.next().map((id) => ({ walk, id })))
    if (wave.length === 0) return
    const headers = await inBatches(wave, ({ id }) => rpc.header(id))
    for (const [index, { walk, id }] of wave.entries()) walk.goBack(id, headers[index]?.previous ?? [])
  }
}

/** The way back from the blocks of shards that one block of the masterchain names to those that the one before it names. */
class ShardWalk {
  readonly found: ShardBlockId[] = []
  readonly #known: Set<string>
  readonly #lowest: number
  #open: readonly ShardBlockId[]

  constructor(tips: readonly ShardBlockId[], before: readonly ShardBlockId[]) {
    if (tips.length === 0 || before.length === 0) throw incomplete('no shards')
    this.#known = new Set(before.map(keyOf))
    this.#lowest = Math.min(...before.map(({ seqno }) => seqno))
    this.#open = tips
  }

  /** Blocks between the two, each once, that were not told before. */
  next(): readonly ShardBlockId[] {
    const some: ShardBlockId[] = []
    for (const id of this.#open) {
      if (this.#known.has(keyOf(id))) continue
      if (id.seqno <= this.#lowest || this.found.length >= SHARD_BLOCKS_MAX) throw incomplete('blocks do not follow each other')
      this.#known.add(keyOf(id))
      this.found.push(id)
      some.push(id)
    }
    this.#open = []
    return some
  }

  /** Takes the blocks before one: two behind a merge. */
  goBack({ seqno }: ShardBlockId, previous: readonly ShardBlockId[]): void {
    if (previous.length === 0 || previous.some((one) => one.seqno >= seqno)) throw incomplete('blocks do not follow each other')
    this.#open = [...this.#open, ...previous]
  }
}

function keyOf({ shard, seqno, rootHash }: ShardBlockId): string {
  return `${shard} ${String(seqno)} ${rootHash}`
}

function incomplete(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read blocks', details: { problem } })
}
