import { base58 } from '@scure/base'
import { concatBytes, equalBytes, utf8 } from '../bytes.js'

/** First bytes of every off-chain message: 0xff can start no transaction. */
const SIGNING_DOMAIN = concatBytes(Uint8Array.of(0xff), utf8('solana offchain'))
const VERSION_OFFSET = SIGNING_DOMAIN.length
const MEMO_PROGRAM = base58.decode('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')

/** What an off-chain message envelope holds. Lengths: `applicationDomain` 32, `signer` 32. */
export interface OffchainMessage {
  /** Absent in the short header of older Ledger applications, as is `signer`. */
  readonly applicationDomain: Uint8Array | undefined
  readonly signer: Uint8Array | undefined
  /** 0 restricted ASCII, 1 UTF-8 of at most 1,212 bytes. */
  readonly format: number
  readonly message: Uint8Array
}

function uint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8)
}

/**
 * Reads an envelope of version 0 (off-chain message signing proposal of Solana): with application domain and exactly one signer,
 * or with the short header of older Ledger applications (version, format, length). Undefined for anything else, trailing bytes included.
 */
export function readOffchainMessage(bytes: Uint8Array): OffchainMessage | undefined {
  if (!equalBytes(bytes.subarray(0, VERSION_OFFSET), SIGNING_DOMAIN) || bytes[VERSION_OFFSET] !== 0) return undefined
  const at = VERSION_OFFSET + 1
  const short = bytes.subarray(at + 3)
  if (short.length > 0 && uint16(bytes, at + 1) === short.length) {
    return withKnownFormat({ applicationDomain: undefined, signer: undefined, format: bytes[at] ?? 0, message: short })
  }
  // application domain 32, format 1, signer count 1, one signer 32, length 2
  const message = bytes.subarray(at + 68)
  if (bytes[at + 33] !== 1 || message.length === 0 || uint16(bytes, at + 66) !== message.length) return undefined
  const signer = bytes.subarray(at + 34, at + 66)
  return withKnownFormat({ applicationDomain: bytes.subarray(at, at + 32), signer, format: bytes[at + 32] ?? 0, message })
}

function withKnownFormat(message: OffchainMessage): OffchainMessage | undefined {
  return message.format <= 1 ? message : undefined
}

/** The envelope that a Ledger signs: application domain of zeros, format 0, one signer. `message` has at most 65,515 bytes. */
export function writeOffchainMessage(signer: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = Uint8Array.of(message.length & 0xff, message.length >> 8)
  return concatBytes(SIGNING_DOMAIN, new Uint8Array(1 + 32 + 1), Uint8Array.of(1), signer, length, message)
}

/** What a memo-only legacy transaction message holds. Lengths: 32, 32. */
export interface MemoMessage {
  readonly payer: Uint8Array
  readonly blockhash: Uint8Array
  readonly memo: Uint8Array
}

/** A compact-u16 in its shortest form at `offset`: value and the offset behind it. */
function compactUint16(bytes: Uint8Array, offset: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0
  for (let index = 0; index < 3; index++) {
    const byte = bytes[offset + index]
    if (byte === undefined || (index > 0 && byte === 0)) return undefined
    value |= (byte & 0x7f) << (7 * index)
    if ((byte & 0x80) === 0) return value > 0xffff ? undefined : { value, next: offset + index + 1 }
  }
  return undefined
}

/**
 * Reads a legacy transaction message that does nothing but carry a memo: one signer, who pays; two accounts, the second the Memo v2
 * program; one instruction, whose only account may be the signer. Undefined for anything else: versioned messages (and with them
 * look-up tables), further signers, accounts or instructions, other programs, trailing bytes.
 */
export function readMemoMessage(bytes: Uint8Array): MemoMessage | undefined {
  // Header: required signatures, read-only signed, read-only unsigned; then the number of accounts. A version byte has its top bit set.
  if (!equalBytes(bytes.subarray(0, 4), Uint8Array.of(1, 0, 1, 2))) return undefined
  if (!equalBytes(bytes.subarray(36, 68), MEMO_PROGRAM)) return undefined
  // One instruction, of program 1.
  if (bytes[100] !== 1 || bytes[101] !== 1) return undefined
  const hasSigner = bytes[102] === 1 && bytes[103] === 0
  if (!hasSigner && bytes[102] !== 0) return undefined
  const length = compactUint16(bytes, hasSigner ? 104 : 103)
  if (length === undefined || bytes.length !== length.next + length.value) return undefined
  return { payer: bytes.subarray(4, 36), blockhash: bytes.subarray(68, 100), memo: bytes.subarray(length.next) }
}

/** The message that {@link readMemoMessage} reads, with the signer named in the instruction. `memo` has at most 1,000 bytes. */
export function writeMemoMessage(payer: Uint8Array, blockhash: Uint8Array, memo: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = memo.length < 0x80 ? Uint8Array.of(memo.length) : Uint8Array.of((memo.length & 0x7f) | 0x80, memo.length >> 7)
  return concatBytes(Uint8Array.of(1, 0, 1, 2), payer, MEMO_PROGRAM, blockhash, Uint8Array.of(1, 1, 1, 0), length, memo)
}
