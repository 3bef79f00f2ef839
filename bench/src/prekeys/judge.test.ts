import { describe, expect, it } from 'vitest'
import { judgePrekeys, PREKEY_PROMISES, type Fetched, type FetchAnswer, type TargetFacts } from './judge.js'

const published = (count: number): ReadonlyMap<number, string> => new Map(Array.from({ length: count }, (_, index) => [index + 1, `key ${String(index + 1)}`]))
const key = (id: number): FetchAnswer => ({ outcome: 'one_time', keyId: id, publicKey: `key ${String(id)}` })
const lastResort: FetchAnswer = { outcome: 'last_resort' }
const limited: FetchAnswer = { outcome: 'limited', retryAfterMs: 1_000 }
/** One fetch per requester, answered as listed. */
const each = (...answers: readonly FetchAnswer[]): Fetched[] => answers.map((answer, requester) => ({ ...answer, requester, target: 0, standing: 'stranger' }))
const target = (count: number, remaining: number): TargetFacts[] => [{ published: published(count), remaining }]
const breachesOf = (fetches: readonly Fetched[], targets: readonly TargetFacts[], elapsedMs = 10_000): readonly string[] => judgePrekeys(fetches, targets, elapsedMs).breaches
const some = (count: number, from = 1): FetchAnswer[] => Array.from({ length: count }, (_, index) => key(from + index))

describe('the judge of prekey fetches', () => {
  it('finds nothing where strangers got sixty, then last resorts', () => {
    const verdict = judgePrekeys(each(...some(60), lastResort, lastResort), target(100, 40), 10_000)
    expect(verdict).toMatchObject({ breaches: [], counts: { one_time: 60, last_resort: 2 }, most: { perPair: 1, perTargetByStrangers: 60 }, leastLeftByStrangers: 40 })
  })

  it('finds a key that was handed out twice', () => {
    expect(breachesOf(each(key(1), key(2), key(2)), target(100, 98))).toEqual(['target 0: key 2 was handed out twice'])
  })

  it('finds a key that its owner never published', () => {
    expect(breachesOf(each({ outcome: 'one_time', keyId: 1, publicKey: 'of Mallory' }), target(100, 99))).toEqual(['target 0: key 1 is not the one that was published'])
  })

  it('finds a seventh bundle for one requester, and a sixth that was refused', () => {
    const asked = (...answers: readonly FetchAnswer[]): Fetched[] => each(...answers).map((fetch) => ({ ...fetch, requester: 3 }))
    expect(breachesOf(asked(...some(6), limited), target(100, 94))).toEqual([])
    expect(breachesOf(asked(...some(7)), target(100, 93))).toEqual(['requester 3 for target 0 was granted 7 bundles, allowed were 6'])
    expect(breachesOf(asked(...some(5), limited), target(100, 95))).toEqual(['requester 3 for target 0 was granted 5 of 6 bundles, within the limit'])
    expect(breachesOf(asked(...some(7)), target(100, 93), PREKEY_PROMISES.pairRefillMs)).toEqual([])
  })

  it('finds a sixty-first key for strangers within the hour', () => {
    expect(breachesOf(each(...some(61)), target(100, 39))).toEqual(['target 0: strangers took 61 one-time keys, allowed were 60'])
    expect(breachesOf(each(...some(61)), target(100, 39), 60_000)).toEqual([])
  })

  it('finds kept keys in the hands of strangers, and last resorts while keys were due', () => {
    expect(breachesOf(each(...some(31)), target(50, 19))).toEqual(['target 0: strangers left 19 one-time keys, 20 are kept'])
    expect(breachesOf(each(...some(20), lastResort), target(50, 30))).toEqual(['target 0: strangers got 20 one-time keys, 21 were due'])
  })

  it('finds keys that were lost, refusals without a time, failures, and kept keys that the own account does not get', () => {
    expect(breachesOf(each(key(1)), target(100, 98))).toEqual(['target 0: the server holds 98 keys, 99 were not handed out'])
    expect(breachesOf([...each(...some(6)).map((fetch) => ({ ...fetch, requester: 1 })), { outcome: 'limited', retryAfterMs: undefined, requester: 1, target: 0, standing: 'stranger' }], target(100, 94)))
      .toEqual(['1 refusals do not say how long to wait'])
    expect(breachesOf(each({ outcome: 'failed', code: 'internal' }), target(100, 100))).toEqual([
      '1 fetches failed: internal', 'requester 0 for target 0 was granted 0 of 1 bundles, within the limit',
    ])
    expect(breachesOf(each(...some(60), { outcome: 'unanswered' }), target(100, 40))).toEqual(['1 fetches got no answer in time'])
    expect(breachesOf([{ ...lastResort, requester: 0, target: 0, standing: 'own' }], target(100, 100))).toEqual(['target 0: its own account got no one-time key while there were some'])
    expect(breachesOf([{ ...lastResort, requester: 0, target: 0, standing: 'contact' }], target(100, 20))).toContain('target 0: an accepted contact got no one-time key while there were some')
    expect(breachesOf([{ ...key(1), requester: 0, target: 0, standing: 'contact' }], target(20, 19))).toEqual([])
  })

  it('knows that what got no answer may have been counted, and the key with it', () => {
    // Enough others that one without an answer is no outage; each asks for a target of its own, which has no key to give.
    const others = Array.from({ length: 150 }, (_, index): Fetched => ({ ...lastResort, requester: 100 + index, target: 1, standing: 'stranger' }))
    const targets = (remaining: number): TargetFacts[] => [...target(100, remaining), ...target(0, 0)]
    const asked = [...others, ...each(...some(5), { outcome: 'unanswered' }, limited).map((fetch): Fetched => (fetch.target === 0 ? { ...fetch, requester: 3 } : fetch))]
    expect(breachesOf(asked, targets(95))).toEqual([])
    expect(breachesOf(asked, targets(94))).toEqual([])
    expect(breachesOf(asked, targets(93))).toEqual(['target 0: the server holds 93 keys, 95 were not handed out'])
    expect(breachesOf(asked, targets(96))).toEqual(['target 0: the server holds 96 keys, 95 were not handed out'])
  })
})
