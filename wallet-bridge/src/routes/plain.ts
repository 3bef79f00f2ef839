import { hexOf } from '@evegram/protocol'

/** A value as JSON takes it: amounts as decimal text, bytes in hex, maps as objects, sets as lists, what is undefined left out. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return hexOf(value)
  if (value instanceof Set || Array.isArray(value)) return Array.from<unknown>(value).map(plain)
  if (value instanceof Map) return Object.fromEntries([...value as ReadonlyMap<unknown, unknown>].map(([key, item]) => [String(key), plain(item)]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]: [string, unknown]) => [key, plain(item)]))
}
