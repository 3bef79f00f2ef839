import { compareBytes, textOf, utf8 } from './bytes.js'
import { EvegramError, type ErrorCode } from './errors.js'

/** What deterministic CBOR of this protocol may hold: no floats, no tags, no undefined, text keys only. */
export type CborValue = null | boolean | number | bigint | string | Uint8Array | readonly CborValue[] | { readonly [key: string]: CborValue }

/** Arrays and maps inside each other, at most: no format of this protocol needs half of it. */
export const CBOR_DEPTH_MAX = 16

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, simple: 7 } as const
const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6 } as const
const UINT64_MAX = 2n ** 64n - 1n
const SHORT_TEXT_BYTES = 32
/** Longest text that is looked at character by character: up to here that costs less than calling the encoder. */
const ASCII_TEXT_MAX = 128
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Deterministic CBOR (RFC 8949 section 4.2.1: shortest forms, definite lengths, keys in byte order) of `value`.
 * Throws `invalid.cbor` for a number that is not a safe integer, a bigint beyond 64 bits, a type that is no {@link CborValue} or nesting
 * beyond {@link CBOR_DEPTH_MAX}, and `invalid.utf8` for a text with half a surrogate pair.
 */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  const writer = new CborWriter()
  writer.value(value, 0)
  return writer.done()
}

function fail(problem: string): never {
  throw new EvegramError('invalid.cbor', { operation: 'read or write CBOR', details: { problem } })
}

/** Bytes that a writer has room for at first: most rows and frames fit. */
const ROOM_BYTES = 512
/** Keys whose encoded form is remembered: the formats of this protocol have some hundred. Past it all are forgotten. */
const KEYS_REMEMBERED_MAX = 1_024
const encodedKeys = new Map<string, Uint8Array>()

/** Writes into one buffer that grows, since most values are a few bytes long. */
class CborWriter {
  #bytes = new Uint8Array(ROOM_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** What was written. */
  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  value(value: CborValue, depth: number): void {
    if (depth > CBOR_DEPTH_MAX) fail('nesting')
    if (value === null) this.#byte(SIMPLE.null)
    else if (typeof value === 'boolean') this.#byte(value ? SIMPLE.true : SIMPLE.false)
    else if (typeof value === 'number' || typeof value === 'bigint') this.#integer(value)
    else if (typeof value === 'string') this.text(value)
    else if (value instanceof Uint8Array) {
      this.#head(MAJOR.bytes, value.length)
      this.#put(value)
    } else if (Array.isArray(value)) {
      this.#head(MAJOR.list, value.length)
      // Array.isArray widens readonly arrays to any[]; the type of `value` is known.
      for (const item of value as readonly CborValue[]) this.value(item, depth + 1)
    } else if (typeof value === 'object') {
      const entries = Object.entries(value).map(([key, item]) => ({ key: encodedKey(key), item }))
      entries.sort((left, right) => compareBytes(left.key, right.key))
      this.#head(MAJOR.map, entries.length)
      for (const { key, item } of entries) {
        this.#put(key)
        this.value(item, depth + 1)
      }
    } else fail('type')
  }

  text(text: string): void {
    if (text.length <= ASCII_TEXT_MAX && this.#ascii(text)) return
    // TextEncoder would write U+FFFD and so sign or hash another text than the one given.
    if (LONE_SURROGATE.test(text)) throw new EvegramError('invalid.utf8', { operation: 'write CBOR' })
    const bytes = utf8(text)
    this.#head(MAJOR.text, bytes.length)
    this.#put(bytes)
  }

  /** Writes a text of ASCII alone, as ids and names are; writes nothing and returns false for any other. */
  #ascii(text: string): boolean {
    const before = this.#length
    this.#head(MAJOR.text, text.length)
    this.#reserve(text.length)
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) {
        this.#length = before
        return false
      }
      this.#bytes[this.#length++] = code
    }
    return true
  }

  #integer(value: number | bigint): void {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) fail('number')
    const argument = value < 0 ? -1n - BigInt(value) : value
    if (argument > UINT64_MAX) fail('integer beyond 64 bits')
    this.#head(value < 0 ? MAJOR.negative : MAJOR.unsigned, argument)
  }

  /** Initial byte of a major type with its argument in the shortest form (RFC 8949 section 3). */
  #head(major: number, argument: number | bigint): void {
    const first = major << 5
    if (argument < 24) this.#byte(first | Number(argument))
    else if (argument <= 0xff) {
      this.#byte(first | 24)
      this.#byte(Number(argument))
    } else if (argument <= 0xffff) {
      this.#byte(first | 25)
      this.#reserve(2)
      this.#view.setUint16(this.#length, Number(argument))
      this.#length += 2
    } else if (argument <= 0xffffffff) {
      this.#byte(first | 26)
      this.#reserve(4)
      this.#view.setUint32(this.#length, Number(argument))
      this.#length += 4
    } else {
      this.#byte(first | 27)
      this.#reserve(8)
      this.#view.setBigUint64(this.#length, BigInt(argument))
      this.#length += 8
    }
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** The bytes of a key with its head. Nobody changes them. */
function encodedKey(key: string): Uint8Array {
  const known = encodedKeys.get(key)
  if (known !== undefined) return known
  const writer = new CborWriter()
  writer.text(key)
  const encoded = writer.done()
  if (encodedKeys.size >= KEYS_REMEMBERED_MAX) encodedKeys.clear()
  encodedKeys.set(key, encoded)
  return encoded
}

