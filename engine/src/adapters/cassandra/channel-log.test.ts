import { silentLogger, systemClock } from '@evegram/platform'
import type { CassandraQueries, CassandraSession } from '@evegram/platform/cassandra'
import { testKeyspace } from '@evegram/platform/testing'
import {
  bytesOfHex, channelHeadOf, decodeChannelPost, emptyChannelState, encodeChannelState, equalBytes, type ChannelState, type ConversationId,
} from '@evegram/protocol'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { samplePost, stateBehind, type SamplePostFields } from '../../ports/sample-channel.contract.js'
import { sampleConversation } from '../../ports/sample-envelope.contract.js'
import { APPENDS_HELD_MAX, BUCKET_POSTS, CassandraChannelLog } from './channel-log.js'
import { INSERT_CHANNEL_HEAD } from './channels.cql.js'
import { codeOf, FaultySession, once, type Fault } from './faulty-session.fixture.js'
import { openCassandraEngineStore } from './store.js'

const TTL_S = 86_400
/** Far below what a session lets be under way. */
const INSERTS_AT_ONCE = 32
const T0 = Date.now()
const POSTS = 'INTO channel_posts'
const HEADS = 'INTO channel_heads'

const keyspace = testKeyspace()
let real: CassandraSession
let session: FaultySession
let log: CassandraChannelLog
let channel: ConversationId
let empty: ChannelState
let number = 0

beforeAll(async () => {
  real = await keyspace.connect()
  await openCassandraEngineStore({ session: real, clock: systemClock(), log: silentLogger })
}, 60_000)
afterAll(async () => { await keyspace.drop() }, 60_000)
beforeEach(() => {
  session = new FaultySession(real)
  log = new CassandraChannelLog(session, TTL_S)
  channel = sampleConversation(5_000 + ++number)
  empty = emptyChannelState(channel)
})

/** As another process has it. */
const other = (over: CassandraQueries = real, ttlS = TTL_S): CassandraChannelLog => new CassandraChannelLog(over, ttlS)
const sample = (state: ChannelState, fields: SamplePostFields = {}): Uint8Array => samplePost(state, { atMs: T0, ...fields })
const numbersOf = (posts: readonly Uint8Array[]): readonly number[] => posts.map((bytes) => decodeChannelPost(bytes).seq)
async function posted(state: ChannelState, count: number, to = log): Promise<ChannelState> {
  let behind = state
  for (let index = 0; index < count; index++) {
    const bytes = sample(behind)
    expect(await to.append(behind, [bytes])).toEqual({ status: 'appended' })
    behind = stateBehind(behind, bytes)
  }
  return behind
}

