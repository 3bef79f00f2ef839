import { Address, Cell, type TupleItem } from '@ton/core'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { invalidParams } from './api-error.js'

const TEXT_CHARACTERS_MAX = 65_536
const STACK_MAX = 255
const UINT64 = /^\d{1,20}$/

/** Parameters of a request by their names. Every method throws `ApiError` (422) for what it does not take. */
export class Params {
  readonly #fields: JsonObject

  constructor(params: Json | undefined) {
    if (params !== undefined && !isJsonObject(params)) throw invalidParams('params is not an object')
    this.#fields = params ?? {}
  }

  text(name: string): string {
    const value = this.#fields[name]
    if (typeof value !== 'string' || value.length > TEXT_CHARACTERS_MAX) throw invalidParams(`${name} is not a text`)
    return value
  }

  /** A number, or a text of digits, as SDKs send both. */
  integer(name: string): number {
    const value = this.#fields[name]
    const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw invalidParams(`${name} is not a whole number`)
    return number
  }

  optionalInteger(name: string): number | undefined {
    return this.#isThere(name) ? this.integer(name) : undefined
  }

  /** A number of up to 64 bits: SDKs send it as text. */
  uint64(name: string): bigint {
    const value = this.#fields[name]
    const text = typeof value === 'number' ? String(value) : value
    if (typeof text !== 'string' || !UINT64.test(text)) throw invalidParams(`${name} is not a whole number`)
    return BigInt(text)
  }

  optionalUint64(name: string): bigint | undefined {
    return this.#isThere(name) ? this.uint64(name) : undefined
  }

  /** A hash in hex or base64, as hex. */
  optionalHash(name: string): string | undefined {
    if (!this.#isThere(name)) return undefined
    const text = this.text(name)
    const bytes = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64')
    if (bytes.length !== 32) throw invalidParams(`${name} is not a hash`)
    return bytes.toString('hex')
  }

  address(name: string): Address {
    try {
      return Address.parse(this.text(name))
    } catch {
      throw invalidParams(`${name} is not an address`)
    }
  }

  cell(name: string): Cell {
    return cellOf(this.text(name), name)
  }

  /** The name or the number of a get method. */
  method(): string | number {
    return typeof this.#fields['method'] === 'number' ? this.integer('method') : this.text('method')
  }

  /** What a get method is called with, as SDKs write it. */
  stack(): readonly TupleItem[] {
    const value = this.#fields['stack'] ?? []
    if (!Array.isArray(value) || value.length > STACK_MAX) throw invalidParams(`stack is not a list of at most ${String(STACK_MAX)}`)
    return value.map((item: Json) => stackItem(item))
  }

  #isThere(name: string): boolean {
    const value = this.#fields[name]
    return value !== undefined && value !== null
  }
}

function stackItem(item: Json): TupleItem {
  const [type, value] = Array.isArray(item) ? item as readonly Json[] : []
  if (type === 'num' && (typeof value === 'string' || typeof value === 'number') && /^-?(?:0x[0-9a-f]{1,64}|\d{1,78})$/i.test(String(value))) {
    const text = String(value)
    return { type: 'int', value: text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text) }
  }
  if (typeof value !== 'string') throw invalidParams('stack: an item is not understood')
  const cell = cellOf(value, 'stack')
  if (type === 'tvm.Cell') return { type: 'cell', cell }
  if (type === 'tvm.Slice') return { type: 'slice', cell }
  if (type === 'tvm.Builder') return { type: 'builder', cell }
  throw invalidParams('stack: an item is not understood')
}

function cellOf(text: string, name: string): Cell {
  try {
    return Cell.fromBase64(text)
  } catch {
    throw invalidParams(`${name} is not a bag of cells`)
  }
}
