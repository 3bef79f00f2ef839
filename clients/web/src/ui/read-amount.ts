import { AMOUNT_DIGITS_MAX, formatDecimalAmount, parseDecimalAmount } from '@evegram/protocol'

/** The sign between whole units and their parts. */
export type DecimalSign = '.' | ','

/** Why a text is no amount that can be used. `grouping`: it may mean a thousand times as much. */
export type AmountFault = 'form' | 'grouping' | 'places' | 'large' | 'zero' | 'min' | 'max'

/** What a text in a field for amounts says; `amount` is in the smallest unit. */
export type AmountRead = { readonly status: 'empty' } | { readonly status: 'amount'; readonly amount: bigint } | { readonly status: 'wrong'; readonly fault: AmountFault }

/** The smallest and the largest amount that can be used, in the smallest unit. */
export interface AmountBounds {
  readonly min?: bigint | undefined
  readonly max?: bigint | undefined
}

const FORM = /^(\d*)(?:([.,])(\d*))?$/
/** Thousands as this page writes them: with blanks between. */
const GROUPED = /^\d{1,3}(?:\s\d{3})+(?=[.,]|$)/

/**
 * Reads an amount as people write it, in whole numbers alone. Both decimal signs are taken, except where the one that is not `sign` could stand between thousands:
 * `1,500` is 1500 to one reader and 1.5 to another, and is asked for again.
 */
export function readAmount(text: string, decimals: number, sign: DecimalSign, { min, max }: AmountBounds = {}): AmountRead {
  const written = text.trim().replace(GROUPED, (whole) => whole.replace(/\s/g, ''))
  if (written === '') return { status: 'empty' }
  const [, digits = '', mark, behind = ''] = FORM.exec(written) ?? []
  if (digits === '' && behind === '') return wrong('form')
  if (mark !== undefined && mark !== sign && behind.length === 3 && /^[1-9]\d{0,2}$/.test(digits)) return wrong('grouping')
  const [whole, places] = [digits.replace(/^0+(?=\d)/, '') || '0', behind.replace(/0+$/, '')]
  if (places.length > decimals) return wrong('places')
  if (whole.length + decimals > AMOUNT_DIGITS_MAX) return wrong('large')
  const amount = parseDecimalAmount(places === '' ? whole : `${whole}.${places}`, decimals)
  if (amount === 0n) return wrong('zero')
  if (min !== undefined && amount < min) return wrong('min')
  return max !== undefined && amount > max ? wrong('max') : { status: 'amount', amount }
}

/** An amount as {@link readAmount} takes it, without its symbol. */
export function writeAmount(amount: bigint, decimals: number, sign: DecimalSign): string {
  return formatDecimalAmount(amount, decimals).replace('.', sign)
}

function wrong(fault: AmountFault): AmountRead {
  return { status: 'wrong', fault }
}
