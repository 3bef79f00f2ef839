import { mayBeApplied, type CassandraQueries, type CassandraRow } from '@evegram/platform/cassandra'
import {
  bytesOfHex, channelStateAfter, decodeChannelPost, decodeChannelState, emptyChannelState, encodeChannelState, equalBytes, EvegramError, LIMITS, type ChannelPost,
  type ChannelState, type ConversationId,
} from '@evegram/protocol'
import type { ChannelAppendResult, ChannelLog } from '../../ports/channel-log.js'
import { INSERT_CHANNEL_HEAD, INSERT_POST, SELECT_ANY, SELECT_CHANNEL_HEAD, SELECT_POST, SELECT_POSTS, SELECT_TIMES } from './channels.cql.js'
import { ConversationTurns } from './conversation-turns.js'

/** Appends to one channel that this process holds, the one under way included; beyond it `limited.queue`. */
export const APPENDS_HELD_MAX = 64
/** Numbers of one partition: of the largest posts it is 50 MB. */
export const BUCKET_POSTS = 1_024
/** Tries to insert a post whose outcome stays unknown. All insert the same row, so that several do no harm. */
const INSERT_TRIES = 3
/** Posts that a page asks for before it knows how large they are. */
const FIRST_READ_POSTS = 16
/** Posts that are looked at, backwards, for one that is young enough to show what lies behind it. */
const LOOK_BACK_POSTS = 256

const DAY_MS = 24 * 3_600_000
/** Days that fit below a number in a timestamp: eleven thousand years of them. */
const DAYS_MAX = 2n ** 22n

/**
 * Posts of channels over conditional inserts: one row for each number, and a head for each channel.
 *
 * Architecture invariant: the head is written only behind a post that is decided, and before anybody hears of that post: `append` resolves afterwards,
 * and `read` shows nothing above the head. So a plain read of the head sees every append that resolved, and a number whose head was never written (its
 * writer died in between) was never shown to anybody.
 * Such a post is not lost either: whoever appends next is refused by it, and writes the head behind it before it answers `conflict`.
 * Only behind the head are numbers given out: a post that expired leaves its number free in the table, and no one asks for it again.
 */
export class CassandraChannelLog implements ChannelLog {
  readonly #session: CassandraQueries
  readonly #ttlS: number
  readonly #turns = new ConversationTurns('append post', APPENDS_HELD_MAX)
  /** What is dated before this is not shown any more, as far as nothing younger lies before it. */
  #floorMs = 0

  /** `ttlS`: life of a post in seconds. */
  constructor(session: CassandraQueries, ttlS: number) {
    this.#session = session
    this.#ttlS = ttlS
  }

  /** One plain read. */
  async head(channel: ConversationId): Promise<ChannelState> {
    const [row] = await this.#session.read(SELECT_CHANNEL_HEAD, [bytesOfHex(channel)])
    return row === undefined ? emptyChannelState(channel) : decodeChannelState(row.bytes('state'))
  }

  append(after: ChannelState, posts: readonly Uint8Array[]): Promise<ChannelAppendResult> {
    const given = posts.map((post) => Uint8Array.from(post))
    return this.#turns.run(after.channel, () => this.#append(after, given))
  }

  async read(channel: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    if (limit <= 0) return []
    const id = bytesOfHex(channel)
    const { seq: last } = await this.head(channel)
    for (let behind = after; behind < last;) {
      const rows = await this.#page(id, behind, last, limit)
      const visible = await this.#firstVisible(id, behind, rows)
      const newest = rows.at(-1)
      if (newest === undefined || visible < rows.length) return rows.slice(visible).map(({ post }) => post)
      behind = newest.seq
    }
    return []
  }

  /** Posts expire by themselves: what is dated before `beforeMs` is not shown any more, and nothing is deleted. */
  async trim(beforeMs: number): Promise<number> {
    this.#floorMs = Math.max(this.#floorMs, beforeMs)
    return 0
  }

