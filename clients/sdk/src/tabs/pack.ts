import { EvegramError, isErrorCode } from '@evegram/protocol'
import { TABS_LIMITS, type Shape, type Target } from './frames.js'

/** Where values that cannot be copied to another tab stay, and how they are reached from there. */
export interface Packing {
  /** Where the parts of the client are that every leader has: conversations, groups, channels, and what stands for them in tabs. */
  handleOf(value: object): PackedHandle | undefined
  /** Keeps `value` for other tabs and gives the id that they call it by. */
  keep(value: object): string
  /** Tells the other tab what becomes of a promise. */
  follow(promise: PromiseLike<unknown>): string
  /** Tells the other tab when a signal aborts. */
  watch(signal: AbortSignal): string
}

/** What stands for packed values in the tab that unpacks them. */
export interface Unpacking {
  handle(packed: PackedHandle): unknown
  called(id: string): (...args: unknown[]) => Promise<unknown>
  iterated(id: string): AsyncIterable<unknown>
  promised(id: string): Promise<unknown>
  signalled(id: string, aborted: boolean): AbortSignal
}

/** Something that every leader has. */
export interface PackedHandle {
  readonly target: Target
  readonly properties: Readonly<Record<string, Shape>>
  readonly values: Readonly<Record<string, unknown>>
}

/** Key that marks what is not data. */
const MARK = '$'

/** `value` as one tab can send it to another: data is copied, an error keeps its code, everything that does something stays and is called from afar. */
export function pack(value: unknown, packing: Packing, depth = 0): unknown {
  if (depth > TABS_LIMITS.depthMax) throw new EvegramError('invalid.argument', { operation: 'send to another tab', advice: 'The value is nested too deeply.' })
  if (typeof value === 'function') return { [MARK]: 'function', id: packing.keep(value) }
  if (typeof value !== 'object' || value === null) return value
  const handle = packing.handleOf(value)
  if (handle !== undefined) return { [MARK]: 'handle', handle: { ...handle, values: packFields(handle.values, packing, depth) } }
  if (isCopied(value)) return value
  if (value instanceof Error) return packError(value, packing, depth)
  if (value instanceof AbortSignal) return { [MARK]: 'signal', id: packing.watch(value), aborted: value.aborted }
  if (Array.isArray(value)) return value.map((entry) => pack(entry, packing, depth + 1))
  if (value instanceof Map) return { [MARK]: 'map', entries: [...value].map((entry) => pack(entry, packing, depth + 1)) }
  if (value instanceof Set) return { [MARK]: 'set', entries: [...value].map((entry) => pack(entry, packing, depth + 1)) }
  if ('then' in value && typeof value.then === 'function') {
    // Told by its method, as `await` does.
    return { [MARK]: 'promise', id: packing.follow(value as PromiseLike<unknown>) }
  }
  if (Symbol.asyncIterator in value) return { [MARK]: 'iterable', id: packing.keep(value) }
  return packObject(value, packing, depth)
}

/** `method`, called on `object` whatever it is called as. */
function boundTo(object: object, method: { readonly apply: unknown }): (...args: unknown[]) => unknown {
  return (...args) => {
    const result: unknown = Reflect.apply(method as (...args: unknown[]) => unknown, object, args) // a function, as its caller found
    return result
  }
}

function packObject(value: object, packing: Packing, depth: number): unknown {
  const fields: Record<string, unknown> = {}
  for (const key of namesOf(value)) {
    const field: unknown = Reflect.get(value, key)
    // Called from afar it is called on its object.
    fields[key] = typeof field === 'function' ? { [MARK]: 'function', id: packing.keep(boundTo(value, field)) } : pack(field, packing, depth + 1)
  }
  return MARK in fields ? { [MARK]: 'plain', fields } : fields
}

function packFields(fields: Readonly<Record<string, unknown>>, packing: Packing, depth: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, pack(field, packing, depth + 1)]))
}

/** Public names of an object: its own fields, and the methods and getters of its class. */
export function namesOf(value: object): string[] {
  const names = new Set(Object.keys(value))
  for (let prototype: unknown = Object.getPrototypeOf(value); typeof prototype === 'object' && prototype !== null && prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype)) {
    for (const name of Object.getOwnPropertyNames(prototype)) if (name !== 'constructor') names.add(name)
  }
  return [...names]
}

/** Copied between tabs by the browser itself. */
function isCopied(value: object): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date || (typeof Blob === 'function' && value instanceof Blob)
}

function packError(error: Error, packing: Packing, depth: number): unknown {
  if (!(error instanceof EvegramError)) return { [MARK]: 'fault', name: error.name, message: error.message }
  const { code, operation, advice, retryAfterMs, details } = error
  return { [MARK]: 'error', code, operation, advice, retryAfterMs, details: details === undefined ? undefined : packFields(details, packing, depth) }
}

/** What {@link pack} made, in the tab that it came to. */
export function unpack(packed: unknown, unpacking: Unpacking): unknown {
  if (typeof packed !== 'object' || packed === null || isCopied(packed)) return packed
  if (Array.isArray(packed)) return packed.map((entry) => unpack(entry, unpacking))
  if (!(MARK in packed)) return unpackFields(packed, unpacking)
  const marked: { readonly [key: string]: unknown } = { ...packed }
  const id = String(marked['id'])
  switch (marked[MARK]) {
    case 'function': return unpacking.called(id)
    case 'iterable': return unpacking.iterated(id)
    case 'promise': return unpacking.promised(id)
    case 'signal': return unpacking.signalled(id, marked['aborted'] === true)
    case 'map': return new Map(entriesOf(marked, unpacking) as [unknown, unknown][])
    case 'set': return new Set(entriesOf(marked, unpacking))
    case 'plain': return unpackFields(Object(marked['fields']) as object, unpacking)
    case 'error': case 'fault': return errorOf(marked, unpacking)
    case 'handle': {
      // Made by `pack` of the same version, which frames of other versions do not reach.
      const handle = marked['handle'] as PackedHandle
      return unpacking.handle({ ...handle, values: unpackFields(handle.values, unpacking) })
    }
    default: throw new EvegramError('client.tab_version', { operation: 'read from another tab' })
  }
}

function unpackFields(fields: object, unpacking: Unpacking): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, unpack(field, unpacking)]))
}

function entriesOf(marked: { readonly [key: string]: unknown }, unpacking: Unpacking): unknown[] {
  const { entries } = marked
  return Array.isArray(entries) ? entries.map((entry) => unpack(entry, unpacking)) : []
}

function errorOf(marked: { readonly [key: string]: unknown }, unpacking: Unpacking): Error {
  const { code, operation, advice, retryAfterMs, details } = marked
  if (typeof code !== 'string' || !isErrorCode(code)) return new EvegramError('internal', { operation: 'work in another tab', details: { name: marked['name'] ?? code, message: marked['message'] } })
  return new EvegramError(code, {
    ...(typeof operation === 'string' ? { operation } : {}), ...(typeof advice === 'string' ? { advice } : {}),
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}), ...(typeof details === 'object' && details !== null ? { details: unpackFields(details, unpacking) } : {}),
  })
}
