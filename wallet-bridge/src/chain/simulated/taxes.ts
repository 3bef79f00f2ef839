import type { AssetId } from '../../ledger/ids.js'
import type { SimulatedRecord } from './record.js'
import type { SimulatedRules } from './rules.js'

/** What a payment took from its payer beside what it sent, of every asset but the native one: by balance change, in the order of its outputs. */
export function taxesIn({ from, claims, outputs, changes }: SimulatedRecord, { nativeAsset }: Pick<SimulatedRules, 'nativeAsset'>): ReadonlyMap<AssetId, bigint> {
  const taken = new Map<AssetId, bigint>()
  for (const [index, { to, asset, amount }] of claims.entries()) {
    const outcome = outputs[index]
    const isSent = outcome !== undefined && outcome !== 'transaction_failed' && outcome !== 'not_sent'
    if (outcome !== undefined && asset !== nativeAsset) taken.set(asset, (taken.get(asset) ?? 0n) - (isSent && to !== from ? amount : 0n))
  }
  for (const { address, asset, delta } of changes) {
    const before = taken.get(asset)
    if (address === from && before !== undefined) taken.set(asset, before - delta)
  }
  return new Map([...taken].filter(([, amount]) => amount > 0n))
}
