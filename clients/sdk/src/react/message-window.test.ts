import { EvegramError } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../client.js'
import type { Message, MessageReceipts } from '../core/message.js'
import type { HistoryPlace } from '../core/message-page.js'
import { MessageWindow, type ReadableConversation } from './message-window.js'

const SIZES = { page: 4, max: 10 }

/** A conversation of texts 1, 2, 3, ... in memory, and the events of a client. */
class Stored {
  readonly messages: Message[] = []
  readonly #listeners = new Map<string, (event: never) => void>()
  reads = 0
  fails = false
  /** Called when something was read, before whoever asked has it. */
  onRead: () => void = () => undefined

  readonly client = {
    on: (name: string, listener: (event: never) => void) => {
      this.#listeners.set(name, listener)
      return () => { this.#listeners.delete(name) }
    },
  } as unknown as Pick<Client, 'on'>

  get listeners(): number {
    return this.#listeners.size
  }

  /** `at`: its place, which need not be the last. */
  add(at: number, tells = true): void {
    // Only what a window looks at.
    const message = { messageId: String(at), conversation: 'c', order: BigInt(Math.round(at * 2)), fromDevice: 'd', epoch: 0, number: at, state: 'queued' } as unknown as Message
    this.messages.push(message)
    this.messages.sort((left, right) => Number(left.order - right.order))
    if (tells) this.tell('message', message)
  }

  tell(name: string, event: unknown): void {
    this.#listeners.get(name)?.(event as never)
  }

  readonly receipts = new Map<string, MessageReceipts>()
  receiptReads = 0

  readonly find = async (): Promise<ReadableConversation> => ({
    id: 'c' as Message['conversation'],
    receiptsOf: (messages) => {
      this.receiptReads += 1
      return Promise.resolve(new Map([...this.receipts].filter(([id]) => messages.some(({ messageId }) => messageId === id))))
    },
    history: async (limit = 100, { before, after }: HistoryPlace = {}) => {
      this.reads += 1
      if (this.fails) throw new EvegramError('client.store', { operation: 'read' })
      if (before !== undefined) return this.messages.filter(({ order }) => order < before.order).slice(-limit)
      if (after !== undefined) return this.messages.filter(({ order }) => order > after.order).slice(0, limit)
      const newest = this.messages.slice(-limit)
      this.onRead()
      return newest
    },
  })
}

const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })

