/** Version of what tabs say to each other. Tabs of another version cannot share a client: they are told to load again. */
export const TABS_VERSION = 1

/** Bounds of what tabs do for each other, units last. */
export const TABS_LIMITS = {
  /** Calls of one tab that have no answer yet; one more rejects with `limited.queue`. */
  callsInFlightMax: 256,
  /** How long a call may take, wallets included, before it rejects with `timeout`. */
  callMsMax: 10 * 60_000,
  /** Functions, iterators and promises of calls that one tab keeps for others; the oldest go. */
  keptValuesMax: 4_096,
  /** How often a tab asks the leader whether it lives, and how long a leader may be silent before it is replaced. */
  pingMs: 1_000,
  silenceMsMax: 4_000,
  /** How deep values of a call may be nested. */
  depthMax: 32,
} as const

/** What a call is made on: something that every leader finds again by itself, so that it outlives the tab that gave it. */
export type Target =
  /** The client, or a part of it by its properties: `['wallet']`. */
  | { readonly on: 'client'; readonly path: readonly string[] }
  | { readonly on: 'conversation' | 'group' | 'channel'; readonly id: string }
  /** A function, iterator or object that the receiving tab gave away; it ends with that tab. */
  | { readonly on: 'kept'; readonly id: string }
  /** What tabs alone ask a leader for. */
  | { readonly on: 'tabs' }

/** One call. */
export interface Call {
  readonly id: string
  readonly target: Target
  readonly method: string
  /** Packed values. */
  readonly args: readonly unknown[]
  /** Name under which what is said is said once. */
  readonly once: string
}

/** A property of a part of the client, as the leader's client has it. */
export type Shape =
  | { readonly is: 'method' }
  | { readonly is: 'part'; readonly properties: Readonly<Record<string, Shape>> }
  | { readonly is: 'value' }
  /** Reading it throws: packed error. */
  | { readonly is: 'error'; readonly error: unknown }

/** What one tab says to the others, or to one of them. */
export type Frame = {
  readonly version: number
  /** Id of the tab that says it. */
  readonly from: string
  /** Id of the tab that it is for; absent: all. */
  readonly to?: string
} & FrameBody

/** What a {@link Frame} says. */
export type FrameBody =
  /** Who leads? */
  | { readonly kind: 'hello'; readonly events: readonly string[] }
  /** I lead, for a time that is called `term`, with a client of this shape; `values` are packed. */
  | { readonly kind: 'leader'; readonly term: string; readonly shape: Readonly<Record<string, Shape>>; readonly values: Readonly<Record<string, unknown>> }
  | { readonly kind: 'values'; readonly values: Readonly<Record<string, unknown>> }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'call'; readonly call: Call }
  /** `promises` are the ids of the promises inside `value`, in its order. `lost`: the one who was asked leads no more. */
  | { readonly kind: 'answer'; readonly id: string; readonly value?: unknown; readonly promises?: readonly string[]; readonly error?: unknown; readonly lost?: boolean }
  /** What became of a promise inside an answer. */
  | { readonly kind: 'settled'; readonly id: string; readonly value?: unknown; readonly error?: unknown }
  /** The one who asked does not want it any more. */
  | { readonly kind: 'abort'; readonly id: string }
  | { readonly kind: 'listen'; readonly event: string; readonly listens: boolean }
  | { readonly kind: 'event'; readonly event: string; readonly value: unknown }

/** Whether `value` is a frame of some version. Only its head is looked at: it comes from a page of the same origin. */
export function isFrame(value: unknown): value is Frame {
  return typeof value === 'object' && value !== null && 'version' in value && 'from' in value && 'kind' in value
    && typeof value.version === 'number' && typeof value.from === 'string' && typeof value.kind === 'string'
}
