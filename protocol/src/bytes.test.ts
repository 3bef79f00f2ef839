import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, compareBytes, concatBytes, equalBytes, hexOf, lengthPrefixed, textOf, uint64Of, utf8 } from './bytes.js'

const bytes = fc.uint8Array({ maxLength: 64 })

describe('hex', () => {
  it('comes back as it was, and agrees with Node', () => {
    fc.assert(fc.property(bytes, (value) => {
      expect(hexOf(value)).toBe(Buffer.from(value).toString('hex'))
      expect(bytesOfHex(hexOf(value).toUpperCase())).toEqual(value)
    }))
  })

  it('is refused with an odd number of digits or another character', () => {
    for (const text of ['0', 'zz', '0x', ' 00', '00\n', '٠٠']) expect(() => bytesOfHex(text)).toThrow(expect.objectContaining({ code: 'invalid.hex' }))
  })

  it('of a part is the part of the hex', () => {
    expect(hexOf(Uint8Array.of(1, 2, 3, 4), 1, 3)).toBe('0203')
  })
})

describe('text', () => {
  it('is UTF-8 whatever its length and characters, as Node writes it', () => {
    const texts = ['grapheme-ascii', 'binary', fc.constantFrom('a', '\u007f', '\u0080', 'é', 'ÿ', '€', '\ud83d\ude00', '\ud800')] as const
    fc.assert(fc.property(fc.oneof(...texts.map((unit) => fc.string({ unit, maxLength: 130, size: 'max' }))), (text) => {
      expect(hexOf(utf8(text))).toBe(Buffer.from(text, 'utf8').toString('hex'))
    }), { numRuns: 500 })
  })

  it('keeps a byte order mark and refuses what is not UTF-8', () => {
    expect(textOf(utf8('\ufeffa'))).toBe('\ufeffa')
    for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      expect(() => textOf(Uint8Array.from(bad))).toThrow(expect.objectContaining({ code: 'invalid.utf8' }))
    }
  })
})

describe('comparison', () => {
  it('agrees with Node on order and equality', () => {
    fc.assert(fc.property(bytes, bytes, (left, right) => {
      expect(Math.sign(compareBytes(left, right))).toBe(Buffer.compare(left, right))
      expect(equalBytes(left, right)).toBe(Buffer.from(left).equals(right))
      expect(equalBytes(left, left.slice())).toBe(true)
    }))
  })
})

describe('lengthPrefixed', () => {
  it('gives different lists different bytes', () => {
    fc.assert(fc.property(fc.array(bytes, { maxLength: 4 }), fc.array(bytes, { maxLength: 4 }), (left, right) => {
      const same = left.length === right.length && left.every((part, index) => equalBytes(part, right[index] ?? new Uint8Array(999)))
      expect(equalBytes(lengthPrefixed(...left), lengthPrefixed(...right))).toBe(same)
    }))
  })

  it('writes four big-endian bytes of length before each value', () => {
    expect(hexOf(lengthPrefixed('hé', Uint8Array.of(9)))).toBe('0000000368c3a90000000109')
    expect(concatBytes()).toHaveLength(0)
  })
})

describe('uint64Of', () => {
  it('writes eight big-endian bytes, and refuses what it would cut', () => {
    expect(hexOf(uint64Of(Number.MAX_SAFE_INTEGER))).toBe('001fffffffffffff')
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => uint64Of(value)).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})
