import type { DecimalSign } from './read-amount.js'

const UNITS = ['B', 'kB', 'MB', 'GB'] as const

/** A number of bytes as people read it: at most three digits and a unit. Components have it as `useTexts().sizeText`. */
export function sizeText(bytes: number, sign: DecimalSign): string {
  let [value, unit] = [bytes, 0]
  for (; value >= 1_000 && unit < UNITS.length - 1; unit++) value /= 1_000
  return `${value < 10 && unit > 0 ? value.toFixed(1).replace('.', sign) : String(Math.round(value))} ${UNITS[unit] ?? ''}`
}