  async #append(after: ChannelState, given: readonly Uint8Array[]): Promise<ChannelAppendResult> {
    const head = await this.head(after.channel)
    let appended = head.seq > after.seq ? await this.#standing(after, head.seq, given) : 0
    const follows = appended > 0 ? head.seq === after.seq + appended : head.seq === after.seq && equalBytes(head.head, after.head)
    let before = head
    for (; follows && appended < given.length; appended++) {
      const bytes = given[appended] ?? new Uint8Array(0)
      const standing = await this.#insert(before, bytes)
      // Before the answer, whatever it is: behind a post of somebody who died the channel would not go on.
      const post = decodeChannelPost(standing)
      before = channelStateAfter(before, post, standing)
      await this.#session.write(INSERT_CHANNEL_HEAD, [bytesOfHex(after.channel), encodeChannelState(before), timestampOf(post)])
      if (!equalBytes(standing, bytes)) break
    }
    return appended === given.length ? { status: 'appended' } : { status: 'conflict', appended }
  }

  /** How many of the given posts, from the first on, stand under their numbers, up to number `last`. */
  async #standing(after: ChannelState, last: number, given: readonly Uint8Array[]): Promise<number> {
    let standing = 0
    for (const bytes of given.slice(0, last - after.seq)) {
      const [stored] = (await this.#session.read(SELECT_POST, keyOf(after.channel, after.seq + standing + 1))).map(postOf)
      if (stored === undefined || !equalBytes(stored, bytes)) break
      standing++
    }
    return standing
  }

  /** Inserts the post under its number unless that is taken; the bytes that stand there then. */
  async #insert(after: ChannelState, bytes: Uint8Array): Promise<Uint8Array> {
    const key = keyOf(after.channel, after.seq + 1)
    const values = [...key, BigInt(decodeChannelPost(bytes).atMs), bytes, this.#ttlS]
    for (let tried = 1; ; tried++) {
      try {
        const result = await this.#session.conditional(INSERT_POST, values)
        if (result.applied) return bytes
        if (result.row !== undefined) return postOf(result.row)
        throw new EvegramError('internal', { operation: 'append post' })
      } catch (failure) {
        if (!mayBeApplied(failure)) throw failure
        // The outcome is unknown: a serial read shows a write that was taken.
        const [standing] = (await this.#session.readSerial(SELECT_POST, key)).map(postOf)
        if (standing !== undefined) return standing
        if (tried === INSERT_TRIES) throw failure
      }
    }
  }

  /** Rows behind `after` up to number `last`, in order: at most `limit`, and as many as fit a page together, but one at least where there is one. */
  async #page(id: Uint8Array, after: number, last: number, limit: number): Promise<readonly PostRow[]> {
    const page: PostRow[] = []
    let bytes = 0
    for (let behind = after; behind < last && page.length < limit;) {
      const bucket = bucketOf(behind + 1)
      const fits = page.length === 0 ? FIRST_READ_POSTS : Math.max(1, Math.floor((LIMITS.pageBytesMax - bytes) / (bytes / page.length)))
      const asked = Math.min(limit - page.length, fits)
      const rows = (await this.#session.read(SELECT_POSTS, [id, BigInt(bucket), BigInt(behind), asked])).map(postRow)
      for (const row of rows) {
        // Above the head is what nobody may have heard of yet.
        if (row.seq > last) return page
        // Of rows that expire at the same time a later one may be the first to go: what lies before it is gone too.
        if (page.length > 0 && page.at(-1)?.seq !== row.seq - 1) {
          page.length = 0
          bytes = 0
        }
        bytes += row.post.length
        if (page.length > 0 && bytes > LIMITS.pageBytesMax) return page
        page.push(row)
      }
      const newest = rows.at(-1)
      if (newest !== undefined && rows.length === asked) behind = newest.seq
      else if (page.length > 0) behind = lastOf(bucket)
      else if (bucket >= bucketOf(last)) return page
      else behind = lastOf(await this.#firstBucket(id, bucket + 1, bucketOf(last)) - 1)
    }
    return page
  }

  /** The first bucket from `from` on that holds a post, or `last`: posts expire in the order of their numbers, so that the empty buckets come first. */
  async #firstBucket(id: Uint8Array, from: number, last: number): Promise<number> {
    let [low, high] = [from, last]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((await this.#session.read(SELECT_ANY, [id, BigInt(middle)])).length > 0) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Index of the first of `rows` that is shown: those before it are too old, and so is everything that lies before them. */
  async #firstVisible(id: Uint8Array, after: number, rows: readonly PostRow[]): Promise<number> {
    const young = rows.findIndex(({ atMs }) => atMs >= this.#floorMs)
    const old = young < 0 ? rows.length : young
    if (old === 0 || after === 0) return old
    const times = await this.#session.read(SELECT_TIMES, [id, BigInt(bucketOf(after)), BigInt(after), LOOK_BACK_POSTS])
    return times.some((row) => Number(row.big('at_ms')) >= this.#floorMs) ? 0 : old
  }
}

interface PostRow {
  readonly seq: number
  readonly atMs: number
  readonly post: Uint8Array
}

function postRow(row: CassandraRow): PostRow {
  return { seq: Number(row.big('seq')), atMs: Number(row.big('at_ms')), post: row.bytes('post') }
}

function postOf(row: CassandraRow): Uint8Array {
  return row.bytes('post')
}

/**
 * Timestamp of the head behind a post: its number, and below that its day. The day only counts where a number was given out twice, as its first post
 * expired without ever having had a head that a quorum holds: the second one is a retention later.
 */
function timestampOf({ seq, atMs }: ChannelPost): bigint {
  return BigInt(seq) * DAYS_MAX + BigInt(Math.floor(atMs / DAY_MS)) % DAYS_MAX
}

function keyOf(channel: ConversationId, seq: number): [Uint8Array, bigint, bigint] {
  return [bytesOfHex(channel), BigInt(bucketOf(seq)), BigInt(seq)]
}

function bucketOf(seq: number): number {
  return Math.floor(seq / BUCKET_POSTS)
}

function lastOf(bucket: number): number {
  return (bucket + 1) * BUCKET_POSTS - 1
}
