import {
  decodeChannelPost, isEvegramError, LIMITS, unitInterval,
  type ChannelHead, type ChannelPage, type ConversationId, type EvegramError, type Timer,
} from '@evegram/protocol'
import { asEvegramError } from '../core/background.js'
import { CHANNEL_POSTS_KEPT_MAX, listChannels, readChannel, readChannelLog, type ChannelRow } from '../core/channel-row.js'
import type { Core } from '../core/context.js'
import { Deferred } from '../core/deferred.js'
import { KeyedTurns } from '../core/turns.js'
import type { Connection } from '../transport/connection.js'
import type { ChannelOutbox, PostAttempt } from './channel-outbox.js'
import type { WaitingPost } from './channel-outbox-row.js'
import type { ChannelReader } from './channel-reader.js'

/** Bounds of following, units last. */
export const FOLLOWER_LIMITS = {
  /** Channels of a profile: what one connection follows. */
  channelsMax: LIMITS.followedChannelsMax,
  /** Channels that are read at the same time, one request each. */
  atWorkMax: 16,
  /** Pushed posts of one channel that wait to be verified; what comes past it is read from the server. */
  pushedMax: 32,
  /** Conflicts with other authors that are answered at once; then there is a pause. */
  conflictsMax: 4,
  /** A channel of which nothing was heard for this long is followed anew. */
  silenceMs: 3 * LIMITS.channelHeadIntervalMs,
  /** First pause after a failure; doubles, with full jitter. */
  backoffMs: 500,
  backoffMsMax: 30_000,
} as const

/** What is known of one followed channel while the program runs. */
interface Lane {
  readonly channel: ConversationId
  /** There is something to do. */
  wanted: boolean
  busy: boolean
  /** Asked for on this connection. */
  followedOn: Connection | undefined
  /** The newest number that the server named. */
  seq: number
  /** The server is asked even if it named nothing new: nobody knows what became of a post. */
  mustLook: boolean
  /** A head that the server named on its own, not compared yet. */
  head: ChannelHead | undefined
  readonly pushed: Map<number, Uint8Array>
  heardAtMs: number
  conflicts: number
  failures: number
  wait: Timer | undefined
  /** Those who wait for the end of the next pass. */
  waiters: Deferred<void>[]
  /** A post that the server refused for good: given up once the channel was read to its end. */
  doomed: { readonly place: number; readonly error: EvegramError } | undefined
}

/**
 * Keeps the followed channels up to date while there is a connection, and posts what waits: for each channel one thing at a time, reading before
 * posting. What is pushed is a hint and, where it fits, saves a request; what is missing is read from the server up to the head that it names.
 */
export class ChannelFollower {
  readonly #core: Core
  readonly #reader: ChannelReader
  readonly #outbox: ChannelOutbox
  readonly #turns = new KeyedTurns()
  readonly #lanes = new Map<ConversationId, Lane>()
  #atWork = 0
  #live = false
  #closed = false
  #watch: Timer | undefined

  constructor(core: Core, reader: ChannelReader, outbox: ChannelOutbox) {
    this.#core = core
    this.#reader = reader
    this.#outbox = outbox
  }

