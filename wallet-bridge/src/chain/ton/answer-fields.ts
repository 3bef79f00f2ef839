import { isJsonObject, type Json, type JsonObject } from '../json.js'

/** An object in an answer. Throws when it is none. */
export function objectOf(from: JsonObject, name: string): JsonObject {
  const value = from[name]
  if (value === undefined || !isJsonObject(value)) throw new Error(`no ${name}`)
  return value
}

/** A list of objects in an answer. Throws when it is none. */
export function listOf(from: JsonObject, name: string): readonly JsonObject[] {
  const value = from[name]
  if (!Array.isArray(value)) throw new Error(`no ${name}`)
  return value.map((one: Json) => {
    if (!isJsonObject(one)) throw new Error(`${name} is not a list of objects`)
    return one
  })
}

/** A text in an answer. Throws when it is none. */
export function textOf(from: JsonObject, name: string): string {
  const value = from[name]
  if (typeof value !== 'string') throw new Error(`no ${name}`)
  return value
}

/** Money in an answer: a text of digits, or a number where an account is not there (toncenter says 0). Throws when it is none. */
export function nanotonsOf(from: JsonObject, name: string): bigint {
  const value = from[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  if (typeof value !== 'string' || !/^\d{1,39}$/.test(value)) throw new Error(`no ${name}`)
  return BigInt(value)
}

/** A whole number in an answer. Throws when it is none. */
export function integerOf(from: JsonObject, name: string): number {
  const value = from[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Error(`no ${name}`)
  return value
}
