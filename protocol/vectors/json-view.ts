import { bytesOfHex, hexOf } from '../src/bytes.js'

/** JSON that holds what JSON cannot: bytes as `hex:00ff`, 64-bit integers as `int:18446744073709551615`, maps as lists of pairs. */
export type JsonView = null | boolean | number | string | readonly JsonView[] | { readonly [key: string]: JsonView }

export function toView(value: unknown): JsonView {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value
  if (typeof value === 'bigint') return `int:${value.toString()}`
  if (value instanceof Uint8Array) return `hex:${hexOf(value)}`
  if (value instanceof Map) return [...value].map(toView)
  if (Array.isArray(value)) return value.map(toView)
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, toView(item)]))
  }
  throw new Error(`no view of ${typeof value}`)
}

export function fromView(view: JsonView): unknown {
  if (typeof view === 'string') {
    if (view.startsWith('hex:')) return bytesOfHex(view.slice(4))
    return view.startsWith('int:') ? BigInt(view.slice(4)) : view
  }
  if (Array.isArray(view)) return (view as readonly JsonView[]).map(fromView)
  if (typeof view === 'object' && view !== null) return Object.fromEntries(Object.entries(view).map(([key, item]) => [key, fromView(item)]))
  return view
}

/** One value and its bytes. */
export interface Golden {
  readonly name: string
  readonly hex: string
  readonly value: JsonView
}

/** Bytes that are refused, with the code. */
export interface RefusedBytes {
  readonly name: string
  readonly hex: string
  readonly code: string
}
