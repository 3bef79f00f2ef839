import { EvegramError } from '@evegram/protocol'

declare const amountBrand: unique symbol

/**
 * An amount of money in the smallest unit of its asset (lamports, nanotons, micro-Luna): a whole number from 0 to {@link AMOUNT_MAX}, never a number of
 * JavaScript, which rounds above 2^53.
 */
export type Amount = bigint & { readonly [amountBrand]: 'Amount' }

/** Decimal digits of an amount and of a balance: what `numeric(38,0)` holds. 2^64 - 1 has 20. */
export const AMOUNT_DIGITS_MAX = 38
/** The first number that has too many. Computed once: every balance is compared with it. */
const LIMIT = 10n ** BigInt(AMOUNT_DIGITS_MAX)
/** The largest amount, and the largest balance. */
export const AMOUNT_MAX = amountOf(LIMIT - 1n)
/** Nothing. */
export const ZERO = amountOf(0n)

/** One way to write each amount: no sign, no leading zero, no exponent. */
const AMOUNT_PATTERN = new RegExp(`^(?:0|[1-9][0-9]{0,${String(AMOUNT_DIGITS_MAX - 1)}})$`)

/** The amount that `value` is. Throws `invalid.argument` when it is negative or has more than {@link AMOUNT_DIGITS_MAX} digits. */
export function amountOf(value: bigint): Amount {
  if (value < 0n || value >= LIMIT) throw new EvegramError('invalid.argument', { operation: 'make amount' })
  // Checked above: this is where the brand is given.
  return value as Amount
}

/** The amount that decimal digits name. Throws `invalid.argument` for a sign, a point, a space, a leading zero or too many digits. */
export function parseAmount(text: string): Amount {
  if (!AMOUNT_PATTERN.test(text)) throw new EvegramError('invalid.argument', { operation: 'parse amount' })
  return amountOf(BigInt(text))
}
