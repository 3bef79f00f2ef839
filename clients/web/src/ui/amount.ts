import type { WalletAsset } from '@evegram/sdk'

/** An amount as people write it: whole numbers of the smallest unit, no floats. */
export function amountText(amount: bigint, asset: Pick<WalletAsset, 'symbol' | 'decimals'>): string {
  const sign = amount < 0n ? '−' : ''
  const digits = (amount < 0n ? -amount : amount).toString().padStart(asset.decimals + 1, '0')
  const whole = digits.slice(0, digits.length - asset.decimals)
  const rest = digits.slice(digits.length - asset.decimals).replace(/0+$/, '')
  return `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, ' ')}${rest === '' ? '' : `.${rest}`} ${asset.symbol}`
}

/** An amount of an asset that may not be known here: then its smallest unit and its full name. */
export function amountOf(amount: bigint, id: string, assets: readonly WalletAsset[]): string {
  const asset = assets.find((known) => known.asset === id)
  return asset === undefined ? `${String(amount)} ${id}` : amountText(amount, asset)
}
