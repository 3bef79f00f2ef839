import { EvegramError } from '@evegram/protocol'
import type { AssetId } from '../../ledger/ids.js'
import type { ChainAddress } from '../chain-adapter.js'
import type { BalanceChange, SimulatedRecord } from './record.js'

/** What every address of a simulated chain holds, and which numbers its account has used up. */
export class SimulatedBalances {
  readonly #amounts = new Map<string, BalanceChange>()
  readonly #sequences = new Map<ChainAddress, number>()

  /** What `address` holds. */
  of(address: ChainAddress, asset: AssetId): bigint {
    return this.#amounts.get(`${address} ${asset}`)?.delta ?? 0n
  }

  /** The next number of an account. */
  sequenceOf(address: ChainAddress): number {
    return this.#sequences.get(address) ?? 0
  }

  /** Adds a change. Throws `internal` when a balance would go below zero: whoever executes checks before. */
  add({ address, asset, delta }: BalanceChange): void {
    const after = this.of(address, asset) + delta
    if (after < 0n) throw new EvegramError('internal', { operation: 'change simulated balance' })
    if (after === 0n) this.#amounts.delete(`${address} ${asset}`)
    else this.#amounts.set(`${address} ${asset}`, { address, asset, delta: after })
  }

  /** Sets the next number of an account. */
  setSequence(address: ChainAddress, next: number): void {
    this.#sequences.set(address, next)
  }

  /** Does what a transaction did. Each address and asset is in it once, so the order is of no matter. */
  apply(record: SimulatedRecord): void {
    for (const change of record.changes) this.add(change)
    if (record.from !== undefined && record.sequence !== undefined) this.setSequence(record.from, record.sequence + 1)
  }

  /** Takes back what a transaction did, newest first. */
  undo(record: SimulatedRecord): void {
    for (const { address, asset, delta } of record.changes) this.add({ address, asset, delta: -delta })
    if (record.from !== undefined && record.sequence !== undefined) this.setSequence(record.from, record.sequence)
  }

  /** All that is not zero. */
  entries(): readonly BalanceChange[] {
    return [...this.#amounts.values()]
  }

  /** All accounts that used up a number, with their next one. */
  sequences(): readonly (readonly [ChainAddress, number])[] {
    return [...this.#sequences]
  }
}
