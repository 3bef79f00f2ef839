import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AMOUNT_DIGITS_MAX, ASSET_DECIMALS_MAX, formatDecimalAmount, parseDecimalAmount } from './decimal-amount.js'

const refused: unknown = expect.objectContaining({ code: 'invalid.argument' })

describe('an amount as people write it', () => {
  it('comes back as it was, whatever its size', () => {
    const amounts = fc.bigInt({ min: 0n, max: 10n ** BigInt(AMOUNT_DIGITS_MAX) - 1n })
    fc.assert(fc.property(amounts, fc.integer({ min: 0, max: ASSET_DECIMALS_MAX }), (amount, decimals) => {
      expect(parseDecimalAmount(formatDecimalAmount(amount, decimals), decimals)).toBe(amount)
    }))
  })

  it.each([
    ['1', 9, 1_000_000_000n], ['0.000000001', 9, 1n], ['1.50', 2, 150n], ['0', 0, 0n], ['123', 0, 123n], ['0.1', 1, 1n],
    // 2^53 + 1 and 0.1 + 0.2: a floating-point number would round here.
    ['9007199254740993', 0, 9_007_199_254_740_993n], ['0.30000000000000004', 17, 30_000_000_000_000_004n],
  ])('%s with %i places', (text, decimals, amount) => {
    expect(parseDecimalAmount(text, decimals)).toBe(amount)
  })

  it.each([
    '', ' 1', '1 ', '-1', '+1', '1e3', '1,5', '.5', '5.', '01', '1.2.3', '0x10', '１', 'NaN', 'Infinity', '1_000', '0.0000000001', '1'.repeat(39),
  ])('is not %j', (text) => {
    expect(() => parseDecimalAmount(text, 9)).toThrow(refused)
  })

  it('has no more digits than the ledger holds, its places counted', () => {
    expect(parseDecimalAmount('9'.repeat(29), 9)).toBe(BigInt(`${'9'.repeat(29)}000000000`))
    expect(() => parseDecimalAmount('9'.repeat(30), 9)).toThrow(refused)
  })

  it('is written without zeros that say nothing', () => {
    expect([formatDecimalAmount(1_500_000_000n, 9), formatDecimalAmount(1n, 9), formatDecimalAmount(0n, 9), formatDecimalAmount(1_000n, 0)])
      .toEqual(['1.5', '0.000000001', '0', '1000'])
    expect(() => formatDecimalAmount(-1n, 9)).toThrow(refused)
    for (const decimals of [-1, 0.5, 39, Number.NaN]) expect(() => formatDecimalAmount(1n, decimals)).toThrow(refused)
  })
})
