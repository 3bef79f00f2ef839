import { isEvegramError, type ErrorCode } from '@evegram/protocol'
import type { Client } from '../client.js'
import type { Conversation } from '../conversation.js'
import type { Message, MessageReceipts } from '../core/message.js'
import type { MessagePlace } from '../core/message-page.js'
import { Observable, type Readable } from './observable.js'

/** The part of a conversation that is in memory, for a view that scrolls. */
export interface MessagesView {
  readonly status: 'loading' | 'ready' | 'failed'
  /** In their order, the oldest first, without holes. */
  readonly messages: readonly Message[]
  /** Whether there are stored messages before the first, or behind the last. */
  readonly hasOlder: boolean
  readonly hasNewer: boolean
  /** Why it could not be read, with `failed`. */
  readonly code?: ErrorCode
}

/** What a window is made for: a conversation whose messages can be read. */
export type ReadableConversation = Pick<Conversation, 'id' | 'history' | 'receiptsOf'>

/** Sizes of a window, in messages. */
export interface WindowSizes {
  /** Read at a time. */
  readonly page: number
  /** Kept in memory: what goes beyond leaves at the other end, and comes back when it is scrolled to. */
  readonly max: number
}

/** Sizes that keep a page of any length fluent: what is read at a time is rendered at a time, within a frame or two of a slow machine. */
export const WINDOW_SIZES: WindowSizes = { page: 20, max: 120 }

/** Events that are kept while the store is read; past it, it is read once more. */
const TOLD_MAX = 500

const EMPTY: MessagesView = { status: 'loading', messages: [], hasOlder: false, hasNewer: false }

/**
 * A window onto the messages of a conversation: bounded however long the conversation is, kept up to date by the events of the client. Reads come one after
 * the other. `close` it when it is not needed any more.
 */
export class MessageWindow implements Readable<MessagesView> {
  readonly #client: Pick<Client, 'on'>
  readonly #find: () => Promise<ReadableConversation>
  readonly #sizes: WindowSizes
  readonly #view = new Observable<MessagesView>(EMPTY)
  readonly #stops: readonly (() => void)[]
  #conversation: ReadableConversation | undefined
  /** Pages that are being read. */
  #older: Promise<void> | undefined
  #newer: Promise<void> | undefined
  #reading: Promise<void>
  /** What others received is to be read, once however often it changed meanwhile. */
  #receiving = false
  /** What was told while the store was read, which may have been read before it: done once more then. */
  #during: (() => void)[] | undefined

