import { EvegramError, LIMITS, utf8, type ConversationId } from '@evegram/protocol'
import type { Core } from './core/context.js'
import { readConversation } from './core/conversation-row.js'
import type { Message } from './core/message.js'
import { decodeMessage, MESSAGE_PREFIX, messageRowKey } from './core/message-row.js'
import { messageIn } from './core/message-target.js'

/** How the user keeps a conversation, the same on all own devices. */
export interface ConversationFlags {
  readonly muted: boolean
  readonly pinned: boolean
  readonly archived: boolean
}

/** What the user keeps about a conversation, the same on all own devices: how far it was read, a draft, how it is listed, what was hidden. */
export interface ConversationMarks {
  /** Messages of others that stand behind what was read on any own device; at most `UNREAD_MAX`, which then stands for more. */
  unread(): Promise<number>
  /**
   * Everything up to a message was read (the newest one when absent). It never goes back; nothing happens where there is none. With the setting `receipts.read` the authors
   * are told so, end to end: call it when a person has seen them. Rejects `not_found.message`.
   */
  markRead(upTo?: string): Promise<void>
  /** What was written and not sent, empty without one. */
  draft(): Promise<string>
  /** Keeps what was written and not sent; an empty text takes it back. Rejects `too_large.payload`. Ask for it when the user pauses, not at every key. */
  setDraft(text: string): Promise<void>
  flags(): Promise<ConversationFlags>
  /** Changes those that are given. */
  setFlags(flags: Partial<ConversationFlags>): Promise<void>
  /** Removes a message from what this account sees, on all own devices; the others go on seeing it. `history` and `messages` go on naming it: see `hidden`. */
  hide(message: string, hidden?: boolean): Promise<void>
  /** Which of these messages the user hid. */
  hidden(messages: readonly Message[]): Promise<ReadonlySet<string>>
}

/** What `unread` counts to. */
export const UNREAD_MAX = 1_000
/** Rows that one step of counting reads. */
const PAGE_ROWS = 200
const FLAGS = ['muted', 'pinned', 'archived'] as const

/** {@link ConversationMarks} on the registers of a profile. */
export class StoredMarks implements ConversationMarks {
  readonly #core: Core
  readonly #id: ConversationId

  constructor(core: Core, id: ConversationId) {
    this.#core = core
    this.#id = id
  }

  async unread(): Promise<number> {
    const { store, state } = this.#core
    const read = await state.readUpTo(this.#id)
    const prefix = `${MESSAGE_PREFIX}${this.#id}/`
    // The smallest key behind the message that was read last.
    let from = read === undefined ? prefix : `${messageRowKey({ ...read, conversation: this.#id, fromDevice: read.device })} `
    let count = 0
    for (;;) {
      const rows = await store.list('messages', { from, to: `${prefix}~`, limit: PAGE_ROWS })
      for (const { key, value } of rows) {
        from = `${key} `
        if (decodeMessage(value).direction === 'in') count += 1
        if (count === UNREAD_MAX) return count
      }
      if (rows.length < PAGE_ROWS) return count
    }
  }

  async markRead(upTo?: string): Promise<void> {
    const { local, state, privacy, receipts } = this.#core
    const message = upTo === undefined ? await this.#newest() : await messageIn(this.#core.store, this.#id, upTo)
    if (message === undefined) return
    const { order, fromDevice: device, epoch, number } = message
    await local.write(async (tx) => {
      const before = await state.readUpTo(this.#id, tx)
      const isNews = await state.raiseRead(tx, this.#id, { order, device, epoch, number })
      const conversation = isNews && await privacy.tells('receipts.read', tx) ? await readConversation(tx, this.#id) : undefined
      if (conversation !== undefined) await receipts.read(tx, conversation, before, { order, device, epoch, number })
    })
  }

  async draft(): Promise<string> {
    return (await this.#core.state.get('draft', this.#id)) ?? ''
  }

  async setDraft(text: string): Promise<void> {
    if (utf8(text).length > LIMITS.textBytesMax) throw new EvegramError('too_large.payload', { operation: 'keep draft' })
    await this.#core.local.write((tx) => this.#core.state.set(tx, 'draft', this.#id, text === '' ? undefined : text))
  }

  async flags(): Promise<ConversationFlags> {
    const { state } = this.#core
    return {
      muted: await state.get('conversation.muted', this.#id) === true, pinned: await state.get('conversation.pinned', this.#id) === true,
      archived: await state.get('conversation.archived', this.#id) === true,
    }
  }

  async setFlags(flags: Partial<ConversationFlags>): Promise<void> {
    const { local, state } = this.#core
    await local.write(async (tx) => {
      for (const flag of FLAGS) {
        const value = flags[flag]
        if (value !== undefined) await state.set(tx, `conversation.${flag}`, this.#id, value ? true : undefined)
      }
    })
  }

  async hide(message: string, hidden = true): Promise<void> {
    const { messageId } = await messageIn(this.#core.store, this.#id, message)
    await this.#core.local.write((tx) => this.#core.state.set(tx, 'hidden', messageId, hidden ? true : undefined))
  }

  async hidden(messages: readonly Message[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    for (const { messageId } of messages) if (await this.#core.state.get('hidden', messageId) === true) found.add(messageId)
    return found
  }

  async #newest(): Promise<Message | undefined> {
    const prefix = `${MESSAGE_PREFIX}${this.#id}/`
    const [row] = await this.#core.store.list('messages', { from: prefix, to: `${prefix}~`, reverse: true, limit: 1 })
    return row === undefined ? undefined : decodeMessage(row.value)
  }
}
