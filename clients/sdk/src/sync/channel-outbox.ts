import {
  channelPostHash, decodeChannelPost, draftChannelPost, encodeChannelBody, equalBytes, EvegramError, isEvegramError, LIMITS, sealChannelPost,
  type ChannelPost, type ChannelState, type ConversationId,
} from '@evegram/protocol'
import { readChannel, readChannelLog, type ChannelLogRow } from '../core/channel-row.js'
import type { ChannelLogs } from '../core/channel-logs.js'
import type { Core } from '../core/context.js'
import { Deferred } from '../core/deferred.js'
import type { Transaction } from '../core/transaction.js'
import { sealChannelBody } from '../crypto/channel-cipher.js'
import { signWithSigning } from '../crypto/device-keys.js'
import type { Connection } from '../transport/connection.js'
import { listWaitingPosts, readWaitingPost, removeWaitingPost, takePlace, writeWaitingPost, type WaitingPost } from './channel-outbox-row.js'

/** Posts of all channels that wait for the server; past it `post` rejects with `limited.queue`. */
export const WAITING_POSTS_MAX = 256
/** A signed post that is older than this is signed anew before it goes again: the server takes none that is much older. */
const SIGNED_MS = LIMITS.challengeMs / 2

/** A post that the server stored. */
export interface Posted {
  readonly seq: number
}

/** What became of one attempt to post. */
export type PostAttempt =
  /** It is in the channel: these are its bytes. */
  | { readonly status: 'posted'; readonly bytes: Uint8Array }
  /** Something was put right, or it does not wait any more: go on at once. */
  | { readonly status: 'again' }
  /** Another post has the number: read it, then go on. */
  | { readonly status: 'overtaken' }
  /** Nobody knows whether it was stored: read the channel before anything else. */
  | { readonly status: 'unknown'; readonly retryAfterMs?: number }
  /** The server will never take it. What left before may be stored all the same: read the channel, then give it up. */
  | { readonly status: 'refused'; readonly error: EvegramError }

/**
 * Own posts that wait for the server; durable, in the order in which they were written within a channel.
 *
 * A post is never in a channel twice, whatever was lost on the way: its body stays the same, every number of a channel is taken once, and this
 * device signs a post for another number only when it has verified that its former number was taken by something else.
 */
export class ChannelOutbox {
  readonly #core: Core
  readonly #logs: ChannelLogs
  readonly #waiting = new Map<ConversationId, WaitingPost[]>()
  readonly #waiters = new Map<number, Deferred<Posted>>()
  #size = 0
  #closed = false

  constructor(core: Core, logs: ChannelLogs) {
    this.#core = core
    this.#logs = logs
  }