  /** Reads what the last run left. Call once, before anything else. */
  async load(): Promise<void> {
    for (const { channel } of await listChannels(this.#core.store, FOLLOWER_LIMITS.channelsMax)) this.#laneOf(channel)
  }

  /** Channels that are followed. */
  get size(): number {
    return this.#lanes.size
  }

  /** There is a new channel, or something to post in a known one. */
  wake(channel: ConversationId): void {
    this.#want(this.#laneOf(channel))
  }

  /** Resolves when the channel was read as far as the server shows it, or could not be; at once without a connection. */
  settled(channel: ConversationId): Promise<void> {
    if (!this.#live) return Promise.resolve()
    const lane = this.#laneOf(channel)
    const waiter = new Deferred<void>()
    lane.waiters.push(waiter)
    this.#want(lane)
    return waiter.promise
  }

  /** Runs `job` while nothing else is done with the channel; afterwards it is followed no more. */
  async drop(channel: ConversationId, job: () => Promise<void>): Promise<void> {
    await this.#turns.run(channel, job)
    const lane = this.#lanes.get(channel)
    this.#lanes.delete(channel)
    lane?.wait?.cancel()
    for (const waiter of lane?.waiters ?? []) waiter.resolve()
    this.#reader.forget(channel)
  }

  /** The server pushed a post. Never throws: what it is worth is judged later. */
  posted(encoded: Uint8Array): void {
    let place: { readonly channel: ConversationId; readonly seq: number }
    try {
      place = decodeChannelPost(encoded)
    } catch (error) {
      this.#core.events.refuse({ code: asEvegramError(error, 'read post').code })
      return
    }
    const lane = this.#lanes.get(place.channel)
    if (lane === undefined) return
    lane.heardAtMs = this.#core.clock.monotonicMs()
    lane.seq = Math.max(lane.seq, place.seq)
    if (lane.pushed.size < FOLLOWER_LIMITS.pushedMax) lane.pushed.set(place.seq, encoded)
    this.#want(lane)
  }

  /** The server said on its own where a channel ends. */
  heard(head: ChannelHead): void {
    const lane = this.#lanes.get(head.channel)
    if (lane === undefined) return
    lane.heardAtMs = this.#core.clock.monotonicMs()
    lane.seq = Math.max(lane.seq, head.seq)
    lane.head = head
    this.#want(lane)
  }

  /** A connection is live: everything is followed on it. */
  resume(): void {
    this.#live = true
    for (const lane of this.#lanes.values()) {
      lane.wait?.cancel()
      lane.wait = undefined
      lane.failures = 0
      lane.wanted = true
    }
    this.#pump()
  }

  /** No connection: nothing is started any more. */
  pause(): void {
    this.#live = false
    this.#watch?.cancel()
    this.#watch = undefined
    for (const lane of this.#lanes.values()) {
      lane.followedOn = undefined
      this.#wakeWaiters(lane)
    }
  }

  /** Stops for good. */
  close(): void {
    this.#closed = true
    this.pause()
    for (const lane of this.#lanes.values()) lane.wait?.cancel()
  }

  #laneOf(channel: ConversationId): Lane {
    const known = this.#lanes.get(channel)
    if (known !== undefined) return known
    const lane: Lane = {
      channel, wanted: true, busy: false, followedOn: undefined, seq: 0, mustLook: false, head: undefined, pushed: new Map(),
      heardAtMs: this.#core.clock.monotonicMs(), conflicts: 0, failures: 0, wait: undefined, waiters: [], doomed: undefined,
    }
    this.#lanes.set(channel, lane)
    return lane
  }

  #want(lane: Lane): void {
    lane.wanted = true
    this.#pump()
  }

  #pump(): void {
    if (!this.#live || this.#closed) return
    this.#watch ??= this.#lanes.size === 0 ? undefined : this.#core.clock.every(LIMITS.channelHeadIntervalMs, () => { this.#listen() })
    for (const lane of this.#lanes.values()) {
      if (this.#atWork >= FOLLOWER_LIMITS.atWorkMax) return
      if (!lane.wanted || lane.busy || lane.wait !== undefined) continue
      lane.busy = true
      this.#atWork += 1
      this.#core.background.run('follow channel', async () => {
        try {
          await this.#turns.run(lane.channel, () => this.#work(lane))
        } finally {
          lane.busy = false
          this.#atWork -= 1
          this.#pump()
        }
      })
    }
  }

  /** A server names the head of every followed channel now and then; one that does not has forgotten us. */
  #listen(): void {
    const nowMs = this.#core.clock.monotonicMs()
    for (const lane of this.#lanes.values()) {
      if (nowMs - lane.heardAtMs < FOLLOWER_LIMITS.silenceMs) continue
      lane.heardAtMs = nowMs
      lane.followedOn = undefined
      this.#want(lane)
    }
  }

