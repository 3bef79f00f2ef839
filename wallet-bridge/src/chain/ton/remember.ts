/** What a map remembers; then the oldest is forgotten. */
const REMEMBERED_MAX = 10_000

/** Writes into a map of things that can be found out again: the newest last, and no more than {@link REMEMBERED_MAX}. */
export function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > REMEMBERED_MAX && oldest !== undefined) map.delete(oldest)
}
