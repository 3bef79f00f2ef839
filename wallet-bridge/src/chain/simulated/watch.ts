import { chainAmountOf } from '../amount.js'
import type { ChainAddress, ChainTransfer } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import type { SimulatedRecord } from './record.js'
import type { SimulatedRules } from './rules.js'
import { taxesIn } from './taxes.js'

/**
 * What a transaction did to the balances of `addresses`. No amount is what the transaction claims. The index is the place of the change in the record.
 */
export function transfersOf(
  height: Height, record: SimulatedRecord, addresses: ReadonlySet<ChainAddress>, rules: Pick<SimulatedRules, 'nativeAsset'>,
): readonly ChainTransfer[] {
  const taxes = taxesIn(record, rules)
  return record.changes.flatMap(({ address, asset, delta }, index): readonly ChainTransfer[] => {
    if (delta === 0n || !addresses.has(address)) return []
    const isOut = delta < 0n
    const amount = isOut ? -delta : delta
    const kept = asset === rules.nativeAsset ? record.fee : taxes.get(asset) ?? 0n
    const cost = isOut && address === record.from ? kept : 0n
    return [{
      txid: record.txid, index, height, address, asset,
      direction: isOut ? 'out' : 'in',
      amount: chainAmountOf(amount),
      fee: chainAmountOf(cost < amount ? cost : amount),
      from: record.from,
      memo: record.memo,
      returnOf: record.returnOf,
    }]
  })
}
