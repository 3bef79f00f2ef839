import type { DeviceId, MessageTarget } from '@evegram/protocol'

/** Where something was said: everything of a conversation has one place, the same on every device. */
export interface Place extends MessageTarget {
  /** Order key of the message that says it. */
  readonly order: bigint
}

/** One thing that was said. */
export interface Said<Value> {
  readonly place: Place
  readonly value: Value
  /** Said by this device and not stored by the server yet: it may still be withdrawn, or get another order key. */
  readonly open: boolean
}

/**
 * What was said about one thing, of which the last counts: the highest place that stands, and everything that is open, since it may go again.
 * In whatever order things are added, the same stands in the end. Ascending by place.
 */
export type Register<Value> = readonly Said<Value>[]

/** Before everything that anybody says: what was there at first. */
export const FIRST_PLACE: Place = { order: 0n, device: '0'.repeat(32) as DeviceId, epoch: 0, number: 0 } // the id of no device: it has 32 digits as any other

/** Order of places: below 0 when `left` comes first. */
export function comparePlaces(left: Place, right: Place): number {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1
  if (left.device !== right.device) return left.device < right.device ? -1 : 1
  return left.epoch - right.epoch || left.number - right.number
}

function isSame(place: Place, target: MessageTarget): boolean {
  return place.device === target.device && place.epoch === target.epoch && place.number === target.number
}

function standing<Value>(entries: readonly Said<Value>[]): Register<Value> {
  const sorted = [...entries].sort((left, right) => comparePlaces(left.place, right.place))
  const last = sorted.findLastIndex(({ open }) => !open)
  return sorted.filter(({ open }, index) => open || index === last)
}

/** The register after `said`; one of the same message is replaced. */
export function withSaid<Value>(register: Register<Value>, said: Said<Value>): Register<Value> {
  return standing([...register.filter(({ place }) => !isSame(place, said.place)), said])
}

/** The register without what `message` said. Only what is open is withdrawn. */
export function withdrawn<Value>(register: Register<Value>, message: MessageTarget): Register<Value> {
  return register.filter(({ place, open }) => !open || !isSame(place, message))
}

/** The register with another order key for what `message` says, where that is open. */
export function moved<Value>(register: Register<Value>, message: MessageTarget, order: bigint): Register<Value> {
  return standing(register.map((said) => (said.open && isSame(said.place, message) ? { ...said, place: { ...said.place, order } } : said)))
}

/** What counts. */
export function lastSaid<Value>(register: Register<Value>): Said<Value> | undefined {
  return register.at(-1)
}
