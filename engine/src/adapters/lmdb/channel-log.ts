import {
  channelStateAfter, decodeChannelPost, decodeChannelState, emptyChannelState, encodeChannelState, equalBytes, EvegramError, LIMITS, type ChannelPost, type ChannelState,
  type ConversationId,
} from '@evegram/protocol'
import type { ChannelAppendResult, ChannelLog, JudgedPost } from '../../ports/channel-log.js'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import type { Committer } from './committer.js'
import { NOTHING, type Databases } from './databases.js'
import { channelHourKey, channelPostKey, idBytesOf, keyBehind, KEY_OFFSETS, uint32At, uint53At } from './keys.js'

/** Posts that one `trim` removes, about. */
const TRIM_STEP = 1_000
/** Channels that are trimmed at once, in one commit. */
const TRIMMED_AT_ONCE = 50
/** Bytes in front of a stored post: its time, so that retention need not parse it. */
const TIME_BYTES = 8

/**
 * Posts of channels on LMDB. Appends of one channel are made one after the other: this process has the store for itself, so what it read last is what it
 * writes upon. The posts of an append, the state behind them and their hours for retention go in one transaction: all are stored, or none.
 */
export class LmdbChannelLog implements ChannelLog {
  readonly #databases: Databases
  readonly #committer: Committer
  /** The last change of each channel that is not settled yet. */
  readonly #changing = new Map<ConversationId, Promise<unknown>>()

  constructor(databases: Databases, committer: Committer) {
    this.#databases = databases
    this.#committer = committer
  }

  head(channel: ConversationId): Promise<ChannelState> {
    return this.#read('read channel', () => this.#state(channel))
  }

  append(after: ChannelState, posts: readonly Uint8Array[], judged?: readonly JudgedPost[]): Promise<ChannelAppendResult> {
    const given = posts.map((bytes, index): GivenPost => {
      const { post, state } = judged?.[index] ?? { post: decodeChannelPost(bytes), state: undefined }
      return { row: storedPost(post, bytes), post, state }
    })
    return this.#inTurn(after.channel, () => this.#append(after, given))
  }