  constructor(client: Pick<Client, 'on'>, id: Conversation['id'], find: () => Promise<ReadableConversation>, sizes: WindowSizes = WINDOW_SIZES) {
    this.#client = client
    this.#find = find
    this.#sizes = sizes
    this.#stops = [
      this.#client.on('message', (message) => { if (message.conversation === id) this.#told(() => { this.#take(message) }) }),
      this.#client.on('message-state', ({ messageId, conversation, state }) => {
        if (conversation === id) this.#told(() => { this.#change(messageId, (message) => ({ ...message, state })) })
      }),
      this.#client.on('message-expired', ({ conversation, messageId }) => { if (conversation === id) this.#told(() => { this.#remove(messageId) }) }),
      this.#client.on('message-changed', ({ message }) => {
        // An event says what a message says, and not who read it.
        if (message.conversation === id) this.#told(() => { this.#change(message.messageId, ({ receipts }) => (receipts === undefined ? message : { ...message, receipts })) })
      }),
      this.#client.on('history-imported', () => { void this.#again() }),
      this.#client.on('receipts-changed', ({ conversation }) => { if (conversation === id) this.#receive() }),
    ]
    this.#reading = this.#latest()
  }

  readonly subscribe = (changed: () => void): (() => void) => this.#view.subscribe(changed)
  readonly getSnapshot = (): MessagesView => this.#view.getSnapshot()

  /** Whether a component shows it. */
  get isWatched(): boolean {
    return this.#view.isWatched
  }

  /** Reads the page before the first message; nothing where there is none. Asked for again before it is there, it is read once. */
  loadOlder(): Promise<void> {
    this.#older ??= this.#next(async (conversation, view) => {
      const [first] = view.messages
      if (!view.hasOlder || first === undefined) return
      const older = await conversation.history(this.#sizes.page, { before: first })
      const current = this.#view.getSnapshot()
      const messages = [...older, ...current.messages]
      this.#view.set({
        ...current, messages: messages.slice(0, this.#sizes.max), hasOlder: older.length === this.#sizes.page,
        hasNewer: current.hasNewer || messages.length > this.#sizes.max,
      })
    }).finally(() => { this.#older = undefined })
    return this.#older
  }

  /** Reads the page behind the last message; nothing where there is none. Asked for again before it is there, it is read once. */
  loadNewer(): Promise<void> {
    this.#newer ??= this.#next(async (conversation, view) => {
      const last = view.messages.at(-1)
      if (!view.hasNewer || last === undefined) return
      const newer = await conversation.history(this.#sizes.page, { after: last })
      const current = this.#view.getSnapshot()
      const messages = [...current.messages, ...newer]
      this.#view.set({
        ...current, messages: messages.slice(-this.#sizes.max), hasNewer: newer.length === this.#sizes.page,
        hasOlder: current.hasOlder || messages.length > this.#sizes.max,
      })
    }).finally(() => { this.#newer = undefined })
    return this.#newer
  }

  /** Shows the newest messages, wherever the window was; also reads again after a failure. */
  showLatest(): Promise<void> {
    if (this.#view.getSnapshot().status === 'ready' && !this.#view.getSnapshot().hasNewer) return this.#reading
    this.#reading = this.#reading.then(() => this.#latest())
    return this.#reading
  }

  /** Reads again what is shown, after something changed that no event of one message tells. */
  refresh(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#latest())
    return this.#reading
  }

  close(): void {
    for (const stop of this.#stops) stop()
  }

  #latest(): Promise<void> {
    return this.#replace(async () => {
      this.#conversation ??= await this.#find()
      const messages = await this.#conversation.history(this.#sizes.page)
      return { status: 'ready', messages, hasOlder: messages.length === this.#sizes.page, hasNewer: false }
    })
  }

  /** Reads what is shown once more, as much of it: an archive brought messages before and between. */
  #again(): Promise<void> {
    return this.#next((conversation, view) => this.#replace(async () => {
      const count = Math.max(this.#sizes.page, view.messages.length)
      const last = view.hasNewer ? view.messages.at(-1) : undefined
      const messages = last === undefined ? await conversation.history(count) : [...await conversation.history(count - 1, { before: last }), last]
      return { ...view, messages, hasOlder: messages.length === count }
    }))
  }

  /** Shows what `read` gives in place of what is shown, and on it what was told meanwhile. */
  async #replace(read: () => Promise<MessagesView>): Promise<void> {
    const during: (() => void)[] = []
    this.#during = during
    try {
      const view = await read()
      this.#during = undefined
      this.#view.set(view)
      for (const tell of during) tell()
      if (during.length >= TOLD_MAX) void this.refresh()
    } catch (error) {
      this.#during = undefined
      this.#view.set({ ...EMPTY, status: 'failed', code: isEvegramError(error) ? error.code : 'internal' })
    }
  }

  #told(tell: () => void): void {
    tell()
    if (this.#during !== undefined && this.#during.length < TOLD_MAX) this.#during.push(tell)
  }

  /** Reads again what others received and read of what is shown. */
  #receive(): void {
    if (this.#receiving) return
    this.#receiving = true
    void this.#next(async (conversation) => {
      // What changes while this is read is read once more.
      this.#receiving = false
      const found = await conversation.receiptsOf(this.#view.getSnapshot().messages)
      const view = this.#view.getSnapshot()
      this.#view.set({
        ...view, messages: view.messages.map((message) => {
          const receipts = found.get(message.messageId)
          return receipts === undefined || isSame(receipts, message.receipts) ? message : { ...message, receipts }
        }),
      })
    }).finally(() => { this.#receiving = false })
  }

  /** One read after the other: two that overlap would make holes. */
  #next(read: (conversation: ReadableConversation, view: MessagesView) => Promise<void>): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      const view = this.#view.getSnapshot()
      if (this.#conversation === undefined || view.status !== 'ready') return
      try {
        await read(this.#conversation, view)
      } catch (error) {
        this.#view.set({ ...EMPTY, status: 'failed', code: isEvegramError(error) ? error.code : 'internal' })
      }
    })
    return this.#reading
  }

  #take(message: Message): void {
    const view = this.#view.getSnapshot()
    if (view.status !== 'ready') return
    if (view.messages.some(({ messageId }) => messageId === message.messageId)) return
    const at = placeOf(view.messages, message)
    const isBehind = at === view.messages.length
    // Behind the last shown one there may be others that are not in memory; before the first one likewise.
    if (isBehind && view.hasNewer) return
    if (at === 0 && view.hasOlder) return
    const messages = [...view.messages.slice(0, at), message, ...view.messages.slice(at)]
    const surplus = messages.length - this.#sizes.max
    // The oldest go: who looks at older ones has `hasNewer` and gets nothing here.
    this.#view.set(surplus > 0 ? { ...view, messages: messages.slice(surplus), hasOlder: true } : { ...view, messages })
  }

  #remove(id: Message['messageId']): void {
    const view = this.#view.getSnapshot()
    const messages = view.messages.filter(({ messageId }) => messageId !== id)
    if (messages.length < view.messages.length) this.#view.set({ ...view, messages })
  }

  #change(id: Message['messageId'], change: (message: Message) => Message): void {
    const view = this.#view.getSnapshot()
    const at = view.messages.findIndex(({ messageId }) => messageId === id)
    const known = view.messages[at]
    if (known === undefined) return
    this.#view.set({ ...view, messages: view.messages.with(at, change(known)) })
  }
}

function isSame(one: MessageReceipts, other: MessageReceipts | undefined): boolean {
  return one.deliveredTo === other?.deliveredTo && one.readBy === other.readBy && one.of === other.of
}

/** Where `message` belongs among `sorted`. New ones belong at the end, so that is where the search begins. */
function placeOf(sorted: readonly Message[], message: Message): number {
  let at = sorted.length
  for (let before = sorted[at - 1]; before !== undefined && isBefore(message, before); before = sorted[at - 1]) at -= 1
  return at
}

/** The order of conversations: (order, device, epoch, number). */
function isBefore(left: MessagePlace, right: MessagePlace): boolean {
  if (left.order !== right.order) return left.order < right.order
  if (left.fromDevice !== right.fromDevice) return left.fromDevice < right.fromDevice
  return left.epoch !== right.epoch ? left.epoch < right.epoch : left.number < right.number
}