  async #work(lane: Lane): Promise<void> {
    try {
      while (this.#live && lane.wanted && this.#lanes.get(lane.channel) === lane && lane.wait === undefined) {
        lane.wanted = false
        await this.#pass(lane)
      }
    } catch (cause) {
      if (!this.#live) {
        lane.wanted = true
        return
      }
      this.#backOff(lane, undefined)
      const error = asEvegramError(cause, 'follow channel')
      if (error.retry !== 'after_backoff' || error.code === 'client.store' || error.code === 'internal') throw error
    } finally {
      // Whoever came during the last pass asked for one more: there was one, or a pause begins.
      this.#wakeWaiters(lane)
    }
  }

  /** Reads, compares, posts. Rejects when the server or the local store fails: then all of it is done again later. */
  async #pass(lane: Lane): Promise<void> {
    const connection = this.#core.connection()
    const row = await readChannel(this.#core.store, lane.channel)
    if (connection === undefined || row === undefined) return
    if (lane.followedOn !== connection) {
      if (!(await this.#follow(lane, row, connection))) return
    }
    if (!(await this.#readOn(lane, connection))) return
    await this.#tellAuthors(lane.channel)
    if (!(await this.#post(lane, connection))) return
    lane.failures = 0
    lane.conflicts = 0
  }

  async #follow(lane: Lane, row: ChannelRow, connection: Connection): Promise<boolean> {
    let page: ChannelPage
    try {
      page = await connection.follow({ channel: lane.channel, after: verifiedSeqOf(row) })
    } catch (error) {
      if (!isEvegramError(error, 'not_found.conversation')) throw error
      this.#reader.tell(row, error.code, 'the server says that there is no such channel')
      return false
    }
    lane.followedOn = connection
    lane.heardAtMs = this.#core.clock.monotonicMs()
    // Who is new reads what is kept here, not what would be forgotten at once.
    const first = page.posts[0]
    const isLong = row.state === undefined && first !== undefined && page.seq - decodeSeq(first) >= CHANNEL_POSTS_KEPT_MAX
    const from = isLong ? await connection.readChannel({ channel: lane.channel, after: page.seq - CHANNEL_POSTS_KEPT_MAX }) : page
    return this.#take(lane, row, from, connection)
  }

  /** Takes what was pushed, then what the server names and did not push. False when it does not lead on. */
  async #readOn(lane: Lane, connection: Connection): Promise<boolean> {
    for (;;) {
      const row = await readChannel(this.#core.store, lane.channel)
      if (row === undefined || !this.#live) return false
      const seq = row.state?.seq ?? 0
      const run = this.#takePushed(lane, row)
      if (run.length > 0) {
        const step = await this.#reader.posts(row, run)
        if (step.status === 'failed') throw step.error
        // What was pushed and is wrong may still be right on the server.
        if (step.status === 'stuck') lane.mustLook = true
        continue
      }
      const head = lane.head
      lane.head = undefined
      if (head !== undefined && (await this.#reader.head(row, head))) {
        lane.seq = Math.max(lane.seq, head.seq)
        // An end that only the server named, and now names otherwise.
        if (head.seq <= seq) lane.mustLook = true
      }
      if (lane.seq <= seq && !lane.mustLook) return true
      const page = await connection.readChannel({ channel: lane.channel, after: verifiedSeqOf(row) })
      lane.mustLook = false
      if (!(await this.#take(lane, row, page, connection))) return false
    }
  }

  async #take(lane: Lane, row: ChannelRow, page: ChannelPage, connection: Connection): Promise<boolean> {
    const step = await this.#reader.page(row, page, connection.welcome.retentionMs)
    if (step.status === 'failed') throw step.error
    lane.heardAtMs = this.#core.clock.monotonicMs()
    // What a stuck server named is looked at again when it names it again.
    lane.seq = step.status === 'more' ? Math.max(lane.seq, page.seq) : step.seq
    return step.status !== 'stuck'
  }

  /** Pushed posts that follow each other behind the newest verified one; those that lie behind it are compared or forgotten. */
  #takePushed(lane: Lane, row: ChannelRow): Uint8Array[] {
    const seq = row.state?.seq ?? 0
    const run: Uint8Array[] = []
    if (row.state === undefined) return run
    for (const [number, encoded] of lane.pushed) {
      if (number === seq) this.#reader.checkAgain(row, encoded)
      if (number <= seq) lane.pushed.delete(number)
    }
    for (let next = seq + 1; ; next++) {
      const encoded = lane.pushed.get(next)
      if (encoded === undefined) return run
      lane.pushed.delete(next)
      run.push(encoded)
    }
  }

  /**
   * After a change that this device made a post has to name the new membership: only then can nobody who was removed post behind it any more.
   * Derived from what is stored, so that a crash between change and post leaves nothing out.
   */
  async #tellAuthors(channel: ConversationId): Promise<void> {
    const { store, device, account } = this.#core
    const [row, log] = [await readChannel(store, channel), await readChannelLog(store, channel)]
    if (row?.state === undefined || log === undefined || log.by !== device || this.#outbox.next(channel) !== undefined) return
    const { seq, members } = log.group.state
    if (row.state.members.seq < seq && members.has(account)) await this.#outbox.add(channel, { kind: 'authors' })
  }

  /** Posts what waits, one after the other. False when that did not work out: it is tried again later. */
  async #post(lane: Lane, connection: Connection): Promise<boolean> {
    for (let waiting = this.#outbox.next(lane.channel); waiting !== undefined && this.#live; waiting = this.#outbox.next(lane.channel)) {
      const row = await readChannel(this.#core.store, lane.channel)
      if (row?.state === undefined) return false
      const { doomed } = lane
      lane.doomed = undefined
      if (doomed?.place === waiting.place) {
        await this.#outbox.fail(waiting, doomed.error)
        continue
      }
      const attempt = await this.#outbox.attempt(waiting.place, row.state, connection)
      if (attempt.status === 'posted') {
        const step = await this.#reader.posts(row, [attempt.bytes])
        lane.pushed.delete(row.state.seq + 1)
        if (step.status === 'failed') throw step.error
        lane.seq = Math.max(lane.seq, row.state.seq + 1)
      } else if (attempt.status !== 'again') {
        this.#later(lane, waiting, attempt)
        return false
      }
    }
    return true
  }

  /** Before the post is tried again the channel is read to its end: it may be there. */
  #later(lane: Lane, waiting: WaitingPost, attempt: Exclude<PostAttempt, { readonly status: 'posted' | 'again' }>): void {
    lane.mustLook = true
    lane.wanted = true
    switch (attempt.status) {
      case 'overtaken':
        lane.conflicts += 1
        if (lane.conflicts >= FOLLOWER_LIMITS.conflictsMax) this.#backOff(lane, undefined)
        return
      case 'unknown':
        this.#backOff(lane, attempt.retryAfterMs)
        return
      case 'refused':
        lane.doomed = { place: waiting.place, error: attempt.error }
        return
      default:
        attempt satisfies never
    }
  }

  #backOff(lane: Lane, retryAfterMs: number | undefined): void {
    lane.wanted = true
    if (!this.#live) return
    const capMs = Math.min(FOLLOWER_LIMITS.backoffMsMax, FOLLOWER_LIMITS.backoffMs * 2 ** lane.failures)
    lane.failures = Math.min(lane.failures + 1, 16)
    const delayMs = (retryAfterMs ?? 0) + unitInterval(this.#core.random) * capMs
    lane.wait?.cancel()
    lane.wait = this.#core.clock.after(delayMs, () => {
      lane.wait = undefined
      this.#pump()
    })
  }

  #wakeWaiters(lane: Lane): void {
    for (const waiter of lane.waiters) waiter.resolve()
    lane.waiters = []
  }
}

/** Number of the newest post that was verified. */
function verifiedSeqOf({ state, verified }: ChannelRow): number {
  return (verified ?? state)?.seq ?? 0
}

function decodeSeq(encoded: Uint8Array): number {
  try {
    return decodeChannelPost(encoded).seq
  } catch (error) {
    // What does not parse is for the reader to tell.
    if (isEvegramError(error)) return Number.MAX_SAFE_INTEGER
    throw error
  }
}
