import { isEvegramError, utf8 } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countingRandom } from '../../chain/simulated/simulated-world.contract.js'
import { DEPOSIT_CODE_CHARACTERS, DEPOSIT_MEMO_BYTES_MAX, depositCodeIn, newDepositCode, parseDepositCode } from './deposit-code.js'

const random = countingRandom('codes')
/** Characters of bech32, in its order (BIP-173). */
const CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const isCode = (text: string): boolean => depositCodeIn(utf8(text)).status === 'code'

describe('a deposit code', () => {
  it('is found in a memo that is nothing else', () => {
    const code = newDepositCode(random)
    expect(code).toMatch(/^evg1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{16}$/)
    expect(code).toHaveLength(DEPOSIT_CODE_CHARACTERS)
    for (const memo of [code, code.toUpperCase(), ` ${code}\r\n`]) expect(depositCodeIn(utf8(memo))).toEqual({ status: 'code', code })
    expect(parseDepositCode(code)).toBe(code)
    for (const wrong of [code.toUpperCase(), ` ${code}`, code.slice(1), '']) {
      expect(() => parseDepositCode(wrong)).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.argument')))
    }
  })

  it('with one wrong character is none, whichever it is, nor with a second one', () => {
    const code = newDepositCode(random)
    const replaced = (text: string, at: number, character: string): string => text.slice(0, at) + character + text.slice(at + 1)
    for (let first = 4; first < code.length; first++) {
      for (const one of CHARACTERS) {
        if (one === code[first]) continue
        const once = replaced(code, first, one)
        expect(isCode(once), once).toBe(false)
        for (let second = first + 1; second < code.length; second++) {
          // Every fifth: BIP-350 has the proof for all, and all of them take too long here.
          for (const other of [...CHARACTERS].filter((_, index) => (index + first + second) % 5 === 0)) if (other !== code[second] && isCode(replaced(once, second, other))) throw new Error(`${once} with another typo is a code`)
        }
      }
    }
  })

  it('with characters exchanged, left out and put in is none', () => {
    for (let round = 0; round < 4; round++) {
      const code = newDepositCode(random)
      for (let at = 4; at < code.length - 1; at++) {
        const swapped = code.slice(0, at) + code[at + 1]! + code[at]! + code.slice(at + 2)
        if (swapped !== code) expect(isCode(swapped), swapped).toBe(false)
        const shorter = code.slice(0, at) + code.slice(at + 1)
        expect(isCode(shorter)).toBe(false)
        // One left out and one put in: two typos that shift what is between them.
        for (let put = 4; put < code.length; put++) {
          for (const character of CHARACTERS) {
            const shifted = shorter.slice(0, put) + character + shorter.slice(put)
            if (shifted !== code && isCode(shifted)) throw new Error(`${shifted} is a code`)
          }
        }
      }
    }
  })

  it('is looked for in any bytes without a failure', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: DEPOSIT_MEMO_BYTES_MAX + 8 }), (memo) => {
      expect(['missing', 'unreadable']).toContain(depositCodeIn(memo).status)
    }))
    expect(depositCodeIn(undefined)).toEqual({ status: 'missing' })
    expect(depositCodeIn(utf8(`${newDepositCode(random)}${' '.repeat(DEPOSIT_MEMO_BYTES_MAX)}`))).toEqual({ status: 'unreadable' })
  })
})
