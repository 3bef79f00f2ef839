import { isEvegramError, type AccountId, type ConversationId, type ErrorCode } from '@evegram/protocol'
import type { Client } from '../client.js'
import type { Conversation } from '../conversation.js'
import type { ChannelPostShown } from '../core/channel-row.js'
import type { Message } from '../core/message.js'
import { readMarks, saidAtMs, summaryOfChannel, summaryOfDirect, summaryOfGroup, type ConversationSummary } from './conversation-summary.js'
import { Observable, type Readable } from './observable.js'

/** All conversations of a profile, for a list. */
export interface ConversationsView {
  readonly status: 'loading' | 'ready' | 'failed'
  /** Pinned ones first, then the one that was active last. Those that wait as requests are not among them. */
  readonly conversations: readonly ConversationSummary[]
  readonly code?: ErrorCode
}

const EMPTY: ConversationsView = { status: 'loading', conversations: [] }
/** Conversations that are read at a time: a tab may have only so many calls under way. */
const READS_MAX = 32
/** Start of the keys of what is kept about a conversation; the rest is its id. */
const MARK_KEY = /^(?:read|draft|conversation\.(?:muted|pinned|archived))\/([0-9a-f]{32})$/

type Marked = Pick<Conversation, 'id' | 'unread' | 'draft' | 'flags' | 'markRead' | 'receiptsOf'>

