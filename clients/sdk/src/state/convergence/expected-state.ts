import type { DeviceId, ReadPlace } from '@evegram/protocol'
import { comparePlaces } from '../register.js'

/** A write of the history, as the checker remembers it: by what its device knew, not by clocks. */
export interface RememberedWrite {
  readonly id: number
  readonly key: string
  readonly device: DeviceId
  /** As the device stamped it. */
  readonly timeMs: number
  /** What it says, or that it took the value back. */
  readonly value: string | undefined
  /** Writes of the same key that the device knew of, directly or through others. */
  readonly knew: ReadonlySet<number>
}

/**
 * What every device must show in the end, computed from the history alone: of the writes of a key that no other writer knew of, the one with the latest time, of two at
 * the same time that of the higher device; of those that say what was declined the one that goes furthest. It shares nothing with the merging that it judges: sets of writes instead of clocks.
 */
export function expectedValues(writes: readonly RememberedWrite[]): ReadonlyMap<string, string | undefined> {
  const expected = new Map<string, string | undefined>()
  for (const key of new Set(writes.map((write) => write.key))) {
    const all = writes.filter((write) => write.key === key)
    const superseded = new Set(all.flatMap(({ knew }) => [...knew]))
    const standing = all.filter(({ id }) => !superseded.has(id))
    const [first] = standing.sort((left, right) => right.timeMs - left.timeMs || (left.device > right.device ? -1 : 1))
    expected.set(key, key.startsWith('request.declined/') ? highestOf(standing) : first?.value)
  }
  return expected
}

function highestOf(standing: readonly RememberedWrite[]): string | undefined {
  const orders = standing.flatMap(({ value }) => (value === undefined ? [] : [BigInt(value)]))
  return orders.length === 0 ? undefined : String(orders.reduce((highest, order) => (order > highest ? order : highest)))
}

/** How far each conversation must count as read: the highest place that any device read up to. */
export function expectedPlaces(read: readonly { readonly key: string; readonly place: ReadPlace }[]): ReadonlyMap<string, ReadPlace> {
  const expected = new Map<string, ReadPlace>()
  for (const { key, place } of read) {
    const before = expected.get(key)
    if (before === undefined || comparePlaces(place, before) > 0) expected.set(key, place)
  }
  return expected
}
