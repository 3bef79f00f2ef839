import { bech32m } from '@scure/base'
import { EvegramError, utf8, type Random } from '@evegram/protocol'

declare const codeBrand: unique symbol

/**
 * What a payer writes into the memo, so that a deposit at a shared address finds its account: `evg1`, 10 characters that say nothing (50 random bits), 6 of
 * a checksum; bech32m (BIP-350). The checksum finds up to four wrong characters, so two typos never make the code of somebody else.
 */
export type DepositCode = string & { readonly [codeBrand]: 'DepositCode' }

const PREFIX = 'evg'
const DATA_CHARACTERS = 10
/** Characters of a code. */
export const DEPOSIT_CODE_CHARACTERS = PREFIX.length + 1 + DATA_CHARACTERS + 6
/** Bytes of a memo in which a code is looked for; a longer one holds none. */
export const DEPOSIT_MEMO_BYTES_MAX = 64

/** What wallets and people put around a code without meaning anything by it. */
const AROUND = /^[ \t\r\n]+|[ \t\r\n]+$/g
const ONE_CASE = /^(?:[0-9a-z]+|[0-9A-Z]+)$/

/** A code that nobody has, as far as 50 random bits go: whoever gives codes out refuses one that is taken. */
export function newDepositCode(random: Random): DepositCode {
  // 5 bits of each byte: uniform.
  return bech32m.encode(PREFIX, [...random.bytes(DATA_CHARACTERS)].map((byte) => byte & 31)) as DepositCode
}

/** Brands a code as it is kept. Throws `invalid.argument` for any other form of it. */
export function parseDepositCode(text: string): DepositCode {
  const found = depositCodeIn(utf8(text))
  if (found.status !== 'code' || found.code !== text) throw new EvegramError('invalid.argument', { operation: 'parse deposit code' })
  return found.code
}

/** What a memo holds. `missing`: nothing at all. `unreadable`: no code, or one with a typo; nothing is guessed. */
export type MemoContent = { readonly status: 'code'; readonly code: DepositCode } | { readonly status: 'missing' | 'unreadable' }

/**
 * The code that a memo holds: the memo must be the code and nothing else but blanks around it, in capitals or small letters. Bytes of a stranger: never
 * throws, whatever they are.
 */
export function depositCodeIn(memo: Uint8Array | undefined): MemoContent {
  if (memo === undefined || memo.length === 0) return { status: 'missing' }
  if (memo.length > DEPOSIT_MEMO_BYTES_MAX) return { status: 'unreadable' }
  // Every byte is a character of its own: what is not ASCII fails the pattern, whatever it was meant to be.
  const text = String.fromCharCode(...memo).replaceAll(AROUND, '')
  if (text === '') return { status: 'missing' }
  if (text.length !== DEPOSIT_CODE_CHARACTERS || !ONE_CASE.test(text)) return { status: 'unreadable' }
  const small = text.toLowerCase()
  const decoded = bech32m.decodeUnsafe(small)
  return decoded !== undefined && decoded.prefix === PREFIX ? { status: 'code', code: small as DepositCode } : { status: 'unreadable' }
}
