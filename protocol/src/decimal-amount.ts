import { EvegramError } from './errors.js'

/** Decimal places of an asset at most: what the widest token of the three chains has, and to spare. */
export const ASSET_DECIMALS_MAX = 38
/** Digits of an amount in the smallest unit at most: what the ledger holds. */
export const AMOUNT_DIGITS_MAX = 38

const DECIMAL = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/

/**
 * The amount that people write, `1.5`, in the smallest unit of an asset with `decimals` places: 1500000000n for nine. Never a floating-point number on the way.
 * Throws `invalid.argument` for a sign, an exponent, a comma, a missing digit before or behind the point, more places than the asset has, or more than
 * {@link AMOUNT_DIGITS_MAX} digits.
 */
export function parseDecimalAmount(text: string, decimals: number): bigint {
  checkDecimals(decimals)
  const [, whole, fraction = ''] = DECIMAL.exec(text) ?? []
  if (whole === undefined) return refuse('Write the amount with digits and one point at most: 12 or 0.5')
  if (fraction.length > decimals) return refuse(`This asset has at most ${String(decimals)} decimal places.`)
  const digits = `${whole}${fraction.padEnd(decimals, '0')}`.replace(/^0+(?=[0-9])/, '')
  if (digits.length > AMOUNT_DIGITS_MAX) return refuse('The amount is larger than any that can exist.')
  return BigInt(digits)
}

/** An amount in the smallest unit as people write it, without zeros behind the last place: `1.5`. {@link parseDecimalAmount} reads it back. Throws `invalid.argument` below 0. */
export function formatDecimalAmount(amount: bigint, decimals: number): string {
  checkDecimals(decimals)
  if (amount < 0n) return refuse('An amount is 0 or more.')
  const digits = amount.toString().padStart(decimals + 1, '0')
  const point = digits.length - decimals
  const fraction = digits.slice(point).replace(/0+$/, '')
  return fraction === '' ? digits.slice(0, point) : `${digits.slice(0, point)}.${fraction}`
}

function checkDecimals(decimals: number): void {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > ASSET_DECIMALS_MAX) throw new EvegramError('invalid.argument', { operation: 'read decimals of asset' })
}

function refuse(advice: string): never {
  throw new EvegramError('invalid.argument', { operation: 'read amount', advice })
}