  /** Reads what the last run left. Call once, before anything else. */
  async load(): Promise<void> {
    for (const row of await listWaitingPosts(this.#core.store, WAITING_POSTS_MAX)) this.#push(row)
  }

  /** Posts that wait. */
  get size(): number {
    return this.#size
  }

  /** The post of a channel whose turn it is. */
  next(channel: ConversationId): WaitingPost | undefined {
    return this.#waiting.get(channel)?.[0]
  }

  /**
   * Writes a post to be posted; `posted` settles once the server stored it or never will, or with `client.closed`. Rejects `limited.queue`,
   * `too_large.channel_post`, `not_found.conversation` for a channel that is not followed.
   */
  async add(channel: ConversationId, content: { readonly kind: 'text'; readonly text: string } | { readonly kind: 'authors' }): Promise<{ readonly posted: Promise<Posted> }> {
    return this.#core.local.write(async (tx) => this.stage(tx, channel, content))
  }

  /** As {@link add}, as part of a transaction. */
  async stage(
    tx: Transaction, channel: ConversationId, content: { readonly kind: 'text'; readonly text: string } | { readonly kind: 'authors' },
  ): Promise<{ readonly posted: Promise<Posted> }> {
    if (this.#closed) throw new EvegramError('client.closed', { operation: 'post' })
    if (this.#size >= WAITING_POSTS_MAX) throw new EvegramError('limited.queue', { operation: 'post', details: { waitingMax: WAITING_POSTS_MAX } })
    const row = await readChannel(tx, channel)
    if (row === undefined) throw new EvegramError('not_found.conversation', { operation: 'post', advice: 'This profile does not follow the channel.' })
    const { device, random } = this.#core
    const body = sealChannelBody(row.key, { channel, device }, { ...content, name: row.name }, random)
    const waiting: WaitingPost = {
      place: await takePlace(tx), channel, kind: content.kind, text: content.kind === 'text' ? content.text : '', body, signed: undefined,
    }
    writeWaitingPost(tx, waiting)
    const waiter = new Deferred<Posted>()
    tx.afterCommit(() => {
      this.#waiters.set(waiting.place, waiter)
      this.#push(waiting)
    })
    return { posted: waiter.promise }
  }

  /** An own post was found in the verified chain: its row goes with `tx`. */
  noteInChain(tx: Transaction, post: ChannelPost): void {
    if (post.author.device !== this.#core.device) return
    const row = this.#waiting.get(post.channel)?.find(({ body }) => equalBytes(body, post.body))
    if (row === undefined) return
    removeWaitingPost(tx, row.place)
    tx.afterCommit(() => { this.#drop(row, (waiter) => { waiter.resolve({ seq: post.seq }) }) })
  }

  /**
   * Posts `from` to `to` of a channel will never be seen here. What may be among them must not be posted a second time, and is given up with
   * `tx`, as `timeout`.
   */
  noteGap(tx: Transaction, channel: ConversationId, from: number, to: number): void {
    for (const row of this.#waiting.get(channel) ?? []) {
      const seq = row.signed === undefined ? 0 : decodeChannelPost(row.signed).seq
      if (seq >= from && seq <= to) this.#stageFailure(tx, row, new EvegramError('timeout', { operation: 'post' }))
    }
  }

  /** Gives a post up. Durable when resolved. */
  async fail(row: WaitingPost, error: EvegramError): Promise<void> {
    await this.#core.local.write((tx) => {
      this.#stageFailure(tx, row, error)
      return Promise.resolve()
    })
  }

  /** The channel is left: what waits for it goes with `tx`. */
  abandon(tx: Transaction, channel: ConversationId): void {
    for (const row of this.#waiting.get(channel) ?? []) this.#stageFailure(tx, row, new EvegramError('not_found.conversation', { operation: 'post' }))
  }

  /** Those who wait are told `client.closed`; the rows stay for the next run. */
  close(): void {
    this.#closed = true
    for (const waiter of this.#waiters.values()) waiter.reject(new EvegramError('client.closed', { operation: 'post' }))
    this.#waiters.clear()
  }

  /**
   * Offers a post to follow `state`, which has to be the newest that is verified here. The bytes are durable before they leave.
   * Rejects when the local store fails, or the own log or the log of the authors cannot be had.
   */
  async attempt(place: number, state: ChannelState, connection: Connection): Promise<PostAttempt> {
    const row = await readWaitingPost(this.#core.store, place)
    const log = await readChannelLog(this.#core.store, state.channel)
    if (row === undefined || log === undefined) return { status: 'again' }
    if (!log.group.state.members.has(this.#core.account)) return this.#checkAuthor(state.channel)
    const bytes = this.#isUsable(row, state, log) ? row.signed : await this.#sign(row, state, log)
    try {
      await connection.post(bytes)
      return { status: 'posted', bytes }
    } catch (error) {
      if (!isEvegramError(error)) throw error
      return this.#judge(error, row)
    }
  }

  async #judge(error: EvegramError, row: WaitingPost): Promise<PostAttempt> {
    switch (error.code) {
      case 'conflict.channel_head':
        return { status: 'overtaken' }
      case 'stale.membership':
        await this.#logs.refresh(row.channel)
        return { status: 'overtaken' }
      case 'denied.not_author':
        return this.#checkAuthor(row.channel)
      case 'conflict.log_head':
      case 'account.log_rolled_back':
      case 'account.device_unknown':
        // The server knows a newer state of this account: the next attempt names it.
        await this.#core.roster.refresh(this.#core.account)
        return { status: 'unknown' }
      case 'proof.expired':
      case 'proof.not_yet_valid':
        // Signed anew, for the same number, once it is old enough: at most one of both is ever stored.
      case 'client.closed':
        return { status: 'unknown' }
      default:
        if (error.retry === 'never' || error.retry === 'after_fix') return { status: 'refused', error }
        return { status: 'unknown', ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) }
    }
  }

  /** Who may not post as far as is known here may have been made an author since, or the other way round. */
  async #checkAuthor(channel: ConversationId): Promise<PostAttempt> {
    const { group } = await this.#logs.refresh(channel)
    if (group.state.members.has(this.#core.account)) return { status: 'unknown' }
    return { status: 'refused', error: new EvegramError('denied.not_author', { operation: 'post' }) }
  }

  #isUsable(row: WaitingPost, state: ChannelState, log: ChannelLogRow): row is WaitingPost & { readonly signed: Uint8Array } {
    if (row.signed === undefined) return false
    const { seq, prev, members, author, atMs } = decodeChannelPost(row.signed)
    const { account, roster, time } = this.#core
    return seq === state.seq + 1 && equalBytes(prev, state.head) && members.seq === log.group.state.seq && author.log.seq === roster.headOf(account).seq
      && Math.abs(time.now() - atMs) < SIGNED_MS
  }

  /** Signs the post under the number behind `state`, durably. Its former number, if it had one, is verified to be taken, or is the same. */
  async #sign(row: WaitingPost, state: ChannelState, log: ChannelLogRow): Promise<Uint8Array> {
    const { account, device, roster, time, keys, local } = this.#core
    const own = roster.headOf(account)
    const { seq, head } = log.group.state
    const draft = draftChannelPost(state, {
      author: { account, device, log: { seq: own.seq, head: own.head } }, members: { seq, head }, atMs: time.now(), body: row.body,
    })
    const signed = sealChannelPost(draft, signWithSigning(keys, channelPostHash(draft)))
    await local.write((tx) => {
      this.#replace(tx, { ...row, signed })
      return Promise.resolve()
    })
    return signed
  }

  #replace(tx: Transaction, row: WaitingPost): void {
    writeWaitingPost(tx, row)
    tx.afterCommit(() => {
      const lane = this.#waiting.get(row.channel) ?? []
      const index = lane.findIndex(({ place }) => place === row.place)
      if (index >= 0) lane[index] = row
    })
  }

  #stageFailure(tx: Transaction, row: WaitingPost, error: EvegramError): void {
    removeWaitingPost(tx, row.place)
    tx.afterCommit(() => {
      if (row.kind === 'text') this.#core.events.emit('channel-post-failed', { channel: row.channel, text: row.text, error })
      this.#drop(row, (waiter) => { waiter.reject(error) })
    })
  }

  #push(row: WaitingPost): void {
    const lane = this.#waiting.get(row.channel) ?? []
    lane.push(row)
    this.#waiting.set(row.channel, lane)
    this.#size += 1
  }

  #drop({ channel, place }: WaitingPost, settle: (waiter: Deferred<Posted>) => void): void {
    const lane = this.#waiting.get(channel) ?? []
    const index = lane.findIndex((row) => row.place === place)
    if (index >= 0) {
      lane.splice(index, 1)
      this.#size -= 1
    }
    if (lane.length === 0) this.#waiting.delete(channel)
    const waiter = this.#waiters.get(place)
    this.#waiters.delete(place)
    if (waiter !== undefined) settle(waiter)
  }
}

/** Throws `invalid.argument` or `too_large.channel_post` for a text that no post may have. */
export function checkPostText(text: string): void {
  if (text === '') throw new EvegramError('invalid.argument', { operation: 'post', advice: 'A post has at least one character.' })
  encodeChannelBody({ kind: 'text', name: '', text })
}
