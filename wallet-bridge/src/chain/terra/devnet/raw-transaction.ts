import { concatBytes, EvegramError, utf8 } from '@evegram/protocol'

/** The three parts of a transaction on the wire (`cosmos.tx.v1beta1.TxRaw`). */
export interface RawTransaction {
  readonly body: Uint8Array
  readonly authInfo: Uint8Array
  readonly signatures: readonly Uint8Array[]
}

const LENGTH_DELIMITED = 2
const VARINT_BYTES_MAX = 5

/**
 * Reads TxRaw in its one form (ADR-027: fields in order, none twice but signatures, no other, shortest lengths), so that nobody can give a transaction another
 * hash. Undefined for anything else.
 */
export function readRawTransaction(bytes: Uint8Array): RawTransaction | undefined {
  const parts: { readonly field: number; readonly value: Uint8Array }[] = []
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] ?? 0
    const length = readVarint(bytes, at + 1)
    if ((tag & 7) !== LENGTH_DELIMITED || length === undefined || length.end + length.value > bytes.length) return undefined
    parts.push({ field: tag >> 3, value: bytes.subarray(length.end, length.end + length.value) })
    at = length.end + length.value
  }
  const [body, authInfo, ...signatures] = parts
  const isInOrder = body?.field === 1 && authInfo?.field === 2 && signatures.every(({ field }) => field === 3)
  return isInOrder ? { body: body.value, authInfo: authInfo.value, signatures: signatures.map(({ value }) => value) } : undefined
}

/** What a signature in the mode `direct` is over (`cosmos.tx.v1beta1.SignDoc`). Throws `invalid.argument` for an account number that is none. */
export function directSignBytes({ body, authInfo }: RawTransaction, chainId: string, accountNumber: number): Uint8Array {
  if (!Number.isSafeInteger(accountNumber) || accountNumber < 0) throw new EvegramError('invalid.argument', { operation: 'make sign bytes' })
  const parts = [delimited(1, body), delimited(2, authInfo), delimited(3, utf8(chainId))]
  // A number of 0 is left out, as proto3 leaves out what is not there.
  return concatBytes(...parts, ...(accountNumber === 0 ? [] : [Uint8Array.of(4 << 3), varint(accountNumber)]))
}

function delimited(field: number, value: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(field << 3 | LENGTH_DELIMITED), varint(value.length), value)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(rest % 128 + 128)
  return Uint8Array.from([...bytes, rest])
}

function readVarint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0
  for (let at = start; at < Math.min(bytes.length, start + VARINT_BYTES_MAX); at++) {
    const byte = bytes[at] ?? 0
    value += (byte & 127) * 2 ** (7 * (at - start))
    if (byte < 128) return byte === 0 && at > start ? undefined : { value, end: at + 1 }
  }
  return undefined
}
