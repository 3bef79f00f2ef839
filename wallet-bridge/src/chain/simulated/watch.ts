import { chainAmountOf } from '../amount.js'
import type { ChainAddress, ChainTransfer } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import type { SimulatedRecord } from './record.js'
import type { SimulatedRules } from './rules.js'

/**
 * What a transaction did to the balances of `addresses`. The claims of the transaction are not looked at. The index is the place of the change in the record.
 */
export function transfersOf(
  height: Height, record: SimulatedRecord, addresses: ReadonlySet<ChainAddress>, rules: Pick<SimulatedRules, 'nativeAsset'>,
): readonly ChainTransfer[] {
  return record.changes.flatMap(({ address, asset, delta }, index): readonly ChainTransfer[] => {
    if (delta === 0n || !addresses.has(address)) return []
    const isOut = delta < 0n
    const amount = isOut ? -delta : delta
    const isPayer = isOut && address === record.from && asset === rules.nativeAsset
    return [{
      txid: record.txid, index, height, address, asset,
      direction: isOut ? 'out' : 'in',
      amount: chainAmountOf(amount),
      fee: chainAmountOf(isPayer ? (record.fee < amount ? record.fee : amount) : 0n),
      from: record.from,
      memo: record.memo,
      returnOf: record.returnOf,
    }]
  })
}