describe('a window onto messages', () => {
  let stored: Stored
  let window: MessageWindow
  const shown = (): string => window.getSnapshot().messages.map(({ messageId }) => messageId).join(' ')
  beforeEach(async () => {
    stored = new Stored()
    for (let at = 1; at <= 20; at++) stored.add(at, false)
    window = new MessageWindow(stored.client, 'c' as Message['conversation'], stored.find, SIZES)
    await settle()
  })

  it('begins with the newest page', () => {
    expect(window.getSnapshot()).toMatchObject({ status: 'ready', hasOlder: true, hasNewer: false })
    expect(shown()).toBe('17 18 19 20')
  })

  it('stays bounded and without holes however far it is moved, both ways', async () => {
    for (let times = 0; times < 6; times++) {
      await window.loadOlder()
      expect(window.getSnapshot().messages.length).toBeLessThanOrEqual(SIZES.max)
    }
    expect(shown()).toBe('1 2 3 4 5 6 7 8 9 10')
    expect(window.getSnapshot()).toMatchObject({ hasOlder: false, hasNewer: true })
    for (let times = 0; times < 6; times++) await window.loadNewer()
    expect(shown()).toBe('11 12 13 14 15 16 17 18 19 20')
    expect(window.getSnapshot()).toMatchObject({ hasOlder: true, hasNewer: false })
  })

  it('reads one page at a time: calls that overlap make neither holes nor doubles', async () => {
    await Promise.all([window.loadOlder(), window.loadOlder(), window.loadNewer(), window.loadOlder()])
    const numbers = window.getSnapshot().messages.map(({ number }) => number)
    expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at))
  })

  it('puts what arrives where it belongs, once', () => {
    stored.add(22)
    stored.add(21)
    stored.tell('message', stored.messages.at(-1))
    expect(shown()).toBe('17 18 19 20 21 22')
  })

  it('shows nothing behind a hole: what arrives while older ones are looked at comes when it is scrolled to', async () => {
    for (let times = 0; times < 4; times++) await window.loadOlder()
    const before = shown()
    stored.add(21)
    expect(shown()).toBe(before)
    await window.showLatest()
    expect(shown()).toBe('18 19 20 21')
  })

  it('follows the state of a message', () => {
    stored.tell('message-state', { conversation: 'c', messageId: '20', state: 'sent' })
    expect(window.getSnapshot().messages.at(-1)?.state).toBe('sent')
  })

  it('shows what a message says now', () => {
    const [last] = stored.messages.slice(-1)
    stored.tell('message-changed', { message: { ...last, text: 'edited' }, change: 'edit', by: 'a' })
    expect(window.getSnapshot().messages.map(({ text }) => text).at(-1)).toBe('edited')
    expect(shown()).toBe('17 18 19 20')
  })

  it('shows who received and read what is shown, also behind an edit, with one look for many changes', async () => {
    const receipts = { deliveredTo: 1, readBy: 0, of: 1 }
    stored.receipts.set('20', receipts)
    stored.receipts.set('3', receipts)
    for (let times = 0; times < 5; times++) stored.tell('receipts-changed', { conversation: 'c', account: 'b', kind: 'received' })
    stored.tell('receipts-changed', { conversation: 'another', account: 'b', kind: 'received' })
    await settle()
    expect([window.getSnapshot().messages.map((message) => message.receipts), stored.receiptReads]).toEqual([[undefined, undefined, undefined, receipts], 1])
    const [last] = stored.messages.slice(-1)
    stored.tell('message-changed', { message: { ...last, text: 'edited' }, change: 'edit', by: 'a' })
    expect(window.getSnapshot().messages.at(-1)).toMatchObject({ text: 'edited', receipts })
    stored.receipts.set('20', { ...receipts, readBy: 1 })
    stored.tell('receipts-changed', { conversation: 'c', account: 'b', kind: 'read' })
    await settle()
    expect([window.getSnapshot().messages.at(-1)?.receipts?.readBy, stored.receiptReads]).toEqual([1, 2])
  })

  it('lets go of what disappears', () => {
    stored.tell('message-expired', { conversation: 'c', messageId: '19' })
    expect(shown()).toBe('17 18 20')
  })

  it('loses nothing that arrives while the first page is read', async () => {
    const fresh = new MessageWindow(stored.client, 'c' as Message['conversation'], stored.find, SIZES)
    stored.add(21)
    await settle()
    expect(fresh.getSnapshot().messages.at(-1)?.messageId).toBe('21')
  })

  it('loses nothing that comes, changes or goes while the newest page is read again', async () => {
    while (!window.getSnapshot().hasNewer) await window.loadOlder()
    stored.onRead = () => {
      stored.onRead = () => undefined
      stored.add(21)
      stored.tell('message-state', { conversation: 'c', messageId: '20', state: 'sent' })
      stored.tell('message-expired', { conversation: 'c', messageId: '19' })
    }
    await window.showLatest()
    expect(shown()).toBe('17 18 20 21')
    expect(window.getSnapshot().messages.map(({ state }) => state)).toEqual(['queued', 'queued', 'sent', 'queued'])
  })

  it.each(['the newest', 'older ones'])('shows what an archive brought between and before, where %s are looked at', async (where) => {
    if (where === 'older ones') while (!window.getSnapshot().hasNewer) await window.loadOlder()
    const before = window.getSnapshot()
    const last = before.messages.at(-1)?.number ?? 0
    stored.add(last - 0.5, false)
    stored.tell('history-imported', {})
    await settle()
    const after = window.getSnapshot()
    expect(after.messages.at(-2)?.number).toBe(last - 0.5)
    expect([after.messages.at(-1)?.number, after.messages.length, after.hasNewer]).toEqual([last, before.messages.length, before.hasNewer])
  })

  it('says why it could not be read, and reads again', async () => {
    stored.fails = true
    await window.loadOlder()
    expect(window.getSnapshot()).toMatchObject({ status: 'failed', code: 'client.store' })
    stored.fails = false
    await window.showLatest()
    expect(shown()).toBe('17 18 19 20')
  })

  it('listens no more when it is closed', () => {
    window.close()
    expect(stored.listeners).toBe(0)
  })

  it('reads a page once that is asked for at every turn of a wheel', async () => {
    const reads = stored.reads
    await Promise.all(Array.from({ length: 5 }, () => window.loadOlder()))
    expect(stored.reads - reads).toBe(1)
    await window.loadOlder()
    expect(stored.reads - reads).toBe(2)
    await Promise.all([window.loadNewer(), window.loadNewer()])
    expect(stored.reads - reads).toBeLessThanOrEqual(3)
  })
})
