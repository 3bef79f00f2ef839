import {
  channelHeadOf, decodeChannelPost, emptyChannelState, equalBytes, isEvegramError,
  type ChannelHead, type ChannelPage, type ChannelPost, type ChannelState, type ConversationId, type ErrorCode, type EvegramError, type GroupRole,
} from '@evegram/protocol'
import type { ChannelLogs } from '../core/channel-logs.js'
import {
  CHANNEL_POSTS_KEPT_MAX, channelPostKeyOf, channelPostPrefix, readChannel, readChannelLog, removeChannelGap, writeChannel, writeChannelGap,
  writeChannelPost, CHANNEL_GAPS_KEPT_MAX, listChannelGaps,
  type ChannelGap, type ChannelPostShown, type ChannelRow,
} from '../core/channel-row.js'
import type { Core } from '../core/context.js'
import type { Transaction } from '../core/transaction.js'
import { openChannelBody } from '../crypto/channel-cipher.js'
import type { ChannelOutbox } from './channel-outbox.js'
import { verifyPosts, type VerifyStop } from './channel-verify.js'

/** How exactly the last confirmation of a head is kept: it only decides whether what is missing can be older than the retention. */
const CONFIRMED_STEP_MS = 3_600_000
/** Posts may be gone a little before the retention is over here: clocks differ, and confirmations are kept by the hour. */
const RETENTION_SLACK_MS = 2 * CONFIRMED_STEP_MS
/** Posts beyond the kept ones that one step forgets. */
const FORGOTTEN_PER_STEP_MAX = 128

/** How a step ended. `more`: the server names posts behind. `stuck`: what it shows does not lead on. */
export type ReadStep =
  | { readonly status: 'current' | 'more' | 'stuck'; readonly seq: number }
  | { readonly status: 'failed'; readonly error: EvegramError }

/** What one step makes durable. */
interface Advance {
  readonly before: ChannelRow
  /** What `state` goes on from; undefined: nothing. */
  readonly base: ChannelState | undefined
  readonly state: ChannelState
  readonly posts: readonly ChannelPost[]
  readonly gap: ChannelGap | undefined
  readonly confirmed: boolean
}

/** Where the posts of a page begin. */
type Entry =
  | { readonly status: 'enter'; readonly base: ChannelState | undefined; readonly state: ChannelState; readonly gap?: ChannelGap }
  | { readonly status: 'withheld'; readonly gap: ChannelGap }
  | { readonly status: 'alarm'; readonly reason: string }

/**
 * Takes what a server shows of channels to the local store: verified post by post, every post shown once, in the transaction that moves the state
 * of its channel. One step at a time for each channel: its caller sees to that.
 */
export class ChannelReader {
  readonly #core: Core
  readonly #logs: ChannelLogs
  readonly #outbox: ChannelOutbox
  /** What was told last about a channel that does not go on, so that it is told once. */
  readonly #told = new Map<ConversationId, string>()

  constructor(core: Core, logs: ChannelLogs, outbox: ChannelOutbox) {
    this.#core = core
    this.#logs = logs
    this.#outbox = outbox
  }