/** Keeps the list of conversations up to date by the events of a client. Lives as long as the client. */
export class ConversationList implements Readable<ConversationsView> {
  readonly #client: Client
  readonly #view = new Observable<ConversationsView>(EMPTY)
  readonly #rows = new Map<ConversationId, ConversationSummary>()
  /** Those whose marks are registers, to read and raise them. */
  readonly #marked = new Map<ConversationId, Marked>()
  readonly #seen = new Set<ConversationId>()
  /** Reads of marks under way: `true` when they changed meanwhile. */
  readonly #markReads = new Map<ConversationId, boolean>()
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
      // An event says what a message says, and not who read it.
      if (row?.last?.messageId === message.messageId) this.#put({ ...row, last: { ...message, ...(row.last.receipts === undefined ? {} : { receipts: row.last.receipts }) } })
    })
    client.on('message-expired', ({ conversation, messageId }) => {
      const row = this.#rows.get(conversation)
      if (row?.last?.messageId !== messageId) return
      const { last: _gone, ...rest } = row
      this.#put({ ...rest, atMs: 0 })
      void this.refresh()
    })
    client.on('receipts-changed', ({ conversation }) => { this.#receive(conversation) })
    client.on('channel-post', (post) => { this.#posted(post, post.name) })
    client.on('group-changed', () => { void this.refresh() })
    client.on('group-named', ({ conversation, name }) => {
      const row = this.#rows.get(conversation)
      if (row === undefined) void this.refresh()
      else this.#put({ ...row, title: name })
    })
    client.on('channel-changed', () => { void this.refresh() })
    client.on('request-changed', () => { void this.refresh() })
    client.on('history-imported', () => { void this.refresh() })
    client.on('state-changed', ({ keys }) => { this.#keptOtherwise(keys) })
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

  /** The user looks at the newest of the conversation: what is there and what comes is read, on all own devices, until the returned function is called. */
  watch(id: ConversationId): () => void {
    this.#seen.add(id)
    this.#markRead(id)
    return () => { this.#seen.delete(id) }
  }

  async #read(): Promise<void> {
    try {
      const waiting = new Set((await this.#client.requests()).map(({ conversation }) => conversation))
      const [direct, groups, channels] = [await this.#client.conversations(), (await this.#client.groups()).filter(({ id }) => !waiting.has(id)), await this.#client.channels()]
      const names = await this.#names()
      for (const one of [...direct, ...groups]) this.#marked.set(one.id, one)
      const rows = await inParts([
        ...direct.map((one) => () => summaryOfDirect(one, names.get(one.peer.account))), ...groups.map((one) => () => summaryOfGroup(one)), ...channels.map((one) => () => summaryOfChannel(one)),
      ])
      const before = new Map(this.#rows)
      this.#rows.clear()
      for (const row of rows) {
        const known = before.get(row.id)
        const isNewer = known !== undefined && known.atMs > row.atMs
        // What was told while this was read is newer; posts that were not looked at are counted here alone.
        this.#rows.set(row.id, { ...row, ...(isNewer ? lastOf(known) : {}), ...(row.kind === 'channel' ? { unread: known?.unread ?? 0 } : {}) })
      }
      this.#show('ready')
      for (const id of this.#seen) this.#markRead(id)
    } catch (error) {
      this.#view.set({ ...this.#view.getSnapshot(), status: 'failed', code: isEvegramError(error) ? error.code : 'internal' })
    }
  }

  async #names(): Promise<ReadonlyMap<AccountId, string>> {
    const named = new Map<AccountId, string>()
    for (const { account, name } of await this.#client.contacts.list()) if (name !== undefined) named.set(account, name)
    return named
  }

  #said(message: Message): void {
    const row = this.#rows.get(message.conversation)
    if (row === undefined) {
      void this.refresh()
      return
    }
    const isLast = row.last === undefined || message.order >= row.last.order
    this.#put({ ...row, ...(isLast ? { last: message, atMs: saidAtMs(message) } : {}), unread: row.unread + (message.direction === 'in' ? 1 : 0) })
    // A count that is being read may or may not have it.
    if (this.#markReads.has(row.id)) this.#markReads.set(row.id, true)
    if (message.direction === 'in' && this.#seen.has(row.id)) this.#markRead(row.id)
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

  /** What others received and read of the last message. */
  #receive(id: ConversationId): void {
    const last = this.#rows.get(id)?.last
    const marked = this.#marked.get(id)
    if (last?.direction !== 'out' || marked === undefined) return
    marked.receiptsOf([last]).then((found) => {
      const [row, receipts] = [this.#rows.get(id), found.get(last.messageId)]
      if (row?.last?.messageId === last.messageId && receipts !== undefined) this.#put({ ...row, last: { ...row.last, receipts } })
      // What cannot be read stays as it was told; the next change reads it again.
    }, () => undefined)
  }

  #markRead(id: ConversationId): void {
    const row = this.#rows.get(id)
    if (row === undefined || row.unread === 0) return
    this.#put({ ...row, unread: 0 })
    // Where it cannot be kept, closed or full, the next look tries again; a try at once would be one for ever.
    this.#marked.get(id)?.markRead().catch(() => undefined)
  }

  /** Registers of this account changed, here or on another own device. */
  #keptOtherwise(keys: readonly string[]): void {
    for (const key of keys) {
      // The ids of rows are conversations; any other text finds none.
      const id = MARK_KEY.exec(key)?.[1] as ConversationId | undefined
      if (id !== undefined) this.#readMarks(id)
    }
    if (keys.some((key) => key.startsWith('contact.name/'))) this.#nameAgain()
  }

  #readMarks(id: ConversationId): void {
    const marked = this.#marked.get(id)
    if (marked === undefined) return
    if (this.#markReads.has(id)) {
      this.#markReads.set(id, true)
      return
    }
    this.#markReads.set(id, false)
    readMarks(marked).then((marks) => {
      const row = this.#rows.get(id)
      if (row !== undefined) this.#put({ ...row, ...marks })
      this.#marksRead(id)
      if (this.#seen.has(id)) this.#markRead(id)
      // What cannot be read stays as it was told; the next change reads it again.
    }, () => { this.#marksRead(id) })
  }

  #marksRead(id: ConversationId): void {
    const isStale = this.#markReads.get(id) === true
    this.#markReads.delete(id)
    if (isStale) this.#readMarks(id)
  }

  #nameAgain(): void {
    this.#names().then((names) => {
      for (const row of this.#rows.values()) {
        if (row.peer === undefined) continue
        const { name: _before, ...rest } = row
        const name = names.get(row.peer.account)
        this.#rows.set(row.id, { ...rest, ...(name === undefined ? {} : { name }) })
      }
      this.#show(this.#view.getSnapshot().status)
      // As above: names that cannot be read stay as they were.
    }, () => undefined)
  }

  #put(row: ConversationSummary): void {
    this.#rows.set(row.id, row)
    this.#show(this.#view.getSnapshot().status)
  }

  #show(status: ConversationsView['status']): void {
    const conversations = [...this.#rows.values()].sort((left, right) => Number(right.flags.pinned) - Number(left.flags.pinned) || right.atMs - left.atMs || (left.id < right.id ? -1 : 1))
    this.#view.set({ status, conversations })
  }
}

function lastOf({ last, lastPost, atMs, unread }: ConversationSummary): Pick<ConversationSummary, 'last' | 'lastPost' | 'atMs' | 'unread'> {
  return { atMs, unread, ...(last === undefined ? {} : { last }), ...(lastPost === undefined ? {} : { lastPost }) }
}

/** Runs reads, so many at a time; results in the order of the reads. */
async function inParts<Value>(reads: readonly (() => Promise<Value>)[]): Promise<readonly Value[]> {
  const results: Value[] = []
  for (let at = 0; at < reads.length; at += READS_MAX) results.push(...await Promise.all(reads.slice(at, at + READS_MAX).map((read) => read())))
  return results
}
