import type { RunOptions } from '../run-options.js'
import { PROFILES } from '../world/profiles.js'

/** A seed that found a fault once, and must stay green. */
export interface Regression {
  readonly seed: string
  readonly profile: RunOptions['profile']
  readonly crypto: RunOptions['crypto']
  /** What it found. */
  readonly found: string
  /** The commit that fixed it, or what was done, in words. */
  readonly fixed: string
  /** Day on which it was found, as 2027-01-31. */
  readonly date: string
}

/** Reads `regressions.json`. Throws an `Error` that names the entry and the field at fault. */
export function parseRegressions(text: string): readonly Regression[] {
  const entries: unknown = JSON.parse(text)
  if (!Array.isArray(entries)) throw new Error('regressions.json must be a list.')
  return entries.map((entry: unknown, index) => {
    const fail = (field: string): never => { throw new Error(`Entry ${String(index + 1)} of regressions.json: ${field}.`) }
    if (typeof entry !== 'object' || entry === null) return fail('not an object')
    const textOf = (field: string): string => {
      const value: unknown = Reflect.get(entry, field)
      return typeof value === 'string' && value.trim() !== '' ? value : fail(`"${field}" must be a text`)
    }
    const profileText = textOf('profile')
    const cryptoText = textOf('crypto')
    const profile = PROFILES.find((name) => name === profileText) ?? fail(`unknown profile "${profileText}"`)
    const crypto = cryptoText === 'stand-in' || cryptoText === 'real' ? cryptoText : fail(`unknown crypto "${cryptoText}"`)
    const date = textOf('date')
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) fail('"date" must be like 2027-01-31')
    return { seed: textOf('seed'), profile, crypto, found: textOf('found'), fixed: textOf('fixed'), date }
  })
}
