import { EvegramError } from '@evegram/protocol'
import { base64urlnopad } from '@scure/base'

/**
 * Reads an untrusted JSON object field by field, each with a check of type and size. Every failure is `invalid.response`,
 * naming the field.
 */
export class JsonFields {
  readonly #record: Readonly<Record<string, unknown>>
  readonly #operation: string

  constructor(value: unknown, operation: string) {
    this.#operation = operation
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.fail('an object')
    // Any object can be read by name; what it holds stays unknown until checked.
    this.#record = value as Readonly<Record<string, unknown>>
  }

  /** Throws `invalid.response`, naming what was expected. */
  fail(expected: string, cause?: unknown): never {
    throw new EvegramError('invalid.response', { operation: this.#operation, details: { expected }, cause })
  }

  /** The raw value; undefined when the field is absent. Inherited names are not fields. */
  value(name: string): unknown {
    return Object.hasOwn(this.#record, name) ? this.#record[name] : undefined
  }

  /** Text of 1 to `lengthMax` UTF-16 units. */
  text(name: string, lengthMax: number): string {
    const value = this.value(name)
    if (typeof value !== 'string' || value.length === 0 || value.length > lengthMax) this.fail(`${name}: text`)
    return value
  }

  /** A safe non-negative integer of at most `max`. */
  uint(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(name)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) this.fail(`${name}: unsigned integer`)
    return value
  }

  /** true or false; `absent` when the field is missing. */
  boolean(name: string, absent: boolean): boolean {
    const value = this.value(name) ?? absent
    if (typeof value !== 'boolean') this.fail(`${name}: boolean`)
    return value
  }

  /** Bytes written as canonical base64url without padding, of exactly `length`. */
  bytes(name: string, length: number): Uint8Array {
    const value = this.value(name)
    const bytes = this.#decode(name, value, length)
    if (bytes.length !== length) this.fail(`${name}: ${String(length)} bytes`)
    return bytes
  }

  /** A list of 0 to `lengthMax` byte strings of at most `bytesMax` each. */
  bytesList(name: string, lengthMax: number, bytesMax: number): Uint8Array[] {
    const value = this.value(name)
    if (!Array.isArray(value) || value.length > lengthMax) this.fail(`${name}: list`)
    return value.map((item: unknown) => this.#decode(name, item, bytesMax))
  }

  /** What `parse` of the protocol makes of a text; its refusal becomes `invalid.response`. */
  parsed<Value>(name: string, lengthMax: number, parse: (text: string) => Value): Value {
    const text = this.text(name, lengthMax)
    try {
      return parse(text)
    } catch (cause) {
      return this.fail(name, cause)
    }
  }

  /** A nested object; undefined when it is absent or null. */
  optionalObject(name: string): JsonFields | undefined {
    const value = this.value(name)
    return value === undefined || value === null ? undefined : new JsonFields(value, this.#operation)
  }

  /** A nested object that must be there. */
  object(name: string): JsonFields {
    return this.optionalObject(name) ?? this.fail(name)
  }

  /** A list of 0 to `lengthMax` objects. */
  objects(name: string, lengthMax: number): JsonFields[] {
    const value = this.value(name)
    if (!Array.isArray(value) || value.length > lengthMax) this.fail(`${name}: list`)
    return value.map((item: unknown) => new JsonFields(item, this.#operation))
  }

  /** Own names, at most `namesMax`. */
  names(namesMax: number): string[] {
    const names = Object.keys(this.#record)
    if (names.length > namesMax) this.fail(`at most ${String(namesMax)} fields`)
    return names
  }

  #decode(name: string, value: unknown, bytesMax: number): Uint8Array {
    if (typeof value !== 'string' || value.length > Math.ceil((bytesMax * 4) / 3)) this.fail(`${name}: base64url`)
    try {
      return base64urlnopad.decode(value)
    } catch (cause) {
      return this.fail(`${name}: base64url`, cause)
    }
  }
}
