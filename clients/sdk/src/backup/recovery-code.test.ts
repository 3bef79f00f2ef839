import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, hexOf, isEvegramError } from '@evegram/protocol'
import { formatRecoveryCode, parseRecoveryCode, RECOVERY_CODE_BYTES } from './recovery-code.js'

const code = bytesOfHex('000102030405060708090a0b0c0d0e0f')
const any = fc.uint8Array({ minLength: RECOVERY_CODE_BYTES, maxLength: RECOVERY_CODE_BYTES })

function refusal(typed: string): unknown {
  try {
    return hexOf(parseRecoveryCode(typed))
  } catch (error) {
    return isEvegramError(error, 'invalid.recovery_code') ? error.details : error
  }
}

describe('a recovery code', () => {
  it('is seven groups of five letters that nobody confuses, the same for ever', () => {
    expect(formatRecoveryCode(code)).toMatchInlineSnapshot(`"000G2-40R45-0M307-E209K-185GA-R38EZ-1ZKCE"`)
    expect(formatRecoveryCode(code)).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){6}[0-9A-HJKMNP-TV-Z]{5}$/)
  })

  it('is read back as people type it', () => {
    fc.assert(fc.property(any, (bytes) => {
      const text = formatRecoveryCode(bytes)
      for (const typed of [text, text.toLowerCase(), text.replaceAll('-', ''), text.replaceAll('-', '  '), `\t${text.replaceAll('-', '–')}\n`, text.replaceAll('1', 'l').replaceAll('0', 'o')]) {
        expect(refusal(typed)).toBe(hexOf(bytes))
      }
    }))
  })

  it('names the group with a wrong letter, and takes it for another code in one of 130,000 at most', () => {
    let named = 0
    let runs = 0
    let taken = 0
    fc.assert(fc.property(any, fc.nat(34), fc.integer({ min: 1, max: 31 }), (bytes, at, other) => {
      const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
      const text = [...formatRecoveryCode(bytes).replaceAll('-', '')]
      text[at] = letters.charAt((letters.indexOf(text[at] ?? '') + other) % 32)
      const result = refusal(text.join(''))
      expect(result).not.toBe(hexOf(bytes))
      runs += 1
      if (typeof result === 'string') taken += 1
      if (JSON.stringify(result) === JSON.stringify({ group: Math.floor(at / 5) + 1 })) named += 1
    }), { numRuns: 500 })
    // One wrong letter of 32 has the right check by chance; the whole is then what does not fit.
    expect(named / runs).toBeGreaterThan(0.9)
    // And one of 4,096 of those fits as a whole. That is one run of this test in 300; two in one run are one in 150,000.
    expect(taken).toBeLessThanOrEqual(1)
  })

  it('says what else is wrong with it', () => {
    const text = formatRecoveryCode(code)
    expect(refusal('')).toEqual({ letters: 0 })
    expect(refusal(text.slice(0, -1))).toEqual({ letters: 34 })
    expect(refusal(text.replace(/^./, 'U'))).toEqual({ group: 1 })
    const [first, second, ...rest] = text.split('-')
    expect(refusal([second, first, ...rest].join('-'))).toEqual({ group: 1 })
    expect(refusal('x'.repeat(10_000))).toEqual({ letters: 0 })
  })
})
