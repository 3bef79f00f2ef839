import { escapeHtml } from '@evegram/platform'
import { formatDecimalAmount } from '@evegram/protocol'
import type { WallyAsset } from './chain-work.js'

/** What names an amount to a person. */
export type AmountUnit = Pick<WallyAsset, 'symbol' | 'decimals'>

/** An amount of the smallest unit as people read it, in HTML: with its symbol, thousands apart, and a minus where it is below 0. */
export function amountText(amount: bigint, { decimals, symbol }: AmountUnit): string {
  const [whole = '', ...fraction] = formatDecimalAmount(amount < 0n ? -amount : amount, decimals).split('.')
  return `${amount < 0n ? '−' : ''}${[BigInt(whole).toLocaleString('en'), ...fraction].join('.')} ${escapeHtml(symbol)}`
}
