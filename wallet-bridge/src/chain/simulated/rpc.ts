import { EvegramError } from '@evegram/protocol'
import type { AssetId } from '../../ledger/ids.js'
import type { ChainAddress, ChainTxid, PaymentOutput } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import type { SimulatedChain } from './chain.js'
import type { SimulatedRecord } from './record.js'
import { networkFee, taxesOn } from './rules.js'

/**
 * What is wrong with one endpoint. All fields may be changed while it runs; {@link honest} is none of them. A lie is told of one endpoint: others of the same
 * chain go on to say the truth.
 */
export interface RpcFaults {
  /** Rejects everything. */
  isDown: boolean
  /** Shows the chain as it was so many blocks ago. */
  lagBlocks: number
  /** Looks transactions up on a machine that is so many blocks behind the one that answers for the head. */
  searchLagBlocks: number
  /** Calls final what has fewer blocks on top than the rules want. */
  finalAheadBlocks: number
  /** Claims a head that is so many blocks on, with nothing in them. */
  inventedBlocks: number
  /** States the height of the block hash to sign with too low, so that payments seem to expire early. */
  referenceBlocksLow: number
  /** Keeps these to itself, as if they had never happened. */
  readonly hidden: Set<ChainTxid>
  /** Tells these otherwise than they were. */
  readonly altered: Map<ChainTxid, (record: SimulatedRecord) => SimulatedRecord>
  /** Tells these in final blocks, though nobody made them. */
  readonly invented: Map<Height, SimulatedRecord>
  /** Adds to every balance. */
  balanceError: bigint
  /** States another tax than the one that is taken. */
  taxPpm: number | undefined
  /**
   * What it does with a broadcast. `lose`: says yes, hands nothing on. `refuse`: says no, and hands it on. `silent`: hands it on, gives no answer.
   * `lose_silently`: neither. `repeat`: hands it on now, and again and again later.
   */
  broadcast: 'forward' | 'lose' | 'refuse' | 'silent' | 'lose_silently' | 'repeat'
}

/** An endpoint without a fault. */
export function honest(): RpcFaults {
  return {
    isDown: false, lagBlocks: 0, searchLagBlocks: 0, finalAheadBlocks: 0, inventedBlocks: 0, referenceBlocksLow: 0,
    hidden: new Set(), altered: new Map(), invented: new Map(), balanceError: 0n, taxPpm: undefined, broadcast: 'forward',
  }
}

/** Broadcasts that a repeating endpoint remembers; the oldest go. */
export const REPEATED_BROADCASTS_MAX = 256

/** How far an endpoint says the chain is. */
export interface RpcStatus {
  readonly latest: Height
  readonly final: Height
  /** Time of the block `final`, in seconds since 1970. */
  readonly finalSecond: number
  /** A block hash to sign with, and the height of its block. */
  readonly reference: { readonly hash: string; readonly height: Height }
}

/** What was found in the blocks (`after`, `through`]: `through` may be behind the head that the endpoint claims elsewhere. */
export interface RpcSearch {
  readonly after: Height
  readonly through: Height
  readonly found: { readonly height: Height; readonly record: SimulatedRecord } | undefined
}

/** One endpoint of a simulated chain: what a node or provider answers, which is the truth only without {@link RpcFaults}. */
export class SimulatedRpc {
  readonly #chain: SimulatedChain
  readonly faults: RpcFaults
  readonly #repeated = new Map<string, Uint8Array>()

  constructor(chain: SimulatedChain, faults: RpcFaults = honest()) {
    this.#chain = chain
    this.faults = faults
  }