  /** Takes an answer to `follow` or `readChannel`, which named the newest verified post. `retentionMs`: as the server says. */
  async page(before: ChannelRow, page: ChannelPage, retentionMs: number): Promise<ReadStep> {
    if (page.channel !== before.channel) return this.#alarm(before, 'channel.log_invalid', 'the server shows another channel')
    const entry = enter(before, page, await this.#mayBeGone(before, retentionMs))
    if (entry.status === 'alarm') return this.#alarm(before, 'channel.log_invalid', entry.reason)
    if (entry.status === 'withheld') return this.#withheld(before, entry.gap)
    const { state, posts, stop } = await verifyPosts(this.#core, this.#logs, entry.state, page.posts)
    // A place is entered with the first post behind it that verifies: a forged one must not lead to nowhere for good.
    if (stop !== undefined && posts.length === 0) return this.#stop(before, stop)
    const isSame = state.seq === page.seq && equalBytes(state.head, page.head)
    await this.#keep({ before, base: entry.base, state, posts, gap: entry.gap, confirmed: isSame })
    if (stop !== undefined) return this.#stop({ ...before, state }, stop)
    if (state.seq === page.seq && !isSame) return this.#alarm({ ...before, state }, 'channel.log_invalid', 'the server names another head for the posts that it shows')
    if (state.seq >= page.seq) return { status: 'current', seq: state.seq }
    return { status: entry.base === undefined || state.seq > entry.base.seq ? 'more' : 'stuck', seq: state.seq }
  }

  /** Takes posts that follow the newest verified one, as they were pushed or stored. */
  async posts(before: ChannelRow, encoded: readonly Uint8Array[]): Promise<ReadStep> {
    const from = before.state ?? emptyChannelState(before.channel)
    const { state, posts, stop } = await verifyPosts(this.#core, this.#logs, from, encoded)
    await this.#keep({ before, base: from, state, posts, gap: undefined, confirmed: false })
    return stop === undefined ? { status: 'current', seq: state.seq } : this.#stop({ ...before, state }, stop)
  }

  /** Compares what the server says on its own about the end of a channel. True when there is more to be read. */
  async head(before: ChannelRow, head: ChannelHead): Promise<boolean> {
    const { state, verified } = before
    if (state === undefined || head.seq > state.seq) return true
    // What no post bears out is nothing to measure the server by.
    if (verified !== undefined && !(head.seq === state.seq && equalBytes(head.head, state.head))) return true
    // An older head was read before the newest post came, and travelled longer.
    if (head.seq < state.seq) return false
    if (equalBytes(head.head, state.head)) await this.#keep({ before, base: state, state, posts: [], gap: undefined, confirmed: true })
    else this.#alarm(before, 'channel.log_invalid', 'the server names another head than the one that it showed')
    return false
  }

  /** A pushed copy of the newest verified post has to be that post. */
  checkAgain(before: ChannelRow, encoded: Uint8Array): void {
    if (before.state !== undefined && !equalBytes(channelHeadOf(encoded), before.state.head)) {
      this.#alarm(before, 'channel.log_invalid', 'the server shows another post under a number that it showed before')
    }
  }

  /** Tells of a channel that the server denies or whose posts break a rule; once, until it goes on. */
  tell(row: Pick<ChannelRow, 'channel' | 'state'>, code: ErrorCode, reason: string): void {
    const { channel } = row
    if (this.#isTold(channel, `${String(row.state?.seq ?? 0)} ${code} ${reason}`)) return
    this.#core.events.emit('channel-alarm', { channel, code, reason })
  }

  /** Nothing is remembered of a channel that is not followed any more. */
  forget(channel: ConversationId): void {
    this.#told.delete(channel)
  }

  #alarm(row: ChannelRow, code: ErrorCode, reason: string): ReadStep {
    this.tell(row, code, reason)
    return { status: 'stuck', seq: row.state?.seq ?? 0 }
  }

  #stop(row: ChannelRow, stop: VerifyStop): ReadStep {
    return stop.kind === 'alarm' ? this.#alarm(row, stop.code, stop.reason) : { status: 'failed', error: stop.error }
  }

  async #withheld(before: ChannelRow, gap: ChannelGap): Promise<ReadStep> {
    const what = `withheld from ${String(gap.from)}`
    if (this.#told.get(gap.channel) !== what) {
      await this.#core.local.write((tx) => {
        writeChannelGap(tx, gap)
        // Told once it is durable: a disk that is full now may not be later.
        tx.afterCommit(() => {
          this.#told.set(gap.channel, what)
          this.#core.events.emit('channel-gap', gap)
        })
        return Promise.resolve()
      })
    }
    return { status: 'stuck', seq: before.state?.seq ?? 0 }
  }

  /** Whether posts that are missing behind what is known can be older than the retention: no post is older than its channel. */
  async #mayBeGone({ channel, confirmedAtMs }: ChannelRow, retentionMs: number): Promise<boolean> {
    const foundedAtMs = (await readChannelLog(this.#core.store, channel))?.foundedAtMs ?? 0
    return this.#core.time.now() - Math.max(confirmedAtMs, foundedAtMs) >= Math.max(0, retentionMs - RETENTION_SLACK_MS)
  }

  #isTold(channel: ConversationId, what: string): boolean {
    if (this.#told.get(channel) === what) return true
    this.#told.set(channel, what)
    return false
  }

  async #keep(advance: Advance): Promise<void> {
    const { before, base, state, posts, gap } = advance
    const nowMs = this.#core.time.now()
    const confirmedAtMs = advance.confirmed && nowMs - before.confirmedAtMs >= CONFIRMED_STEP_MS ? nowMs : before.confirmedAtMs
    // Where no post was verified on the way from what was, there is only the word of the server.
    const borneOut = before.verified ?? before.state ?? emptyChannelState(state.channel)
    const verified = posts.length > 0 || state.seq === borneOut.seq ? undefined : borneOut
    const isMoved = before.state === undefined || before.state.seq !== state.seq || !equalBytes(before.state.head, state.head)
    if (!isMoved && confirmedAtMs === before.confirmedAtMs) return
    if (isMoved) this.#told.delete(state.channel)
    const roles = (await readChannelLog(this.#core.store, state.channel))?.group.state.members
    await this.#core.local.write(async (tx) => {
      const row = await readChannel(tx, state.channel)
      // It was left meanwhile.
      if (row === undefined) return
      // What was withheld before is shown now, or is expired.
      removeChannelGap(tx, state.channel, (before.state?.seq ?? 0) + 1)
      removeChannelGap(tx, state.channel, (base?.seq ?? 0) + 1)
      if (gap !== undefined) await this.#keepGap(tx, gap)
      let { name } = row
      for (const post of posts) name = this.#show(tx, row, post, name, roles?.get(post.author.account)?.role)
      const { verified: _verified, ...others } = row
      writeChannel(tx, { ...others, state, name, confirmedAtMs, ...(verified === undefined ? {} : { verified }) })
      await this.#forgetOld(tx, state)
    })
  }

  /** Stages one post; returns the name of the channel behind it. */
  #show(tx: Transaction, row: ChannelRow, post: ChannelPost, name: string, role: GroupRole | undefined): string {
    const { events, roster } = this.#core
    const { channel, seq, author, atMs } = post
    this.#outbox.noteInChain(tx, post)
    const body = openChannelBody(row.key, { channel, device: author.device }, post.body)
    if (body === undefined) {
      const reason = `post ${String(seq)} is not encrypted with the key of the channel`
      tx.afterCommit(() => { events.emit('channel-alarm', { channel, code: 'invalid.channel_post', reason }) })
      return name
    }
    // Any author could call the channel anything; until an owner or admin did, any name is better than none.
    const named = body.name !== '' && (name === '' || role === 'owner' || role === 'admin') ? body.name : name
    if (named !== name) tx.afterCommit(() => { events.emit('channel-changed', { channel, name: named, version: post.members.seq, by: author.account, joined: [], left: [] }) })
    if (body.kind === 'authors') return named
    const shown: ChannelPostShown = {
      channel, seq, by: author.account, from: roster.addressOf(author.account), atMs, kind: body.kind, text: body.kind === 'text' ? body.text : '',
    }
    writeChannelPost(tx, shown)
    tx.afterCommit(() => { events.emit('channel-post', { ...shown, name: named }) })
    return named
  }

  async #keepGap(tx: Transaction, gap: ChannelGap): Promise<void> {
    const [oldest, ...others] = await listChannelGaps(this.#core.store, gap.channel)
    if (oldest !== undefined && others.length + 1 >= CHANNEL_GAPS_KEPT_MAX) removeChannelGap(tx, gap.channel, oldest.from)
    writeChannelGap(tx, gap)
    this.#outbox.noteGap(tx, gap.channel, gap.from, gap.to)
    tx.afterCommit(() => { this.#core.events.emit('channel-gap', gap) })
  }

  async #forgetOld(tx: Transaction, { channel, seq }: ChannelState): Promise<void> {
    if (seq <= CHANNEL_POSTS_KEPT_MAX) return
    const to = channelPostKeyOf(channel, seq - CHANNEL_POSTS_KEPT_MAX + 1)
    for (const { key } of await this.#core.store.list('channels', { from: channelPostPrefix(channel), to, limit: FORGOTTEN_PER_STEP_MAX })) tx.remove('channels', key)
  }
}

/** Where the posts of a page begin, seen from what is verified. `mayBeGone`: what is missing can be older than the retention. */
function enter({ channel, state, verified }: ChannelRow, page: ChannelPage, mayBeGone: boolean): Entry {
  const [bytes] = page.posts
  const first = bytes === undefined ? undefined : parsed(bytes)
  if (bytes !== undefined && first === undefined) return { status: 'alarm', reason: 'a post does not parse' }
  if (first !== undefined && first.channel !== channel) return { status: 'alarm', reason: 'the post belongs to another channel' }
  // Before the first post that is shown, or, when none is, behind the last that was there.
  const start = first === undefined ? { seq: page.seq, head: page.head } : { seq: first.seq - 1, head: first.prev }
  // What was said of the end before any post bore it out still holds.
  if (state !== undefined && verified !== undefined && start.seq === state.seq && equalBytes(start.head, state.head)) return { status: 'enter', base: state, state }
  const base = verified ?? state
  const known = base ?? emptyChannelState(channel)
  if (start.seq < known.seq) return { status: 'alarm', reason: 'the server shows an older channel than before' }
  // That what follows fits is judged with the posts themselves, and by the head.
  if (start.seq === known.seq) return { status: 'enter', base, state: known }
  const missing = { channel, from: known.seq + 1, to: start.seq }
  if (!mayBeGone) return { status: 'withheld', gap: { ...missing, reason: 'withheld' } }
  // What lies before is gone: number and hash are taken as they are named. Memberships and account logs that were named before stay known.
  const entered = { ...known, ...start }
  // Who is new misses nothing that it ever had.
  return base === undefined ? { status: 'enter', base, state: entered } : { status: 'enter', base, state: entered, gap: { ...missing, reason: 'expired' } }
}

function parsed(bytes: Uint8Array): ChannelPost | undefined {
  try {
    return decodeChannelPost(bytes)
  } catch (error) {
    if (isEvegramError(error)) return undefined
    throw error
  }
}
