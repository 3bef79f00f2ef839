import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, EvegramError, utf8 } from '@evegram/protocol'

/** Bytes of a recovery code: 128 random bits. */
export const RECOVERY_CODE_BYTES = 16
/** Douglas Crockford's base 32: no I, L and O, which are read as 1, 1 and 0, and no U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const MISREAD: Readonly<Record<string, string>> = { I: '1', L: '1', O: '0' }
const GROUPS = 7
/** Letters of a group that carry bits; one more checks them. */
const GROUP_LETTERS = 4
const LETTER_BITS = 5
/** What the seven groups hold beyond the code: they check it as a whole. */
const CHECK_BITS = GROUPS * GROUP_LETTERS * LETTER_BITS - RECOVERY_CODE_BYTES * 8
const LABEL = utf8('evegram/recovery-code/v1')
/** Characters that are looked at; what is longer is no code. */
const TYPED_CHARACTERS_MAX = 256

const letterOf = (value: number): string => ALPHABET.charAt(value)

/** The first `bits` bits of a hash over `bytes`. */
function checkOf(bytes: Uint8Array, bits: number): number {
  const hash = sha256(concatBytes(LABEL, bytes))
  return (((hash[0] ?? 0) << 8) | (hash[1] ?? 0)) >>> (16 - bits)
}

function groupLetter(index: number, letters: string): string {
  return letterOf(checkOf(utf8(`${String(index)}${letters}`), LETTER_BITS))
}

/** A code as people write it down: seven groups of five letters, the last letter of each checks the group, the last bits of all check the whole. */
export function formatRecoveryCode(code: Uint8Array): string {
  if (code.length !== RECOVERY_CODE_BYTES) throw new EvegramError('invalid.argument', { operation: 'format recovery code' })
  let bits = (code.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) << BigInt(CHECK_BITS)) | BigInt(checkOf(code, CHECK_BITS))
  const letters: string[] = []
  for (let at = 0; at < GROUPS * GROUP_LETTERS; at++) {
    letters.unshift(letterOf(Number(bits & 31n)))
    bits >>= 5n
  }
  const text = letters.join('')
  return Array.from({ length: GROUPS }, (_, index) => {
    const group = text.slice(index * GROUP_LETTERS, (index + 1) * GROUP_LETTERS)
    return `${group}${groupLetter(index, group)}`
  }).join('-')
}

/**
 * The code that a person typed: upper or lower case, with hyphens, spaces or nothing between the groups, I and L for 1, O for 0. Throws
 * `invalid.recovery_code`, which names the group (from 1) that does not fit, or what is wrong with the whole.
 */
export function parseRecoveryCode(typed: string): Uint8Array {
  const plain = typed.length > TYPED_CHARACTERS_MAX ? '' : typed.toUpperCase().replace(/[\s‐-―-]/gu, '').replace(/[ILO]/g, (letter) => MISREAD[letter] ?? letter)
  const stranger = [...plain].findIndex((letter) => !ALPHABET.includes(letter))
  if (stranger >= 0) refuse(`Letter ${String(stranger % (GROUP_LETTERS + 1) + 1)} of group ${String(Math.floor(stranger / (GROUP_LETTERS + 1)) + 1)} is none of a recovery code.`, { group: Math.floor(stranger / (GROUP_LETTERS + 1)) + 1 })
  const expected = GROUPS * (GROUP_LETTERS + 1)
  if (plain.length !== expected) refuse(`A recovery code has ${String(GROUPS)} groups of ${String(GROUP_LETTERS + 1)} letters, ${String(expected)} in all: these are ${String(plain.length)}.`, { letters: plain.length })
  let bits = 0n
  for (let index = 0; index < GROUPS; index++) {
    const group = plain.slice(index * (GROUP_LETTERS + 1), (index + 1) * (GROUP_LETTERS + 1))
    const letters = group.slice(0, GROUP_LETTERS)
    if (group.slice(GROUP_LETTERS) !== groupLetter(index, letters)) refuse(`Group ${String(index + 1)} does not fit: look at it again.`, { group: index + 1 })
    for (const letter of letters) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(letter))
  }
  const check = Number(bits & ((1n << BigInt(CHECK_BITS)) - 1n))
  bits >>= BigInt(CHECK_BITS)
  const code = new Uint8Array(RECOVERY_CODE_BYTES)
  for (let at = RECOVERY_CODE_BYTES - 1; at >= 0; at--) {
    code[at] = Number(bits & 255n)
    bits >>= 8n
  }
  if (check !== checkOf(code, CHECK_BITS)) refuse('The groups do not belong together: look at all of them again.', {})
  return code
}

function refuse(advice: string, details: Readonly<Record<string, number>>): never {
  throw new EvegramError('invalid.recovery_code', { operation: 'read recovery code', advice, details })
}
