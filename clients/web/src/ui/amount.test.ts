import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { en } from '../i18n/en.js'
import { makeTexts } from '../i18n/texts.js'
import { amountOf, amountText } from './amount.js'
import { readAmount } from './read-amount.js'
import { sizeText } from './size.js'

const PLAY = { symbol: 'PLAY', decimals: 6 }

describe('an amount that is shown', () => {
  afterEach(() => { vi.unstubAllGlobals() })

  it('has the decimal sign of the language, and no place in its number where a line could break', () => {
    expect([amountText(7_745_000n, PLAY, '.'), amountText(7_745_000n, PLAY, ',')]).toEqual(['7.745 PLAY', '7,745 PLAY'])
    expect(amountText(-1_234_567_500_000n, PLAY, ',')).toBe('−1\u00a0234\u00a0567,5 PLAY')
    expect([amountText(0n, PLAY, '.'), amountText(20_000_000n, PLAY, ','), amountText(1_000n, { symbol: 'X', decimals: 0 }, ',')]).toEqual(['0 PLAY', '20 PLAY', '1\u00a0000 X'])
  })

  it('is read as the same in a field of that language', () => {
    fc.assert(fc.property(fc.bigInt({ min: 1n, max: 10n ** 29n - 1n }), fc.integer({ min: 0, max: 9 }), fc.constantFrom('.' as const, ',' as const), (amount, decimals, sign) => {
      expect(readAmount(amountText(amount, { symbol: '', decimals }, sign), decimals, sign)).toEqual({ status: 'amount', amount })
    }))
  })

  it('of an asset that is not known is its smallest unit', () => {
    expect(amountOf(5n, 'simulated/else', [], ',')).toBe('5 simulated/else')
  })

  it('is written by the texts of a language as numbers are elsewhere in it, and so are sizes', () => {
    const written = (language: string, ...languages: readonly string[]): readonly string[] => {
      vi.stubGlobal('navigator', { languages })
      const texts = makeTexts(language, en)
      return [texts.amountText(14_500_000n, PLAY), texts.amountOf(500_000n, 'simulated/play', [{ ...PLAY, asset: 'simulated/play' }]), texts.sizeText(1_500_000)]
    }
    expect([written('es', 'es-ES'), written('es', 'es-MX'), written('en')]).toEqual([['14,5 PLAY', '0,5 PLAY', '1,5 MB'], ['14.5 PLAY', '0.5 PLAY', '1.5 MB'], ['14.5 PLAY', '0.5 PLAY', '1.5 MB']])
    expect([sizeText(999, '.'), sizeText(240_000, ','), sizeText(5_000_000_000, ',')]).toEqual(['999 B', '240 kB', '5,0 GB'])
  })
})