  read(channel: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    return this.#read('read channel', () => {
      const page: Uint8Array[] = []
      let bytes = 0
      const end = keyBehind(idBytesOf(channel))
      for (const { value } of this.#databases.posts.getRange({ start: channelPostKey(channel, after + 1), ...(end === undefined ? {} : { end }), limit })) {
        bytes += value.length - TIME_BYTES
        if (page.length > 0 && bytes > LIMITS.pageBytesMax) break
        page.push(Uint8Array.from(value.subarray(TIME_BYTES)))
      }
      return page
    })
  }

  async trim(beforeMs: number): Promise<number> {
    const behindHour = Math.floor(beforeMs / MARK_HOUR_MS) + 1
    const channels = await this.#read('trim channels', () =>
      [...this.#databases.postHours.getKeys({ end: channelHourKey(behindHour) })].map((key) => ({ hourKey: Uint8Array.from(key), channel: channelOf(key) })))
    let trimmed = 0
    for (let from = 0; from < channels.length && trimmed < TRIM_STEP; from += TRIMMED_AT_ONCE) {
      const some = channels.slice(from, from + TRIMMED_AT_ONCE)
      const removed = await Promise.all(some.map(({ hourKey, channel }) =>
        this.#inTurn(channel, () => this.#trimChannel(channel, hourKey, beforeMs, Math.floor(TRIM_STEP / some.length)))))
      trimmed += removed.reduce((sum, count) => sum + count, 0)
    }
    return trimmed
  }

  async #append(after: ChannelState, given: readonly GivenPost[]): Promise<ChannelAppendResult> {
    const { posts, channels, postHours } = this.#databases
    const { channel } = after
    const { state: before, standing } = await this.#read('append post', () => this.#standing(after, given))
    if (before === undefined) return standing === given.length ? { status: 'appended' } : { status: 'conflict', appended: standing }
    const added = standing === 0 ? given : given.slice(standing)
    const state = encodeChannelState(added.at(-1)?.state ?? added.reduce((behind, { post, row }) => channelStateAfter(behind, post, row.subarray(TIME_BYTES)), before))
    const id = idBytesOf(channel)
    const rows = added.map(({ post, row }) => ({ key: channelPostKey(channel, post.seq), value: row }))
    const hours = new Set(added.map(({ post }) => Math.floor(post.atMs / MARK_HOUR_MS)))
    await this.#write('append post', rows.reduce((sum, { value }) => sum + value.length, state.length), () => {
      void channels.put(id, state)
      for (const { key, value } of rows) void posts.put(key, value)
      for (const hour of hours) void postHours.put(channelHourKey(hour, id), NOTHING)
    })
    return { status: 'appended' }
  }

  /** How many of the given posts, from the first on, are stored already; and the state that the next one follows, undefined where it does not. */
  #standing(after: ChannelState, given: readonly GivenPost[]): { readonly standing: number; readonly state: ChannelState | undefined } {
    const state = this.#state(after.channel)
    if (state.seq === after.seq && equalBytes(state.head, after.head)) return { standing: 0, state }
    const other = given.findIndex(({ post, row }) => {
      const stored = this.#databases.posts.get(channelPostKey(after.channel, post.seq))
      return stored === undefined || !equalBytes(stored, row)
    })
    const standing = other < 0 ? given.length : other
    return { standing, state: standing > 0 && standing < given.length && state.seq === after.seq + standing ? state : undefined }
  }

  /**
   * Removes old posts from the beginning of a channel on, at most `limit`. The hour goes once nothing of it is left that a later call would have to look at:
   * what stays because a younger post lies before it goes with that one, whose hour comes later.
   */
  async #trimChannel(channel: ConversationId, hourKey: Uint8Array, beforeMs: number, limit: number): Promise<number> {
    const id = idBytesOf(channel)
    const end = keyBehind(id)
    const { old, isMore } = await this.#read('trim channels', () => {
      const keys: Uint8Array[] = []
      for (const { key, value } of this.#databases.posts.getRange({ start: id, ...(end === undefined ? {} : { end }) })) {
        if (uint53At(value, 0) >= beforeMs) break
        if (keys.length >= limit) return { old: keys, isMore: true }
        keys.push(Uint8Array.from(key))
      }
      return { old: keys, isMore: false }
    })
    const isPast = !isMore && (uint32At(hourKey, 0) + 1) * MARK_HOUR_MS <= beforeMs
    if (old.length === 0 && !isPast) return 0
    await this.#write('trim channels', 0, () => {
      for (const key of old) void this.#databases.posts.remove(key)
      if (isPast) void this.#databases.postHours.remove(hourKey)
    })
    return old.length
  }

  #state(channel: ConversationId): ChannelState {
    const stored = this.#databases.channels.get(idBytesOf(channel))
    return stored === undefined ? emptyChannelState(channel) : decodeChannelState(Uint8Array.from(stored))
  }

  /** Runs `change` behind every change of the channel that began before. */
  #inTurn<Result>(channel: ConversationId, change: () => Promise<Result>): Promise<Result> {
    const result = (this.#changing.get(channel) ?? Promise.resolve()).then(change)
    const settled = result.then(() => undefined, () => undefined).then(() => {
      if (this.#changing.get(channel) === settled) this.#changing.delete(channel)
    })
    this.#changing.set(channel, settled)
    return result
  }

  #read<Value>(operation: string, read: () => Value): Promise<Value> {
    try {
      return Promise.resolve(read())
    } catch (cause) {
      return Promise.reject(new EvegramError('unavailable.store', { operation, cause }))
    }
  }

  #write(operation: string, bytes: number, apply: () => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#committer.add({
        bytes, apply, settle: resolve,
        fail: (cause) => { reject(new EvegramError('unavailable.store', { operation, cause })) },
      })
    })
  }
}

/** A post that is to be stored. */
interface GivenPost {
  readonly post: ChannelPost
  /** As it will lie in the database. */
  readonly row: Uint8Array
  /** The state behind it, where the caller knows it. */
  readonly state: ChannelState | undefined
}

/** A post as it lies in the database: behind its time. */
function storedPost({ atMs }: ChannelPost, bytes: Uint8Array): Uint8Array {
  const stored = new Uint8Array(TIME_BYTES + bytes.length)
  new DataView(stored.buffer).setBigUint64(0, BigInt(atMs))
  stored.set(bytes, TIME_BYTES)
  return stored
}

function channelOf(hourKey: Uint8Array): ConversationId {
  const { channel, end } = KEY_OFFSETS.postHours
  // 16 bytes of hex are a conversation id by definition.
  return Buffer.from(hourKey.subarray(channel, end)).toString('hex') as ConversationId
}
