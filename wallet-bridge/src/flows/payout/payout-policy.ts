import { EvegramError } from '@evegram/protocol'
import type { ChainAddress } from '../../chain/chain-adapter.js'
import { AMOUNT_MAX, amountOf, type Amount } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'

/** The window of {@link AssetPolicy.accountDayMax}: any 24 hours, not a day of the calendar, at whose end twice as much could go. */
export const PAYOUT_DAY_MS = 86_400_000
/** Payouts of one account that have not ended. */
export const OPEN_PAYOUTS_PER_ACCOUNT_MAX = 16
/** Parts in a million. */
const MILLION = 1_000_000n

/** What holds for payouts of one asset. */
export interface AssetPolicy {
  /** The least amount of one payout. */
  readonly payoutMin: Amount
  /** The largest amount of one payout. */
  readonly payoutMax: Amount
  /** What one account may ask for within {@link PAYOUT_DAY_MS}. */
  readonly accountDayMax: Amount
  /** Above it somebody else than the asker must approve. */
  readonly approvalAbove: Amount
  /** The hot wallet should hold as much: below it an alarm asks for more. */
  readonly topUpBelow: Amount
  /** Reserved beside an amount for a tax in the asset itself (uusd of Terra Classic), in parts of a million; none when left out. Not of native assets. */
  readonly taxPpm?: number | undefined
}

/** What holds for the payouts of one chain. */
export interface PayoutPolicy {
  /** Assets that are paid out. */
  readonly assets: ReadonlyMap<AssetId, AssetPolicy>
  /** When given, nobody else is paid. */
  readonly allowed?: ReadonlySet<ChainAddress> | undefined
  /** Never paid, whatever `allowed` says. */
  readonly denied: ReadonlySet<ChainAddress>
  /** Time after a device or wallet was added, in ms: 24 h; 0 on simulated chains. */
  readonly holdMs: number
  /** Reserved for the network, and for a tax in parts of a million of a native amount. Fees above it make payouts wait. */
  readonly feeReserve: { readonly fixed: Amount; readonly ppm: number }
  /** Who pays fees. */
  readonly feeFrom: 'account' | 'house'
}

/** Throws `invalid.config` for a policy that contradicts itself. */
export function checkPayoutPolicy({ assets, holdMs, feeReserve }: PayoutPolicy): void {
  const refuse = (problem: string): never => { throw new EvegramError('invalid.config', { operation: 'read payout policy', details: { problem } }) }
  if (!Number.isSafeInteger(holdMs) || holdMs < 0) refuse('a hold below zero')
  if (feeReserve.fixed === 0n || !isPpm(feeReserve.ppm)) refuse('a fee reserve of nothing, or of more than everything')
  for (const [asset, { payoutMin, payoutMax, taxPpm = 0 }] of assets) {
    if (payoutMin === 0n || payoutMin > payoutMax) refuse(`least and largest payout of ${asset}`)
    if (!isPpm(taxPpm)) refuse(`tax on ${asset}`)
  }
}

/** What is reserved for the fee of a payout, at most {@link AMOUNT_MAX}. */
export function feeReserveOf({ feeReserve }: PayoutPolicy, native: AssetId, asset: AssetId, amount: Amount): Amount {
  const sum = feeReserve.fixed + (asset === native ? amount * BigInt(feeReserve.ppm) / MILLION : 0n)
  return sum > AMOUNT_MAX ? AMOUNT_MAX : amountOf(sum)
}

/** What is reserved of the asset itself for a tax on a payout, rounded up, at most {@link AMOUNT_MAX}. */
export function taxReserveOf({ assets }: PayoutPolicy, native: AssetId, asset: AssetId, amount: Amount): Amount {
  const ppm = asset === native ? 0 : assets.get(asset)?.taxPpm ?? 0
  const tax = (amount * BigInt(ppm) + MILLION - 1n) / MILLION
  return tax > AMOUNT_MAX ? AMOUNT_MAX : amountOf(tax)
}

function isPpm(parts: number): boolean {
  return Number.isSafeInteger(parts) && parts >= 0 && parts <= 1_000_000
}
