import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAmount, writeAmount, type DecimalSign } from './read-amount.js'

const SIGNS: readonly DecimalSign[] = ['.', ',']

describe('an amount in a field', () => {
  it('that the page wrote comes back as it was, whatever its size, in both ways of writing', () => {
    const amounts = fc.bigInt({ min: 1n, max: 10n ** 29n - 1n })
    fc.assert(fc.property(amounts, fc.integer({ min: 0, max: 9 }), fc.constantFrom(...SIGNS), (amount, decimals, sign) => {
      expect(readAmount(writeAmount(amount, decimals, sign), decimals, sign)).toEqual({ status: 'amount', amount })
    }))
  })

  it.each([
    ['1', 1_000_000n], ['0.5', 500_000n], ['0,5', 500_000n], ['.5', 500_000n], ['5.', 5_000_000n], [' 12 ', 12_000_000n], ['007', 7_000_000n], ['1.50', 1_500_000n],
    ['1.5000000000', 1_500_000n], ['12 345.6', 12_345_600_000n], ['12\u00a0345', 12_345_000_000n], ['0,125', 125_000n], ['1500,125', 1_500_125_000n],
    // A floating-point number would round here.
    ['9007199254740993.000001', 9_007_199_254_740_993_000_001n],
  ])('%j is read in six places', (text, amount) => {
    for (const sign of SIGNS) expect(readAmount(text, 6, sign)).toEqual({ status: 'amount', amount })
  })

  it('that one reader takes for a thousand times what another does is asked for again', () => {
    expect(readAmount('1,500', 6, '.')).toEqual({ status: 'wrong', fault: 'grouping' })
    expect(readAmount('1.500', 6, ',')).toEqual({ status: 'wrong', fault: 'grouping' })
    expect(readAmount('1.500', 6, '.')).toEqual({ status: 'amount', amount: 1_500_000n })
    expect(readAmount('1,500', 6, ',')).toEqual({ status: 'amount', amount: 1_500_000n })
  })

  it.each([
    ['-1', 'form'], ['1e3', 'form'], ['1.2.3', 'form'], ['1,234,567', 'form'], ['0x10', 'form'], ['١', 'form'], ['.', 'form'], ['1 5', 'form'], ['Infinity', 'form'],
    ['0.0000001', 'places'], ['0', 'zero'], ['0.00', 'zero'], ['9'.repeat(33), 'large'],
  ])('%j is refused: %s', (text, fault) => {
    for (const sign of SIGNS) expect(readAmount(text, 6, sign)).toEqual({ status: 'wrong', fault })
  })

  it('has its bounds, which count as inside', () => {
    const bounds = { min: 10n, max: 20n }
    expect(['9', '10', '20', '21', ''].map((text) => readAmount(text, 0, '.', bounds))).toEqual([
      { status: 'wrong', fault: 'min' }, { status: 'amount', amount: 10n }, { status: 'amount', amount: 20n }, { status: 'wrong', fault: 'max' }, { status: 'empty' },
    ])
  })
})