  /** How far the chain is. Rejects `unavailable.chain`. */
  async status(): Promise<RpcStatus> {
    await this.#answering()
    const shown = this.#shown()
    const referenceHeight = Math.min(this.#chain.head.final, shown.final)
    const finalBlock = this.#chain.blockAt(referenceHeight)
    if (finalBlock === undefined) throw unavailable('the block is not kept any more')
    const invented = this.faults.inventedBlocks
    return {
      latest: shown.latest + invented,
      final: shown.final + invented,
      finalSecond: Math.floor((finalBlock.timeMs + invented * this.#chain.rules.blockMs) / 1_000),
      reference: { hash: finalBlock.hash, height: Math.max(0, referenceHeight - this.faults.referenceBlocksLow) },
    }
  }

  /** Everything in the blocks (`after`, `through`]. Rejects `unavailable.chain`, also when some of them are not kept any more. */
  async blocks(after: Height, through: Height): Promise<readonly { readonly height: Height; readonly record: SimulatedRecord }[]> {
    await this.#answering()
    if (after < this.#chain.prunedThrough) throw unavailable('these blocks are not kept any more')
    const real = this.#chain.records(after, Math.min(through, this.#shown().latest)).flatMap((entry) => this.#told(entry))
    const invented = [...this.faults.invented].filter(([height]) => height > after && height <= through).map(([height, record]) => ({ height, record }))
    return invented.length === 0 ? real : [...real, ...invented].sort((left, right) => left.height - right.height)
  }

  /** Looks for one transaction. Rejects `unavailable.chain`. */
  async transaction(txid: ChainTxid): Promise<RpcSearch> {
    await this.#answering()
    const through = Math.max(0, this.#shown().latest - this.faults.searchLagBlocks)
    const found = this.#chain.find(txid)
    const told = found === undefined || found.height > through ? [] : this.#told(found)
    return { after: this.#chain.prunedThrough, through: through + this.faults.inventedBlocks, found: told[0] }
  }

  /** A balance at the end of a block; undefined when this endpoint does not know it. Rejects `unavailable.chain`. */
  async balance(address: ChainAddress, asset: AssetId, at: Height): Promise<bigint | undefined> {
    await this.#answering()
    const amount = at > this.#shown().latest ? undefined : this.#chain.balanceAt(address, asset, at)
    return amount === undefined ? undefined : amount + this.faults.balanceError
  }

  /** The next number of an account at the end of a block. Rejects `unavailable.chain`. */
  async sequence(address: ChainAddress, at: Height): Promise<number> {
    await this.#answering()
    return this.#chain.sequenceAt(address, Math.min(at, this.#shown().latest))
  }

  /** What a payment costs today, tax included, so that all of it arrives: by asset, the native one always among them. Rejects `unavailable.chain`. */
  async cost(outputs: readonly PaymentOutput[]): Promise<ReadonlyMap<AssetId, bigint>> {
    await this.#answering()
    const { rules } = this.#chain
    const taxes = taxesOn({ ...rules, taxPpm: this.faults.taxPpm ?? rules.taxPpm }, outputs)
    return new Map([...taxes, [rules.nativeAsset, networkFee(rules, outputs) + (taxes.get(rules.nativeAsset) ?? 0n)]])
  }

  /** Hands a payment on. Rejects `unavailable.chain` when no answer comes, whether it was handed on or not. */
  async submit(bytes: Uint8Array): Promise<{ readonly status: 'accepted' } | { readonly status: 'refused'; readonly reason: string }> {
    await this.#answering()
    switch (this.faults.broadcast) {
      case 'forward':
        return this.#chain.submit(bytes)
      case 'lose':
        return { status: 'accepted' }
      case 'refuse':
        this.#chain.submit(bytes)
        return { status: 'refused', reason: 'planted' }
      case 'silent':
        this.#chain.submit(bytes)
        throw unavailable('no answer to the broadcast')
      case 'lose_silently':
        throw unavailable('no answer to the broadcast')
      case 'repeat':
        return this.#chain.submit(this.#kept(bytes))
    }
  }

  /** Broadcasts again all that a repeating endpoint remembers, as late and as often as the harness wants. */
  repeatBroadcasts(): void {
    for (const bytes of this.#repeated.values()) this.#chain.submit(bytes)
  }

  #kept(bytes: Uint8Array): Uint8Array {
    this.#repeated.set(Buffer.from(bytes).toString('base64'), bytes)
    const [oldest] = this.#repeated.size > REPEATED_BROADCASTS_MAX ? this.#repeated.keys() : []
    if (oldest !== undefined) this.#repeated.delete(oldest)
    return bytes
  }

  /** A point at which others may run, as on every network. */
  async #answering(): Promise<void> {
    await Promise.resolve()
    if (this.faults.isDown) throw unavailable('planted')
  }

  /** The head behind the lag and the lie about finality, without invented blocks. */
  #shown(): { readonly latest: Height; readonly final: Height } {
    const { latest, final } = this.#chain.head
    const { lagBlocks, finalAheadBlocks } = this.faults
    const shownLatest = Math.max(0, latest - lagBlocks)
    return { latest: shownLatest, final: Math.min(shownLatest, Math.max(0, final - lagBlocks) + finalAheadBlocks) }
  }

  #told(entry: { readonly height: Height; readonly record: SimulatedRecord }): readonly { readonly height: Height; readonly record: SimulatedRecord }[] {
    const { hidden, altered } = this.faults
    if (hidden.has(entry.record.txid)) return []
    return [{ height: entry.height, record: altered.get(entry.record.txid)?.(entry.record) ?? entry.record }]
  }
}

function unavailable(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'ask simulated endpoint', details: { problem } })
}
