import { base64 } from '@scure/base'
import { bytesOfHex } from '../../bytes.js'
import { EvegramError, isErrorCode } from '../../errors.js'
import { refusal, type Expectation, type VectorAnswer } from './verdict.js'

/** A JSON object whose fields are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** A value that a vector holds where the verifier needs another: the vector is answered as malformed. */
export class MalformedVector extends Error {
  override readonly name = 'MalformedVector'
}

/** Whether `value` is an object (no array, not null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object under the first of `names` that holds one. */
export function objectField(object: JsonObject, ...names: readonly string[]): JsonObject | undefined {
  return names.map((name) => object[name]).find(isObject)
}

/** The text under the first of `names` that holds one. */
export function textField(object: JsonObject, ...names: readonly string[]): string | undefined {
  return names.map((name) => object[name]).find((value) => typeof value === 'string')
}

/** Text that must be there. Throws {@link MalformedVector}. */
export function needText(object: JsonObject, ...names: readonly string[]): string {
  const text = textField(object, ...names)
  if (text === undefined) throw new MalformedVector(`no ${names[0] ?? 'field'}`)
  return text
}

/** A whole number, also one written as text. Throws {@link MalformedVector}. */
export function needInteger(object: JsonObject, ...names: readonly string[]): number {
  const value = names.map((name) => object[name]).find((candidate) => candidate !== undefined)
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw new MalformedVector(`no whole number ${names[0] ?? 'field'}`)
  return number
}

/** Hexadecimal text of at least `hexLengthMin` digits is hex, anything else base64 of either alphabet. Throws {@link MalformedVector}. */
export function bytesOfText(text: string, hexLengthMin: number): Uint8Array {
  const digits = text.startsWith('0x') ? text.slice(2) : text
  if (digits.length >= hexLengthMin && digits.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(digits)) return bytesOfHex(digits)
  const standard = text.replaceAll('-', '+').replaceAll('_', '/')
  try {
    return base64.decode(standard.includes('=') ? standard : standard.padEnd(Math.ceil(standard.length / 4) * 4, '='))
  } catch (cause) {
    throw new MalformedVector('bytes are neither hex nor canonical base64', { cause })
  }
}

const ACCEPT: ReadonlySet<unknown> = new Set([true, 'valid', 'accept', 'accepted', 'ok', 'pass', 'true'])
const REFUSE: ReadonlySet<unknown> = new Set([false, 'invalid', 'refuse', 'refused', 'reject', 'rejected', 'fail', 'false'])

/** What the case says of itself in so many words, under any of the usual names. */
function statedResult(vector: JsonObject): Expectation['result'] | undefined {
  for (const name of ['valid', 'isValid', 'verified', 'result', 'expected', 'expect', 'accept', 'ok']) {
    if (ACCEPT.has(vector[name])) return 'accept'
    if (REFUSE.has(vector[name])) return 'refuse'
    if (vector[name] === 'acceptable') return 'either'
  }
  return undefined
}

/**
 * What a case wants: its stated result; else refusal when it names one of our codes; else what its `checked` facts say (any false
 * one is a refusal); else acceptance. `stricter` are codes with which our rules may refuse what others accept: they count
 * only where the case does not state its result itself, or `always` is set.
 */
export function expectationOf(vector: JsonObject, stricter: Expectation['stricter'] = undefined, always = false): Expectation {
  const named = textField(vector, 'code', 'errorCode', 'error', 'expected')
  const code = named !== undefined && isErrorCode(named) ? named : undefined
  const stated = statedResult(vector)
  if (stated !== undefined) return { result: stated, code: stated === 'refuse' ? code : undefined, stricter: always ? stricter : undefined }
  if (code !== undefined) return { result: 'refuse', code }
  const checked = objectField(vector, 'checked')
  const isRefuted = checked !== undefined && Object.values(checked).includes(false)
  return isRefuted ? { result: 'refuse' } : { result: 'accept', stricter }
}

/** How a case is called in a report: its own name or its place, with what it says about itself. */
export function nameOf(vector: JsonObject, place: string): string {
  const own = textField(vector, 'name', 'case', 'wallet', 'comment', 'title', 'description')
  const why = textField(vector, 'why', 'reason', 'note')
  return [place, own, why].filter((part) => part !== undefined && part !== '').join(' · ')
}

/** Runs a check; a vector whose own parts do not parse is refused like a proof that does not parse. */
export function answered(run: () => VectorAnswer): VectorAnswer {
  try {
    return run()
  } catch (error) {
    if (error instanceof MalformedVector) return refusal('proof.malformed', error.message)
    if (error instanceof EvegramError) return refusal(error.code, error.operation ?? 'parse')
    throw error
  }
}
