import { assetIdOf, type AssetId } from '../../ledger/ids.js'
import { parseChainName, type ChainName, type PaymentOutput } from '../chain-adapter.js'

/** Parts in a million. */
const MILLION = 1_000_000n

/** How a simulated chain behaves: the differences between the real ones that money depends on. Fees and taxes may be changed while it runs. */
export interface SimulatedRules {
  readonly chain: ChainName
  readonly nativeAsset: AssetId
  readonly blockMs: number
  /** A block is final when so many are on top of it. */
  readonly finalityBlocks: number
  /** How payments expire, see `Validity`. */
  readonly validity: 'reference' | 'second' | 'sequence'
  /** Blocks (`reference`, `sequence`) or seconds (`second`) for which a payment can land. */
  readonly validFor: number
  /** `whole`: a payment of several outputs happens or fails. `each`: what cannot be paid is left out, what the recipient refuses bounces a block later. */
  readonly batch: 'whole' | 'each'
  /** Kept by the network of every transaction, in the native asset, also of one that fails. */
  readonly feePerTransaction: bigint
  /** Kept for every output. */
  readonly feePerOutput: bigint
  /** Tax on native outputs, in parts of a million. It is taken from the recipient when what was offered does not cover it (x/tax of Terra Classic). */
  readonly taxPpm: number
  /** Other assets that the tax is taken of, each in itself (uusd of Terra Classic). */
  readonly taxedAssets: readonly AssetId[]
  /** Kept back from what arrives of a token, in parts of a million (transfer fee of Token-2022). */
  readonly transferFeePpm: Readonly<Record<AssetId, number>>
}

/** Which real chain a simulated one takes after. */
export type SimulatedProfile = 'solana' | 'ton' | 'terra'

/** The rules of play money: those of a profile, under the chain name `name`. Throws `invalid.argument` for a name that no chain has. */
export function simulatedRules(profile: SimulatedProfile, name = 'simulated'): SimulatedRules {
  const chain = parseChainName(name)
  const shared = { chain, nativeAsset: assetIdOf(chain, 'play'), taxPpm: 0, taxedAssets: [], transferFeePpm: {}, feePerTransaction: 5_000n, feePerOutput: 0n }
  switch (profile) {
    case 'solana':
      return { ...shared, blockMs: 400, finalityBlocks: 32, validity: 'reference', validFor: 150, batch: 'whole' }
    case 'ton':
      return { ...shared, blockMs: 2_500, finalityBlocks: 2, validity: 'second', validFor: 60, batch: 'each', feePerOutput: 1_000n }
    case 'terra':
      return { ...shared, blockMs: 6_000, finalityBlocks: 1, validity: 'sequence', validFor: 20, batch: 'whole', taxPpm: 5_000, taxedAssets: [assetIdOf(chain, 'coin')] }
  }
}

/** What the network keeps of a transaction with these outputs, the tax left out. */
export function networkFee(rules: SimulatedRules, outputs: readonly PaymentOutput[]): bigint {
  return rules.feePerTransaction + rules.feePerOutput * BigInt(outputs.length)
}

/** Tax on one output, in its asset. */
export function taxOn(rules: SimulatedRules, { asset, amount }: PaymentOutput): bigint {
  return asset === rules.nativeAsset || rules.taxedAssets.includes(asset) ? amount * BigInt(rules.taxPpm) / MILLION : 0n
}

/** Tax on all outputs, by asset: of none that nothing is taken of. */
export function taxesOn(rules: SimulatedRules, outputs: readonly PaymentOutput[]): ReadonlyMap<AssetId, bigint> {
  const taxes = new Map<AssetId, bigint>()
  for (const output of outputs) {
    const tax = taxOn(rules, output)
    if (tax > 0n) taxes.set(output.asset, (taxes.get(output.asset) ?? 0n) + tax)
  }
  return taxes
}

/** What a token keeps back of `amount` on its way. */
export function transferFee(rules: SimulatedRules, asset: AssetId, amount: bigint): bigint {
  return amount * BigInt(rules.transferFeePpm[asset] ?? 0) / MILLION
}