/**
 * Decodes deterministic CBOR of at most `bytesMax` bytes; byte strings are copied. Throws `invalid.cbor` for anything that
 * {@link encodeCbor} would not have written: other encodings of the same value, floats, tags, undefined, keys that are not text, nesting
 * beyond {@link CBOR_DEPTH_MAX}, text that is not UTF-8, bytes left over. Nothing is allocated for a length that was only declared.
 * Integers beyond 2^53 - 1 come as bigint.
 */
export function decodeCbor(bytes: Uint8Array, bytesMax: number): CborValue {
  if (bytes.length > bytesMax) fail('length')
  const reader = new CborReader(bytes)
  const value = reader.value(0)
  if (reader.left > 0) fail('bytes left over')
  return value
}

class CborReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#bytes.length - this.#offset
  }

  value(depth: number): CborValue {
    if (depth > CBOR_DEPTH_MAX) fail('nesting')
    const first = this.#byte()
    const major = first >> 5
    if (major === MAJOR.simple) return simpleValue(first)
    const argument = this.#argument(first & 31)
    switch (major) {
      case MAJOR.unsigned:
        return argument
      case MAJOR.negative:
        return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER ? -1 - argument : -1n - BigInt(argument)
      case MAJOR.bytes:
        return this.#take(argument).slice()
      case MAJOR.text:
        return textOfCbor(this.#take(argument))
      case MAJOR.list:
        return this.#list(argument, depth)
      case MAJOR.map:
        return this.#map(argument, depth)
      default:
        return fail('tag')
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset++]
    return byte ?? fail('end of bytes')
  }

  /** The argument of an initial byte; only its shortest form passes (RFC 8949 section 4.2.1). */
  #argument(info: number): number | bigint {
    if (info < 24) return info
    if (info > 27) fail('indefinite or reserved length')
    const size = 2 ** (info - 24)
    if (this.left < size) fail('end of bytes')
    const at = this.#offset
    this.#offset += size
    if (size === 8) {
      const wide = this.#view.getBigUint64(at)
      if (wide <= 0xffffffffn) fail('longer form than needed')
      return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide
    }
    const argument = size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
    if (argument < (size === 1 ? 24 : 2 ** (size * 4))) fail('longer form than needed')
    return argument
  }

  #take(length: number | bigint): Uint8Array {
    if (length > this.left) fail('end of bytes')
    const start = this.#offset
    this.#offset += Number(length)
    return this.#bytes.subarray(start, this.#offset)
  }

  #list(length: number | bigint, depth: number): CborValue[] {
    // Every item takes a byte at least, so a larger count is a lie.
    if (length > this.left) fail('end of bytes')
    const items: CborValue[] = []
    for (let index = 0; index < length; index++) items.push(this.value(depth + 1))
    return items
  }

  #map(length: number | bigint, depth: number): { readonly [key: string]: CborValue } {
    if (length > this.left / 2) fail('end of bytes')
    const map: Record<string, CborValue> = {}
    let before: Uint8Array | undefined
    for (let index = 0; index < length; index++) {
      const start = this.#offset
      const first = this.#byte()
      if (first >> 5 !== MAJOR.text) fail('key that is not text')
      const key = textOfCbor(this.#take(this.#argument(first & 31)))
      const encodedKey = this.#bytes.subarray(start, this.#offset)
      if (before !== undefined && compareBytes(before, encodedKey) >= 0) fail('keys out of order')
      before = encodedKey
      const value = this.value(depth + 1)
      // Plain assignment of __proto__ would change the prototype instead of adding a field.
      if (key === '__proto__') Object.defineProperty(map, key, { value, configurable: true, enumerable: true, writable: true })
      else map[key] = value
    }
    return map
  }
}