describe('posts over Cassandra', () => {
  it.each<Fault>(['lost', 'applied'])('are stored once although the insert was %s without an answer', async (fault) => {
    session.fault = once(POSTS, fault)
    const bytes = sample(empty)
    expect(await log.append(empty, [bytes])).toEqual({ status: 'appended' })
    expect(session.serialReads).toBe(1)
    expect(await other().read(channel, 0, 10)).toEqual([bytes])
    expect(await other().head(channel)).toEqual(stateBehind(empty, bytes))
  })

  it('are given up when the store stays silent, with an unknown outcome, and stored by the same append again', async () => {
    session.fault = (cql) => (cql.includes(POSTS) ? 'lost' : undefined)
    const bytes = sample(empty)
    expect(await codeOf(log.append(empty, [bytes]))).toBe('unavailable.store unknown')
    expect(session.serialReads).toBe(3)
    expect(await log.head(channel)).toEqual(empty)
    session.fault = () => undefined
    expect(await log.append(empty, [bytes])).toEqual({ status: 'appended' })
    expect(await other().read(channel, 0, 10)).toEqual([bytes])
  })

  it.each<Fault>(['lost', 'applied'])('are not answered while their head was %s without an answer; the same append again is', async (fault) => {
    session.fault = once(HEADS, fault)
    const bytes = sample(empty)
    expect(await codeOf(log.append(empty, [bytes]))).toBe('unavailable.store unknown')
    // What nobody was told of is shown with its head or not at all.
    expect(await other().read(channel, 0, 10)).toEqual(fault === 'applied' ? [bytes] : [])
    expect(await log.append(empty, [bytes])).toEqual({ status: 'appended' })
    expect(await other().read(channel, 0, 10)).toEqual([bytes])
    expect(await other().head(channel)).toEqual(stateBehind(empty, bytes))
  })

  it('of somebody who died before the head was written hold nobody up: who comes next shows them, and goes on behind', async () => {
    const behind = await posted(empty, 3)
    session.fault = once(HEADS, 'lost')
    const left = sample(behind, { author: 7 })
    await codeOf(log.append(behind, [left]))
    const next = other()
    expect(await next.head(channel)).toEqual(behind)
    expect(numbersOf(await next.read(channel, 0, 10))).toEqual([1, 2, 3])
    expect(await next.append(behind, [sample(behind, { author: 8 })])).toEqual({ status: 'conflict', appended: 0 })
    expect(await next.head(channel)).toEqual(stateBehind(behind, left))
    expect(await next.read(channel, 3, 10)).toEqual([left])
    await posted(stateBehind(behind, left), 1, next)
    expect(await log.append(behind, [left])).toEqual({ status: 'appended' })
    expect(numbersOf(await other().read(channel, 0, 10))).toEqual([1, 2, 3, 4, 5])
  })

  it.each<Fault>(['lost', 'applied'])('lose to the post that stands although their insert was %s without an answer', async (fault) => {
    session.fault = once(HEADS, 'lost')
    const left = sample(empty, { author: 7 })
    await codeOf(log.append(empty, [left]))
    session.fault = once(POSTS, fault)
    expect(await log.append(empty, [sample(empty, { author: 8 })])).toEqual({ status: 'conflict', appended: 0 })
    expect(await other().read(channel, 0, 10)).toEqual([left])
    expect(await other().head(channel)).toEqual(stateBehind(empty, left))
  })

  it('are refused without an answer of conflict while the head behind the standing one cannot be written', async () => {
    session.fault = once(HEADS, 'lost')
    await codeOf(log.append(empty, [sample(empty, { author: 7 })]))
    session.fault = once(HEADS, 'lost')
    expect(await codeOf(log.append(empty, [sample(empty, { author: 8 })]))).toBe('unavailable.store unknown')
    expect(await log.append(empty, [sample(empty, { author: 8 })])).toEqual({ status: 'conflict', appended: 0 })
    expect(await log.head(channel)).not.toEqual(empty)
  })

  it('keep the newest head whatever the order in which heads are written, and whatever the clocks say', async () => {
    const [first, writtenAt] = [await posted(empty, 1), async (): Promise<bigint> => {
      const [row] = await real.read('SELECT WRITETIME(state) AS written_at FROM channel_heads WHERE channel = ?', [bytesOfHex(channel)])
      return row?.big('written_at') ?? 0n
    }]
    const late = { cql: INSERT_CHANNEL_HEAD, values: [bytesOfHex(channel), encodeChannelState(first), await writtenAt()] }
    // A day and a year earlier, as a clock that was set back has it.
    const second = sample(first, { atMs: T0 - 366 * 86_400_000 })
    await log.append(first, [second])
    const third = await posted(stateBehind(first, second), 1)
    expect((await writtenAt()) / 2n ** 22n).toBe(3n)
    await real.write(late.cql, late.values)
    expect(await other().head(channel)).toEqual(third)
    expect(numbersOf(await other().read(channel, 0, 10))).toEqual([1, 2, 3])
  })

  it('of processes that race form one chain with every answered post in it, each once', async () => {
    const writers = await Promise.all([1, 2, 3, 4].map(async (author) => ({ author, log: other(await keyspace.connect()) })))
    const answered: Uint8Array[] = []
    await Promise.all(writers.map(async ({ author, log: own }) => {
      for (let stored = 0; stored < 10;) {
        const state = await own.head(channel)
        const bytes = sample(state, { author, bodyBytes: 100 + author * 10 + stored })
        const result = await own.append(state, [bytes]).catch(() => undefined)
        if (result?.status !== 'appended') continue
        answered.push(bytes)
        stored++
      }
    }))
    const chain: Uint8Array[] = []
    for (let page = await log.read(channel, 0, 64); page.length > 0; page = await log.read(channel, chain.length, 64)) chain.push(...page)
    expect(numbersOf(chain)).toEqual(chain.map((_, index) => index + 1))
    chain.reduce((prev, bytes) => {
      expect(decodeChannelPost(bytes).prev).toEqual(prev)
      return channelHeadOf(bytes)
    }, empty.head)
    for (const bytes of answered) expect(chain.filter((stored) => equalBytes(stored, bytes))).toHaveLength(1)
    expect((await log.head(channel)).seq).toBe(chain.length)
  }, 60_000)

  it('give no number twice, also when the posts are gone', async () => {
    const brief = other(session, 1)
    const second = await posted(empty, 2, brief)
    await new Promise((resolve) => { setTimeout(resolve, 2_200) })
    expect(await brief.read(channel, 0, 10)).toEqual([])
    expect(await brief.append(empty, [sample(empty, { author: 9 })])).toEqual({ status: 'conflict', appended: 0 })
    expect(await brief.head(channel)).toEqual(second)
    await posted(second, 1)
    expect(numbersOf(await log.read(channel, 0, 10))).toEqual([3])
  })

  it('are read across partitions, and reading costs no more for what is gone before them', async () => {
    const last = 1_000 * BUCKET_POSTS + 5
    const first = last - 2 * BUCKET_POSTS
    const insert = (seq: number): Promise<unknown> => real.write('INSERT INTO channel_posts (channel, bucket, seq, at_ms, post) VALUES (?, ?, ?, ?, ?)',
      [bytesOfHex(channel), BigInt(Math.floor(seq / BUCKET_POSTS)), BigInt(seq), BigInt(T0), sample({ ...empty, seq: seq - 1 }, { bodyBytes: 8 })])
    for (let seq = first; seq <= last; seq += INSERTS_AT_ONCE) await Promise.all(Array.from({ length: Math.min(INSERTS_AT_ONCE, last + 1 - seq) }, (_, index) => insert(seq + index)))
    await real.write(INSERT_CHANNEL_HEAD, [bytesOfHex(channel), encodeChannelState({ ...empty, seq: last }), 2n ** 62n])
    session.reads = 0
    expect(numbersOf(await log.read(channel, 0, 10))).toEqual(Array.from({ length: 10 }, (_, index) => first + index))
    // The head, the first partition, some ten looks for the first that holds something, and that.
    expect(session.reads).toBeLessThanOrEqual(14)
    const seen: number[] = []
    for (let after = 0; after < last; after = seen.at(-1) ?? last) seen.push(...numbersOf(await log.read(channel, after, 64)))
    expect(seen).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index))
    session.reads = 0
    expect(numbersOf(await log.read(channel, last - 3, 64))).toEqual([last - 2, last - 1, last])
    expect(session.reads).toBe(2)
  }, 60_000)

  it('are read in few rows too many', async () => {
    await posted(empty, 40)
    session.reads = 0
    session.rowsRead = 0
    expect(await log.read(channel, 0, 30)).toHaveLength(30)
    expect(session.reads).toBe(3)
    expect(session.rowsRead).toBe(31)
  })

  it('without the first of those that follow begin behind the gap, as what expires goes from the beginning on', async () => {
    await posted(empty, 6)
    await real.write('DELETE FROM channel_posts WHERE channel = ? AND bucket = 0 AND seq = 3', [bytesOfHex(channel)])
    expect(numbersOf(await log.read(channel, 0, 10))).toEqual([4, 5, 6])
    expect(numbersOf(await log.read(channel, 1, 10))).toEqual([4, 5, 6])
  })

  it('that are dated too early are shown behind a younger one, wherever reading begins, and hidden where there is none', async () => {
    let state = empty
    for (const ageMs of [9, 8, 0, 7, 6, 0]) {
      const bytes = sample(state, { atMs: T0 - ageMs })
      await log.append(state, [bytes])
      state = stateBehind(state, bytes)
    }
    expect(await log.trim(T0 - 5)).toBe(0)
    const seen = await Promise.all([0, 1, 2, 3, 4, 5].map(async (after) => numbersOf(await log.read(channel, after, 10))))
    expect(seen).toEqual([[3, 4, 5, 6], [3, 4, 5, 6], [3, 4, 5, 6], [4, 5, 6], [5, 6], [6]])
    expect(numbersOf(await log.read(channel, 0, 1))).toEqual([3])
  })

  it('of one channel wait for each other in a queue that is bounded', async () => {
    const results = await Promise.all(Array.from({ length: APPENDS_HELD_MAX + 5 }, (_, index) => codeOf(log.append(empty, [sample(empty, { author: index + 1 })]))))
    expect(results.filter((code) => code.startsWith('limited.queue'))).toHaveLength(5)
    expect((await log.head(channel)).seq).toBe(1)
  })
})
