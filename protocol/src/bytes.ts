import { EvegramError } from './errors.js'

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Texts that are written here when they are ASCII: for so few bytes a call of TextEncoder costs more, and V8 keeps arrays of up to 64 bytes in its own heap. */
const SHORT_TEXT_MAX = 64

function shortAscii(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return undefined
    bytes[index] = code
  }
  return bytes
}

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return (text.length <= SHORT_TEXT_MAX ? shortAscii(text) : undefined) ?? encoder.encode(text)
}

/** Text of UTF-8 `bytes`. Throws `invalid.utf8` when the bytes are not well-formed UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes)
  } catch (cause) {
    throw new EvegramError('invalid.utf8', { operation: 'decode text', cause })
  }
}

const CODES: readonly number[] = Array.from('0123456789abcdef', (text) => text.charCodeAt(0))
/** Character codes of the first and of the second hex digit of every byte. */
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => CODES[byte >> 4] ?? 0)
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => CODES[byte & 15] ?? 0)

const NO_DIGIT = 0xff
/** Value of each hex digit by its character code, either case. */
const VALUE_OF = new Uint8Array(128).fill(NO_DIGIT)
CODES.forEach((code, value) => { VALUE_OF[code] = value })
Array.from('ABCDEF').forEach((text, index) => { VALUE_OF[text.charCodeAt(0)] = 10 + index })

function digit(codes: Uint8Array, bytes: Uint8Array, index: number): number {
  return codes[bytes[index] ?? 0] ?? 0
}

/** Hex of the 16 bytes of an id in one step: five times as fast as joining pairs, and a server does it several times for every message. */
function hexOfId(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(
    digit(HIGH, bytes, at + 0), digit(LOW, bytes, at + 0), digit(HIGH, bytes, at + 1), digit(LOW, bytes, at + 1),
    digit(HIGH, bytes, at + 2), digit(LOW, bytes, at + 2), digit(HIGH, bytes, at + 3), digit(LOW, bytes, at + 3),
    digit(HIGH, bytes, at + 4), digit(LOW, bytes, at + 4), digit(HIGH, bytes, at + 5), digit(LOW, bytes, at + 5),
    digit(HIGH, bytes, at + 6), digit(LOW, bytes, at + 6), digit(HIGH, bytes, at + 7), digit(LOW, bytes, at + 7),
    digit(HIGH, bytes, at + 8), digit(LOW, bytes, at + 8), digit(HIGH, bytes, at + 9), digit(LOW, bytes, at + 9),
    digit(HIGH, bytes, at + 10), digit(LOW, bytes, at + 10), digit(HIGH, bytes, at + 11), digit(LOW, bytes, at + 11),
    digit(HIGH, bytes, at + 12), digit(LOW, bytes, at + 12), digit(HIGH, bytes, at + 13), digit(LOW, bytes, at + 13),
    digit(HIGH, bytes, at + 14), digit(LOW, bytes, at + 14), digit(HIGH, bytes, at + 15), digit(LOW, bytes, at + 15),
  )
}

/** Lower-case hex of `bytes[from, to)`, which must lie inside `bytes`. */
export function hexOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  if (to - from === 16) return hexOfId(bytes, from)
  let hex = ''
  let next = from
  for (; to - next >= 16; next += 16) hex += hexOfId(bytes, next)
  for (let index = next; index < to; index++) hex += HEX_OF_BYTE[bytes[index] ?? 0] ?? ''
  return hex
}

/** Bytes of a hex string of even length, either case. Throws `invalid.hex` otherwise. */
export function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  const refuse = (): never => { throw new EvegramError('invalid.hex', { operation: 'decode hex' }) }
  if (hex.length % 2 !== 0) refuse()
  const bytes = new Uint8Array(hex.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    const [high = NO_DIGIT, low = NO_DIGIT] = [VALUE_OF[hex.charCodeAt(index * 2)], VALUE_OF[hex.charCodeAt(index * 2 + 1)]]
    if (high === NO_DIGIT || low === NO_DIGIT) refuse()
    bytes[index] = high << 4 | low
  }
  return bytes
}

/** One array holding `parts` in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Whether both arrays hold the same bytes. Not constant-time: for public values only. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false
  return true
}

/** Order of two byte strings as unsigned bytes, shorter first on a tie: negative, zero or positive. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let index = 0; index < shared; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/**
 * The `lp(x)` of the protocol: a 4-byte big-endian length, then the bytes. Strings are taken as UTF-8.
 * Several values are written one after the other, so that no two lists of values share an encoding.
 */
export function lengthPrefixed(...values: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  for (const value of values) {
    const bytes = typeof value === 'string' ? utf8(value) : value
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.length)
    parts.push(length, bytes)
  }
  return concatBytes(...parts)
}

/** 8 big-endian bytes of a non-negative integer that is safe in a JavaScript number. Throws `invalid.argument` for any other. */
export function uint64Of(value: number): Uint8Array<ArrayBuffer> {
  if (!Number.isSafeInteger(value) || value < 0) throw new EvegramError('invalid.argument', { operation: 'write integer' })
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}
