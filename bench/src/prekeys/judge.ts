/** The limits of the prekey directory, as identity.md section 5 promises them to owners of devices. */
export const PREKEY_PROMISES = {
  /** Fetches of one requester for one device at once, and the time after which one more is given. */
  pairBurst: 6,
  pairRefillMs: 600_000,
  /** One-time keys of one device that strangers take in an hour. */
  strangersPerHour: 60,
  /** The last one-time keys of a device, which no stranger gets. */
  kept: 20,
} as const

/** Share of fetches without an answer that a run may have: with more of them it judges an outage, not limits. */
export const UNANSWERED_SHARE_MAX = 0.01

/** What one fetch was answered. `unanswered`: nothing came in time; the server may have handed out a key all the same. */
export type FetchAnswer =
  | { readonly outcome: 'one_time'; readonly keyId: number; readonly publicKey: string }
  | { readonly outcome: 'last_resort' }
  | { readonly outcome: 'limited'; readonly retryAfterMs: number | undefined }
  | { readonly outcome: 'unanswered' }
  | { readonly outcome: 'failed'; readonly code: string }

/** What a requester is to the owner of a target: of the same account, somebody the owner has written to, or neither. */
export type Standing = 'own' | 'contact' | 'stranger'

/** One fetch of a requester (by account) for a target device. */
export type Fetched = FetchAnswer & { readonly requester: number; readonly target: number; readonly standing: Standing }

/** What a target published and what the server says is left. Keys: id -> hex of the public key. */
export interface TargetFacts {
  readonly published: ReadonlyMap<number, string>
  readonly remaining: number
}

/** What came of all fetches; `breaches` is empty when every promise held. */
export interface PrekeyVerdict {
  readonly counts: Readonly<Record<'one_time' | 'last_resort' | 'limited' | 'unanswered' | 'failed', number>>
  /** The largest numbers that were seen of what is limited. */
  readonly most: { readonly perPair: number; readonly perTargetByStrangers: number }
  /** The fewest one-time keys that strangers left on a target. */
  readonly leastLeftByStrangers: number
  readonly breaches: readonly string[]
}

/** Compares what was handed out within `elapsedMs` with the promises: neither more than allowed, nor less than due. */
export function judgePrekeys(fetches: readonly Fetched[], targets: readonly TargetFacts[], elapsedMs: number): PrekeyVerdict {
  const breaches: string[] = []
  const counts = { one_time: 0, last_resort: 0, limited: 0, unanswered: 0, failed: 0 }
  for (const { outcome } of fetches) counts[outcome]++
  const failures = new Set(fetches.flatMap((fetch) => (fetch.outcome === 'failed' ? [fetch.code] : [])))
  if (counts.failed > 0) breaches.push(`${String(counts.failed)} fetches failed: ${[...failures].join(', ')}`)
  if (counts.unanswered > fetches.length * UNANSWERED_SHARE_MAX) breaches.push(`${String(counts.unanswered)} fetches got no answer in time`)
  const waitless = fetches.filter((fetch) => fetch.outcome === 'limited' && !((fetch.retryAfterMs ?? 0) > 0)).length
  if (waitless > 0) breaches.push(`${String(waitless)} refusals do not say how long to wait`)
  const perPair = judgePairs(fetches, elapsedMs, breaches)
  let [perTargetByStrangers, leastLeftByStrangers] = [0, Number.POSITIVE_INFINITY]
  for (const [index, target] of targets.entries()) {
    const { taken, left } = judgeTarget(`target ${String(index)}`, fetches.filter((fetch) => fetch.target === index), target, elapsedMs, breaches)
    perTargetByStrangers = Math.max(perTargetByStrangers, taken)
    leastLeftByStrangers = Math.min(leastLeftByStrangers, left)
  }
  return { counts, most: { perPair, perTargetByStrangers }, leastLeftByStrangers, breaches }
}

function judgePairs(fetches: readonly Fetched[], elapsedMs: number, breaches: string[]): number {
  const { pairBurst, pairRefillMs } = PREKEY_PROMISES
  const pairs = new Map<string, { asked: number; granted: number; unanswered: number }>()
  for (const fetch of fetches) {
    // The limit counts accounts, and the numbers of requesters are those of strangers.
    const key = `${fetch.standing === 'stranger' ? String(fetch.requester) : fetch.standing} for target ${String(fetch.target)}`
    const pair = pairs.get(key) ?? { asked: 0, granted: 0, unanswered: 0 }
    pair.asked++
    if (fetch.outcome === 'unanswered') pair.unanswered++
    if (fetch.outcome === 'one_time' || fetch.outcome === 'last_resort') pair.granted++
    pairs.set(key, pair)
  }
  const allowed = Math.floor(pairBurst + elapsedMs / pairRefillMs)
  for (const [name, { asked, granted, unanswered }] of pairs) {
    if (granted > allowed) breaches.push(`requester ${name} was granted ${String(granted)} bundles, allowed were ${String(allowed)}`)
    // What got no answer may have been counted by the server.
    if (granted + unanswered < Math.min(asked, pairBurst)) breaches.push(`requester ${name} was granted ${String(granted)} of ${String(asked)} bundles, within the limit`)
  }
  return Math.max(0, ...[...pairs.values()].map(({ granted }) => granted))
}

function judgeTarget(
  name: string, fetches: readonly Fetched[], target: TargetFacts, elapsedMs: number, breaches: string[],
): { readonly taken: number; readonly left: number } {
  const { strangersPerHour, kept } = PREKEY_PROMISES
  const seen = new Set<number>()
  for (const fetch of fetches) {
    if (fetch.outcome !== 'one_time') continue
    if (seen.has(fetch.keyId)) breaches.push(`${name}: key ${String(fetch.keyId)} was handed out twice`)
    seen.add(fetch.keyId)
    if (target.published.get(fetch.keyId) !== fetch.publicKey) breaches.push(`${name}: key ${String(fetch.keyId)} is not the one that was published`)
  }
  const strangers = fetches.filter(({ standing }) => standing === 'stranger')
  const taken = strangers.filter(({ outcome }) => outcome === 'one_time').length
  const granted = taken + strangers.filter(({ outcome }) => outcome === 'last_resort').length
  const allowed = Math.floor(strangersPerHour + (elapsedMs * strangersPerHour) / 3_600_000)
  if (taken > allowed) breaches.push(`${name}: strangers took ${String(taken)} one-time keys, allowed were ${String(allowed)}`)
  const left = target.published.size - taken
  if (left < Math.min(kept, target.published.size)) breaches.push(`${name}: strangers left ${String(left)} one-time keys, ${String(kept)} are kept`)
  const unanswered = fetches.filter(({ outcome }) => outcome === 'unanswered').length
  const due = Math.min(granted, strangersPerHour, Math.max(0, target.published.size - kept)) - unanswered
  if (taken < due) breaches.push(`${name}: strangers got ${String(taken)} one-time keys, ${String(due)} were due`)
  const heldMost = target.published.size - seen.size
  if (target.remaining > heldMost || target.remaining < heldMost - unanswered) {
    breaches.push(`${name}: the server holds ${String(target.remaining)} keys, ${String(heldMost)} were not handed out`)
  }
  for (const favoured of ['own', 'contact'] as const) {
    const isShort = fetches.some(({ standing, outcome }) => standing === favoured && outcome === 'last_resort')
    if (isShort && target.remaining > 0) breaches.push(`${name}: ${favoured === 'own' ? 'its own account' : 'an accepted contact'} got no one-time key while there were some`)
  }
  return { taken, left }
}
