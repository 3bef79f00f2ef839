import { base58Bytes } from '../base58.js'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import type { Commitment } from './record.js'
import { invalidParams } from './rpc-error.js'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** Parameters of a request. Every method throws `RpcError` (-32602) for what it does not take. */
export class Params {
  readonly #list: readonly Json[]
  /** The last parameter when it is an object: how to answer. */
  readonly config: JsonObject

  constructor(params: Json | undefined) {
    if (params !== undefined && !Array.isArray(params)) throw invalidParams('a list is expected')
    // Array.isArray does not narrow readonly lists.
    this.#list = (params ?? []) as readonly Json[]
    const last = this.#list.at(-1)
    this.config = last !== undefined && isJsonObject(last) ? last : {}
  }

  /** The parameter at `index` as it came. */
  value(index: number): Json | undefined {
    return this.#list[index]
  }

  text(index: number, charactersMax: number): string {
    const value = this.#list[index]
    if (typeof value !== 'string' || value.length > charactersMax) throw invalidParams(`parameter ${String(index)} is not a text of at most ${String(charactersMax)} characters`)
    return value
  }

  integer(index: number): number {
    return integerOf(this.#list[index], `parameter ${String(index)}`)
  }

  optionalInteger(index: number): number | undefined {
    const value = this.#list[index]
    return value === undefined || value === null || isJsonObject(value) ? undefined : this.integer(index)
  }

  address(index: number): string {
    return addressOf(this.#list[index])
  }

  list(index: number, lengthMax: number): readonly Json[] {
    const value = this.#list[index]
    if (!Array.isArray(value) || value.length > lengthMax) throw invalidParams(`parameter ${String(index)} is not a list of at most ${String(lengthMax)}`)
    // Array.isArray does not narrow readonly lists.
    return value as readonly Json[]
  }

  /** What the client asks for: `finalized` when it does not say. The names of before 1.5 are understood. */
  get commitment(): Commitment {
    return commitmentOf(this.config['commitment'])
  }

  /** One of `names` under `name` of the configuration. */
  choice<Name extends string>(name: string, names: readonly Name[], otherwise: Name): Name {
    const value = this.config[name]
    if (value === undefined || value === null) return otherwise
    const found = names.find((one) => one === value)
    if (found === undefined) throw invalidParams(`${name} is one of ${names.join(', ')}`)
    return found
  }

  /** A number of the configuration. */
  optionalNumber(name: string): number | undefined {
    const value = this.config[name]
    return value === undefined || value === null ? undefined : integerOf(value, name)
  }

  /** A signature of the configuration. */
  optionalSignature(name: string): string | undefined {
    const value = this.config[name]
    return value === undefined || value === null ? undefined : signatureOf(value)
  }
}

/** An address among parameters. Throws `RpcError`. */
export function addressOf(value: Json | undefined): string {
  if (typeof value !== 'string' || base58Bytes(value, KEY_BYTES) === undefined) throw invalidParams('not an address of 32 bytes in base58')
  return value
}

/** A signature among parameters. Throws `RpcError`. */
export function signatureOf(value: Json | undefined): string {
  if (typeof value !== 'string' || base58Bytes(value, SIGNATURE_BYTES) === undefined) throw invalidParams('not a signature of 64 bytes in base58')
  return value
}

/** A commitment among parameters. Throws `RpcError`. */
export function commitmentOf(value: Json | undefined): Commitment {
  switch (value) {
    case undefined:
    case null:
    case 'finalized':
    case 'max':
    case 'root':
      return 'finalized'
    case 'confirmed':
    case 'single':
    case 'singleGossip':
      return 'confirmed'
    case 'processed':
    case 'recent':
      return 'processed'
    default:
      throw invalidParams('commitment is processed, confirmed or finalized')
  }
}

function integerOf(value: Json | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw invalidParams(`${what} is not a whole number`)
  return value
}
