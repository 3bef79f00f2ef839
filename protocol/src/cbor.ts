import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { equalBytes } from './bytes.js'
import { EvegramError, type ErrorCode } from './errors.js'

/** What deterministic CBOR of this protocol may hold: no floats, no tags, no undefined, text keys only. */
export type CborValue = null | boolean | number | bigint | string | Uint8Array | readonly CborValue[] | { readonly [key: string]: CborValue }

/** Deterministic CBOR (RFC 8949 section 4.2.1: shortest forms, keys in byte order) of `value`. Throws `invalid.cbor` for a value with a fraction. */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  refuseFractions(value)
  return Uint8Array.from(encode(value, rfc8949EncodeOptions))
}

/**
 * Decodes deterministic CBOR of at most `bytesMax` bytes. Throws `invalid.cbor` for anything else, other encodings of the
 * same value included: what was decoded is encoded again and must give the same bytes.
 */
export function decodeCbor(bytes: Uint8Array, bytesMax: number): CborValue {
  if (bytes.length > bytesMax) throw new EvegramError('invalid.cbor', { operation: 'decode CBOR', details: { bytesMax } })
  let value: CborValue
  try {
    // cborg types its result as any; the options rule out every type that is not a CborValue, and refuseFractions the floats.
    value = decode(bytes, {
      strict: true, allowIndefinite: false, allowUndefined: false, allowInfinity: false, allowNaN: false, rejectDuplicateMapKeys: true,
    }) as CborValue
    refuseFractions(value)
  } catch (cause) {
    throw new EvegramError('invalid.cbor', { operation: 'decode CBOR', cause })
  }
  if (!equalBytes(encodeCbor(value), bytes)) throw new EvegramError('invalid.cbor', { operation: 'decode CBOR' })
  return value
}

function refuseFractions(value: CborValue): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new EvegramError('invalid.cbor', { operation: 'check numbers' })
  if (Array.isArray(value)) value.forEach(refuseFractions)
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) Object.values(value).forEach(refuseFractions)
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