function simpleValue(first: number): CborValue {
  if (first === SIMPLE.false) return false
  if (first === SIMPLE.true) return true
  if (first === SIMPLE.null) return null
  return fail('float, undefined or unknown simple value')
}

/** The text of bytes that are all ASCII. */
function shortAscii(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const byte of bytes) {
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function textOfCbor(bytes: Uint8Array): string {
  // Keys are short ASCII, for which a call of TextDecoder costs more than the text.
  const short = bytes.length <= SHORT_TEXT_BYTES ? shortAscii(bytes) : undefined
  if (short !== undefined) return short
  try {
    return textOf(bytes)
  } catch (cause) {
    throw new EvegramError('invalid.cbor', { operation: 'read CBOR', cause })
  }
}

/** Reads the fields of a decoded map with a check of type and size each; a failure carries the error code of the caller's format. */
export class CborFields {
  readonly #map: Readonly<Record<string, CborValue>>
  readonly #code: ErrorCode
  readonly #read = new Set<string>()

  constructor(value: CborValue, code: ErrorCode) {
    this.#code = code
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) this.fail('a map')
    // The branches above leave only the record type, which the compiler cannot narrow through readonly arrays.
    this.#map = value as Readonly<Record<string, CborValue>>
  }

  /** Throws the error of this format, naming what was expected. */
  fail(expected: string): never {
    throw new EvegramError(this.#code, { operation: 'read fields', details: { expected } })
  }

  /** Whether the field is there. */
  has(name: string): boolean {
    return Object.hasOwn(this.#map, name)
  }

  /** The raw value of a field that must be there. */
  value(name: string): CborValue {
    this.#read.add(name)
    const value = Object.hasOwn(this.#map, name) ? this.#map[name] : undefined
    if (value === undefined) this.fail(name)
    return value
  }

  /** Bytes of exactly `length`, or of at most `lengthMax` when an object is given. */
  bytes(name: string, length: number | { readonly lengthMax: number }): Uint8Array {
    const value = this.value(name)
    if (!(value instanceof Uint8Array)) this.fail(`${name}: bytes`)
    const fits = typeof length === 'number' ? value.length === length : value.length <= length.lengthMax
    if (!fits) this.fail(`${name}: length`)
    return value
  }

  /** Text of at most `lengthMax` UTF-16 units. */
  text(name: string, lengthMax: number): string {
    const value = this.value(name)
    if (typeof value !== 'string' || value.length > lengthMax) this.fail(`${name}: text`)
    return value
  }

  /** A safe non-negative integer of at most `max`. */
  uint(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(name)
    if (typeof value !== 'number' || value < 0 || value > max) this.fail(`${name}: unsigned integer`)
    return value
  }

  /** A non-negative integer below 2^64. */
  uint64(name: string): bigint {
    const value = this.value(name)
    if (typeof value === 'number' && value >= 0) return BigInt(value)
    if (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n) return value
    return this.fail(`${name}: unsigned 64-bit integer`)
  }

  /** true or false. */
  boolean(name: string): boolean {
    const value = this.value(name)
    if (typeof value !== 'boolean') this.fail(`${name}: boolean`)
    return value
  }

  /** An array of at most `lengthMax` values. */
  list(name: string, lengthMax: number): readonly CborValue[] {
    const value = this.value(name)
    if (!Array.isArray(value) || value.length > lengthMax) this.fail(`${name}: list`)
    // Array.isArray widens readonly arrays to any[]; the type of `value` is known.
    return value as readonly CborValue[]
  }

  /** Throws when the map holds a field that was never read: for formats where every byte is signed. */
  end(): void {
    for (const name of Object.keys(this.#map)) if (!this.#read.has(name)) this.fail(`no field ${name.slice(0, 32)}`)
  }
}
