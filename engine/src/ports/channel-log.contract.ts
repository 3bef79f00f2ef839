import { decodeChannelPost, emptyChannelState, LIMITS, type ChannelState } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChannelAppendResult, ChannelLog } from './channel-log.js'
import { samplePost, stateBehind, type SamplePostFields } from './sample-channel.contract.js'
import { sampleConversation } from './sample-envelope.contract.js'

/**
 * What an adapter may declare that it does not do: `reopen` keeps nothing when the process ends; `trim` deletes nothing, as posts expire by themselves,
 * and only hides what is too old.
 */
export type ChannelLogGap = 'reopen' | 'trim'

/** One log under test. */
export interface ChannelLogSubject {
  readonly log: ChannelLog
  /** Ends this instance and opens the same data again; absent with the gap `reopen`. */
  readonly reopen?: () => Promise<ChannelLog>
  close(): Promise<void>
}

/** Time of the first post of the suite: now, so that nothing expires in a store that goes by time. */
const T0 = Date.now()

/** The promises of {@link ChannelLog}, run by every adapter. `setup` gives a fresh, empty log. */
export function describeChannelLog(adapter: {
  readonly name: string
  readonly setup: () => Promise<ChannelLogSubject>
  readonly gaps?: readonly ChannelLogGap[]
}): void {
  const gaps = adapter.gaps ?? []
  const one = sampleConversation(1)

  describe(`ChannelLog: ${adapter.name}${gaps.length === 0 ? '' : ` (gaps: ${gaps.join(', ')})`}`, () => {
    let subject: ChannelLogSubject
    let log: ChannelLog
    beforeEach(async () => {
      subject = await adapter.setup()
      log = subject.log
    })
    afterEach(async () => {
      await subject.close()
    })

    const sample = (state: ChannelState, fields: SamplePostFields = {}): Uint8Array => samplePost(state, { atMs: T0, ...fields })
    /** Appends `count` posts behind `state`, one after the other; the states behind them, in order. */
    const post = async (state: ChannelState, count: number, fields: (seq: number) => SamplePostFields = () => ({})): Promise<ChannelState> => {
      let behind = state
      for (let index = 0; index < count; index++) {
        const bytes = sample(behind, fields(behind.seq + 1))
        expect(await log.append(behind, [bytes])).toEqual({ status: 'appended' })
        behind = stateBehind(behind, bytes)
      }
      return behind
    }
    /** Posts that follow each other behind `state`, and the state behind the last. */
    const run = (state: ChannelState, count: number, fields: SamplePostFields = {}): { readonly posts: readonly Uint8Array[]; readonly state: ChannelState } => {
      const posts: Uint8Array[] = []
      let behind = state
      for (let index = 0; index < count; index++) {
        const bytes = sample(behind, fields)
        posts.push(bytes)
        behind = stateBehind(behind, bytes)
      }
      return { posts, state: behind }
    }
    /** With what somebody read of the posts who judged them before, or without. */
    const APPENDS: readonly (readonly [what: string, append: (after: ChannelState, posts: readonly Uint8Array[]) => Promise<ChannelAppendResult>])[] = [
      ['', (after, posts) => log.append(after, posts)],
      [' and were judged before', (after, posts) => {
        let state = after
        return log.append(after, posts, posts.map((bytes) => {
          state = stateBehind(state, bytes)
          return { post: decodeChannelPost(bytes), state }
        }))
      }],
    ]
    const numbersOf = (posts: readonly Uint8Array[]): readonly number[] => posts.map((bytes) => decodeChannelPost(bytes).seq)
    const numbers = (length: number, first = 1): readonly number[] => Array.from({ length }, (_, index) => first + index)
    const trimAll = async (beforeMs: number): Promise<number> => {
      let trimmed = 0
      for (let step = await log.trim(beforeMs); step > 0; step = await log.trim(beforeMs)) trimmed += step
      return trimmed
    }

    it('knows the empty state and no posts of a channel that nobody posted in', async () => {
      expect(await log.head(one)).toEqual(emptyChannelState(one))
      expect(await log.read(one, 0, 10)).toEqual([])
    })

    it('stores posts one behind the other, byte for byte, with the state behind the newest', async () => {
      const [first, second] = [sample(emptyChannelState(one)), sample(stateBehind(emptyChannelState(one), sample(emptyChannelState(one))), { author: 2, members: 3 })]
      const behindFirst = stateBehind(emptyChannelState(one), first)
      expect(await log.append(emptyChannelState(one), [first])).toEqual({ status: 'appended' })
      expect(await log.head(one)).toEqual(behindFirst)
      expect(await log.append(behindFirst, [second])).toEqual({ status: 'appended' })
      expect(await log.head(one)).toEqual(stateBehind(behindFirst, second))
      const posts = await log.read(one, 0, 10)
      expect(posts.map((bytes) => Buffer.from(bytes))).toEqual([Buffer.from(first), Buffer.from(second)])
    })

    it('keeps the bytes of a post whatever happens to the array that was given', async () => {
      const bytes = sample(emptyChannelState(one))
      const kept = bytes.slice()
      await log.append(emptyChannelState(one), [bytes])
      bytes.fill(0)
      expect(Buffer.from((await log.read(one, 0, 1))[0] ?? []).equals(kept)).toBe(true)
    })

    it('appends after nothing but the newest post', async () => {
      const third = await post(emptyChannelState(one), 3)
      const [before] = await log.read(one, 1, 1)
      const states = [emptyChannelState(one), { ...third, seq: 1 }, { ...third, seq: 4 }, { ...third, seq: 9 }, { ...third, head: new Uint8Array(32).fill(9) }]
      for (const state of states) expect(await log.append(state, [sample(state, { author: 9 })])).toEqual({ status: 'conflict', appended: 0 })
      expect(await log.head(one)).toEqual(third)
      expect(numbersOf(await log.read(one, 0, 10))).toEqual([1, 2, 3])
      expect((await log.read(one, 1, 1))[0]).toEqual(before)
    })

    it('answers the same bytes again as the first time, and stores them once', async () => {
      const first = sample(emptyChannelState(one))
      for (let tried = 0; tried < 3; tried++) expect(await log.append(emptyChannelState(one), [first])).toEqual({ status: 'appended' })
      const behind = await post(stateBehind(emptyChannelState(one), first), 2)
      expect(await log.append(emptyChannelState(one), [first])).toEqual({ status: 'appended' })
      expect(await log.head(one)).toEqual(behind)
      expect(numbersOf(await log.read(one, 0, 10))).toEqual([1, 2, 3])
    })

    it.each(APPENDS)('stores posts that are given together%s one behind the other, and the state behind the last', async (_what, append) => {
      const behind = await post(emptyChannelState(one), 2)
      const { posts, state } = run(behind, 40)
      expect(await append(behind, posts)).toEqual({ status: 'appended' })
      expect(await log.head(one)).toEqual(state)
      expect(await log.read(one, 2, 64)).toEqual(posts)
      expect(await append(behind, posts)).toEqual({ status: 'appended' })
      expect(await log.head(one)).toEqual(state)
      await post(state, 1)
      expect(numbersOf(await log.read(one, 0, 64))).toEqual(numbers(43))
    })

    it.each(APPENDS)('stores the rest of what was given together%s when the first of it stand already, and nothing behind a post of another', async (_what, append) => {
      const { posts } = run(emptyChannelState(one), 6)
      expect(await append(emptyChannelState(one), posts.slice(0, 2))).toEqual({ status: 'appended' })
      expect(await append(emptyChannelState(one), posts.slice(0, 4))).toEqual({ status: 'appended' })
      expect(await log.read(one, 0, 64)).toEqual(posts.slice(0, 4))
      const fourth = posts.slice(0, 4).reduce(stateBehind, emptyChannelState(one))
      const other = await post(fourth, 1, () => ({ author: 9 }))
      expect(await append(emptyChannelState(one), posts)).toEqual({ status: 'conflict', appended: 4 })
      expect(await append(fourth, posts.slice(4))).toEqual({ status: 'conflict', appended: 0 })
      expect(await log.head(one)).toEqual(other)
      expect(numbersOf(await log.read(one, 0, 64))).toEqual(numbers(5))
    })

    it('stores exactly one of several runs of posts that are given at once, as a whole', async () => {
      const runs = Array.from({ length: 8 }, (_, index) => run(emptyChannelState(one), 5, { author: index + 1 }))
      const results = await Promise.all(runs.map(({ posts }) => log.append(emptyChannelState(one), posts)))
      const winners = runs.filter((_, index) => results[index]?.status === 'appended')
      expect(winners).toHaveLength(1)
      expect(await log.read(one, 0, 64)).toEqual(winners[0]?.posts)
      expect(await log.head(one)).toEqual(winners[0]?.state)
    })

    it('stores exactly one of twenty posts at once under each number', async () => {
      let state = emptyChannelState(one)
      for (let seq = 1; seq <= 5; seq++) {
        const posts = Array.from({ length: 20 }, (_, index) => sample(state, { author: index + 1 }))
        const before = state
        const results = await Promise.all(posts.map((bytes) => log.append(before, [bytes])))
        const [winner, ...others] = results.flatMap(({ status }, index) => (status === 'appended' ? [index] : []))
        expect(others).toEqual([])
        const stored = posts[winner ?? -1] ?? new Uint8Array()
        expect(await log.read(one, seq - 1, 10)).toEqual([stored])
        state = stateBehind(state, stored)
        expect(await log.head(one)).toEqual(state)
      }
    })

    it('keeps channels apart', async () => {
      const other = sampleConversation(2)
      const behind = await post(emptyChannelState(one), 3)
      expect(await log.head(other)).toEqual(emptyChannelState(other))
      expect(await log.read(other, 0, 10)).toEqual([])
      const behindOther = await post(emptyChannelState(other), 1, () => ({ author: 2 }))
      expect([await log.head(one), await log.head(other)]).toEqual([behind, behindOther])
      expect([numbersOf(await log.read(one, 0, 10)), numbersOf(await log.read(other, 0, 10))]).toEqual([[1, 2, 3], [1]])
    })

    it('reads behind a number, in order, no more than asked for', async () => {
      await post(emptyChannelState(one), 12)
      expect(numbersOf(await log.read(one, 0, 5))).toEqual([1, 2, 3, 4, 5])
      expect(numbersOf(await log.read(one, 5, 5))).toEqual([6, 7, 8, 9, 10])
      expect(numbersOf(await log.read(one, 10, 5))).toEqual([11, 12])
      expect(await log.read(one, 12, 5)).toEqual([])
      expect(await log.read(one, 99, 5)).toEqual([])
      expect(await log.read(one, Number.MAX_SAFE_INTEGER, 5)).toEqual([])
    })

    it('gives a long channel page by page', async () => {
      let behind = emptyChannelState(one)
      for (let given = 0; given < 22; given++) {
        const { posts, state } = run(behind, 50, { bodyBytes: 8 })
        expect(await log.append(behind, posts)).toEqual({ status: 'appended' })
        behind = state
      }
      const seen: number[] = []
      for (let page = await log.read(one, 0, 64); page.length > 0; page = await log.read(one, seen.length, 64)) seen.push(...numbersOf(page))
      expect(seen).toEqual(numbers(1_100))
      expect(numbersOf(await log.read(one, 1_020, 10))).toEqual(numbers(10, 1_021))
    }, 120_000)

    it('gives no more bytes than fit a page, but at least one post', async () => {
      const bodyBytes = LIMITS.channelPostBytesMax - 1_000
      await post(emptyChannelState(one), 6, () => ({ bodyBytes }))
      const page = await log.read(one, 0, 64)
      expect(numbersOf(page)).toEqual(numbers(Math.floor(LIMITS.pageBytesMax / (page[0]?.length ?? 1))))
      expect(numbersOf(await log.read(one, page.length, 64))).toEqual(numbers(6 - page.length, page.length + 1))
    })

    it(gaps.includes('trim')
      ? 'hides old posts from the beginning on, keeps the state, and says that nothing was deleted'
      : 'trims old posts from the beginning on, keeps the state, and says how many went', async () => {
      const other = sampleConversation(2)
      // Number 8 is dated before its neighbours: it stays, as it lies behind a younger one.
      const state = await post(emptyChannelState(one), 12, (seq) => ({ atMs: T0 + (seq === 8 ? 0 : seq) * 60_000 }))
      const stateOfOther = await post(emptyChannelState(other), 3, (seq) => ({ atMs: T0 + seq }))
      expect(await trimAll(T0 + 5 * 60_000)).toBe(gaps.includes('trim') ? 0 : 7)
      expect(numbersOf(await log.read(one, 0, 64))).toEqual(numbers(8, 5))
      expect(numbersOf(await log.read(one, 2, 2))).toEqual([5, 6])
      expect(numbersOf(await log.read(one, 9, 64))).toEqual([10, 11, 12])
      expect(await log.read(other, 0, 64)).toEqual([])
      expect([await log.head(one), await log.head(other)]).toEqual([state, stateOfOther])
      await post(stateOfOther, 1, () => ({ atMs: T0 + 10 * 60_000 }))
      expect(numbersOf(await log.read(other, 0, 64))).toEqual([4])
      expect(await trimAll(T0 + 5 * 60_000)).toBe(0)
    })

    it.skipIf(gaps.includes('trim'))('trims many channels, a bounded number of posts at a time', async () => {
      for (let number = 1; number <= 60; number++) {
        const channel = sampleConversation(number)
        await post(emptyChannelState(channel), 40, (seq) => ({ atMs: T0 + (seq <= 39 ? 0 : 1_000), bodyBytes: 8 }))
      }
      const first = await log.trim(T0 + 1)
      expect(first).toBeLessThan(60 * 39)
      expect(first + await trimAll(T0 + 1)).toBe(60 * 39)
      for (let number = 1; number <= 60; number++) expect(numbersOf(await log.read(sampleConversation(number), 0, 64))).toEqual([40])
    }, 120_000)

    it.skipIf(gaps.includes('reopen'))('has everything that resolved after it was closed and opened again', async () => {
      const state = await post(emptyChannelState(one), 20)
      if (subject.reopen === undefined) throw new Error('an adapter without the gap "reopen" gives a reopen function')
      log = await subject.reopen()
      expect(await log.head(one)).toEqual(state)
      expect(numbersOf(await log.read(one, 0, 64))).toEqual(numbers(20))
      expect(await log.append({ ...state, seq: 19 }, [sample({ ...state, seq: 19 })])).toEqual({ status: 'conflict', appended: 0 })
      await post(state, 1)
      expect(numbersOf(await log.read(one, 19, 64))).toEqual([20, 21])
    })
  })
}
