import { isEvegramError, type AccountId, type ConversationId, type ErrorCode } from '@evegram/protocol'
import type { Client } from '../client.js'
import type { Channel } from '../channel.js'
import type { Conversation } from '../conversation.js'
import type { ChannelPostShown } from '../core/channel-row.js'
import type { Message } from '../core/message.js'
import type { Group } from '../group.js'
import { Observable, type Readable } from './observable.js'

/** A conversation as a list shows it. */
export interface ConversationSummary {
  readonly id: ConversationId
  readonly kind: 'direct' | 'group' | 'channel'
  /** Name of a group or channel, empty while it is not known; address of the other side otherwise. */
  readonly title: string
  /** The other side of a direct conversation. */
  readonly peer?: { readonly account: AccountId; readonly address: string }
  /** The newest message, or post. */
  readonly last?: Message
  readonly lastPost?: ChannelPostShown
  /** When something was said last, in ms since 1970; 0: never. */
  readonly atMs: number
  /** Incoming messages and posts since the conversation was looked at last. */
  readonly unread: number
}

/** All conversations of a profile, for a list. */
export interface ConversationsView {
  readonly status: 'loading' | 'ready' | 'failed'
  /** The one that was active last first. */
  readonly conversations: readonly ConversationSummary[]
  readonly code?: ErrorCode
}

const EMPTY: ConversationsView = { status: 'loading', conversations: [] }

/** Keeps the list of conversations up to date by the events of a client. Lives as long as the client. */
export class ConversationList implements Readable<ConversationsView> {
  readonly #client: Client
  readonly #view = new Observable<ConversationsView>(EMPTY)
  readonly #rows = new Map<ConversationId, ConversationSummary>()
  readonly #seen = new Set<ConversationId>()
  #reading: Promise<void> | undefined
  #again = false

  constructor(client: Client) {
    this.#client = client
    client.on('message', (message) => { this.#said(message) })
    client.on('message-state', ({ conversation, messageId, state }) => {
      const row = this.#rows.get(conversation)
      if (row?.last?.messageId === messageId) this.#put({ ...row, last: { ...row.last, state } })
    })
    client.on('message-changed', ({ message }) => {
      const row = this.#rows.get(message.conversation)
      if (row?.last?.messageId === message.messageId) this.#put({ ...row, last: message })
    })
    client.on('message-expired', ({ conversation, messageId }) => {
      const row = this.#rows.get(conversation)
      if (row?.last?.messageId !== messageId) return
      const { last: _gone, ...rest } = row
      this.#put({ ...rest, atMs: 0 })
      void this.refresh()
    })
    client.on('channel-post', (post) => { this.#posted(post, post.name) })
    client.on('group-changed', () => { void this.refresh() })
    client.on('group-named', ({ conversation, name }) => {
      const row = this.#rows.get(conversation)
      if (row === undefined) void this.refresh()
      else this.#put({ ...row, title: name })
    })
    client.on('channel-changed', () => { void this.refresh() })
    void this.refresh()
  }

  readonly subscribe = (changed: () => void): (() => void) => this.#view.subscribe(changed)
  readonly getSnapshot = (): ConversationsView => this.#view.getSnapshot()

  /** Reads all of them from the store again: after one was opened, founded, followed or left. */
  refresh(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true
      return this.#reading
    }
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined
      if (!this.#again) return
      this.#again = false
      void this.refresh()
    })
    return this.#reading
  }

  /** The conversation is looked at: what comes is read until `unwatch`. */
  watch(id: ConversationId): () => void {
    this.#seen.add(id)
    const row = this.#rows.get(id)
    if (row !== undefined && row.unread > 0) this.#put({ ...row, unread: 0 })
    return () => { this.#seen.delete(id) }
  }

  async #read(): Promise<void> {
    try {
      const [direct, groups, channels] = [await this.#client.conversations(), await this.#client.groups(), await this.#client.channels()]
      const rows = await Promise.all([...direct.map((one) => this.#ofDirect(one)), ...groups.map((one) => this.#ofGroup(one)), ...channels.map((one) => this.#ofChannel(one))])
      const [before, wasReady] = [new Map(this.#rows), this.#view.getSnapshot().status === 'ready']
      this.#rows.clear()
      for (const row of rows) {
        // What was told while this was read is newer.
        const known = before.get(row.id)
        this.#rows.set(row.id, known !== undefined && known.atMs > row.atMs ? { ...row, ...lastOf(known) } : { ...row, unread: known?.unread ?? (wasReady && isUnread(row) && !this.#seen.has(row.id) ? 1 : 0) })
      }
      this.#show('ready')
    } catch (error) {
      this.#view.set({ ...this.#view.getSnapshot(), status: 'failed', code: isEvegramError(error) ? error.code : 'internal' })
    }
  }

  async #ofDirect(conversation: Conversation): Promise<ConversationSummary> {
    const { id, peer } = conversation
    return { id, kind: 'direct', title: peer.address, peer, unread: 0, ...(await lastMessage(conversation)) }
  }

  async #ofGroup(group: Group): Promise<ConversationSummary> {
    return { id: group.id, kind: 'group', title: await group.name(), unread: 0, ...(await lastMessage(group)) }
  }

  async #ofChannel(channel: Channel): Promise<ConversationSummary> {
    const [lastPost] = await channel.posts({ limit: 1 })
    return { id: channel.id, kind: 'channel', title: await channel.name(), unread: 0, atMs: lastPost?.atMs ?? 0, ...(lastPost === undefined ? {} : { lastPost }) }
  }

  #said(message: Message): void {
    const row = this.#rows.get(message.conversation)
    if (row === undefined) {
      void this.refresh()
      return
    }
    const isNews = message.direction === 'in' && !this.#seen.has(row.id)
    const isLast = row.last === undefined || message.order >= row.last.order
    this.#put({ ...row, ...(isLast ? { last: message, atMs: message.sentAtMs } : {}), unread: row.unread + (isNews ? 1 : 0) })
  }

  #posted(post: ChannelPostShown, name: string): void {
    const row = this.#rows.get(post.channel)
    if (row === undefined) {
      void this.refresh()
      return
    }
    const isNews = post.by !== this.#client.account && !this.#seen.has(row.id)
    const isLast = row.lastPost === undefined || post.seq >= row.lastPost.seq
    this.#put({ ...row, title: name === '' ? row.title : name, ...(isLast ? { lastPost: post, atMs: post.atMs } : {}), unread: row.unread + (isNews ? 1 : 0) })
  }

  #put(row: ConversationSummary): void {
    this.#rows.set(row.id, row)
    this.#show(this.#view.getSnapshot().status)
  }

  #show(status: ConversationsView['status']): void {
    this.#view.set({ status, conversations: [...this.#rows.values()].sort((left, right) => right.atMs - left.atMs || (left.id < right.id ? -1 : 1)) })
  }
}

/** Of a conversation that was not known a moment ago: what made it known is new. */
function isUnread({ last }: ConversationSummary): boolean {
  return last?.direction === 'in'
}

function lastOf({ last, lastPost, atMs, unread }: ConversationSummary): Pick<ConversationSummary, 'last' | 'lastPost' | 'atMs' | 'unread'> {
  return { atMs, unread, ...(last === undefined ? {} : { last }), ...(lastPost === undefined ? {} : { lastPost }) }
}

async function lastMessage(conversation: Pick<Conversation, 'history'>): Promise<Pick<ConversationSummary, 'last' | 'atMs'>> {
  const [last] = await conversation.history(1)
  return last === undefined ? { atMs: 0 } : { last, atMs: last.sentAtMs }
}
