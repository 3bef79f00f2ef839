import { isEvegramError } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AMOUNT_MAX, amountOf, parseAmount } from './amount.js'

const refused: unknown = expect.toSatisfy((failure) => isEvegramError(failure, 'invalid.argument'))

describe('amounts', () => {
  it('are read back from their digits, each in one way', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: AMOUNT_MAX }), (value) => {
      expect(parseAmount(value.toString())).toBe(value)
      expect(() => parseAmount(`0${value.toString()}`)).toThrow(refused)
    }))
  })

  it.each(['', '-1', '+1', '1.0', '1e3', ' 1', '1 ', '0x10', '١', '00', (10n ** 38n).toString(), '1\n'])('are not read from %j', (text) => {
    expect(() => parseAmount(text)).toThrow(refused)
  })

  it('are never negative and have 38 digits at most', () => {
    expect(amountOf(AMOUNT_MAX)).toBe(10n ** 38n - 1n)
    for (const value of [-1n, AMOUNT_MAX + 1n]) expect(() => amountOf(value)).toThrow(refused)
  })
})
