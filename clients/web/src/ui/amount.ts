import type { WalletAsset } from '@evegram/sdk'
import { writeAmount, type DecimalSign } from './read-amount.js'

/** Between thousands: a line does not break there. `readAmount` takes it. */
const THOUSANDS = '\u00a0'

/** An amount as people write it: whole numbers of the smallest unit, no floats, `sign` between whole units and their parts. Components have it as `useTexts().amountText`. */
export function amountText(amount: bigint, { symbol, decimals }: Pick<WalletAsset, 'symbol' | 'decimals'>, sign: DecimalSign): string {
  const [whole = '', rest] = writeAmount(amount < 0n ? -amount : amount, decimals, sign).split(sign)
  return `${amount < 0n ? '−' : ''}${whole.replace(/\B(?=(\d{3})+$)/g, THOUSANDS)}${rest === undefined ? '' : `${sign}${rest}`} ${symbol}`
}

/** An amount of an asset that may not be known here: then its smallest unit and its full name. */
export function amountOf(amount: bigint, id: string, assets: readonly Pick<WalletAsset, 'asset' | 'symbol' | 'decimals'>[], sign: DecimalSign): string {
  const asset = assets.find((known) => known.asset === id)
  return asset === undefined ? `${String(amount)} ${id}` : amountText(amount, asset, sign)
}
