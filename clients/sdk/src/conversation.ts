import { EvegramError, isReactionEmoji, LIMITS, utf8, type AccountId, type ConversationId, type FileRef, type MessageId, type Position, type SaidWith } from '@evegram/protocol'
import { StoredMarks, type ConversationFlags, type ConversationMarks } from './conversation-marks.js'
import type { Core } from './core/context.js'
import { readConversation, type ConversationRow } from './core/conversation-row.js'
import { timerSeconds } from './core/conversation-timer.js'
import { isEditable } from './core/fold-changes.js'
import { cancellable, type Feed } from './core/feed.js'
import { mayDeleteAny } from './core/group-row.js'
import { readHandled } from './core/handled.js'
import { withoutContent, type Message, type MessageReceipts } from './core/message.js'
import { decodeMessage, encodeMessage } from './core/message-row.js'
import { checkOpenEdits, forgetEdits, messageIn, targetOf } from './core/message-target.js'
import { readMessagePage, type HistoryPlace } from './core/message-page.js'
import { ReceiptsOfMessages, type MessageReceipt } from './core/message-receipts.js'
import type { DoneOnce, NextName } from './core/once.js'
import type { Transaction } from './core/transaction.js'
import type { FileSource } from './files/file-source.js'
import type { FileUploads, SentFiles, UploadOptions } from './files/file-uploads.js'
import type { KeyedTurns } from './core/turns.js'
import { composeMessage, type NumberedContent } from './sync/compose.js'
import { listConversationGaps, type ConversationGap } from './sync/conversation-gaps.js'
import { OUTBOX_LIMITS, type Outbox } from './sync/outbox.js'
import { decodeOutbox } from './sync/outbox-row.js'
import { heardPrefix } from './sync/heard-record.js'
import { sentKey, sentPrefix } from './sync/sent-record.js'
import type { Transmission } from './sync/transmit.js'
import type { Typing } from './sync/typing.js'
import type { SentMessage } from './core/sent-message.js'

/** Choices of {@link Conversation.messages}. */
export interface MessagesOptions {
  /** Only messages with a higher order key. */
  readonly after?: bigint
  /** Go on with what arrives, for ever. Default true. */
  readonly live?: boolean
}

/** Choices of {@link Conversation.send}. */
export interface SendOptions {
  /** The message of this conversation that it answers. */
  readonly replyTo?: MessageId | string
}

/** Choices of {@link Conversation.sendFiles}. */
export interface SendFilesOptions extends SendOptions, UploadOptions {
  /** Shown beside the files. */
  readonly text?: string
}

/** A conversation with one other account (or with oneself: notes). */
export interface Conversation extends ConversationMarks {
  readonly id: ConversationId
  readonly peer: { readonly account: AccountId; readonly address: string }
  /**
   * Sends a text of at most `LIMITS.textBytesMax` UTF-8 bytes. Resolves when it is durable on this device, offline too; it then
   * reaches every active device of both sides once. Rejects with `invalid.argument` (empty), `too_large.payload`, `limited.queue`
   * when the outbox is full, `account.log_*` while the server shows a log of either side that cannot be believed, `client.closed`, or the reason why this device may not send any more.
   * With `replyTo`, `not_found.message` when this profile has no such message in the conversation.
   */
  send(text: string, options?: SendOptions): Promise<SentMessage>
  /**
   * Sends 1 to `LIMITS.filesPerMessageMax` files of at most `LIMITS.fileBytesMax` bytes, encrypted here. Resolves when they are sealed in the local store, offline too: the
   * sources are not needed any more. They go to the server piece by piece, on after a broken connection and in the next run, and the message is said when the server
   * has them all. Rejects `files.none` where the server stores none, `too_large.file`, `limited.files`, `files.source`, `files.cancelled`, and as `send` does.
   */
  sendFiles(sources: readonly FileSource[], options?: SendFilesOptions): Promise<SentFiles>
  /** Says files of another message here: nothing is uploaded, and they last as long as there. Rejects as `send` does. */
  forwardFiles(files: readonly FileRef[], options?: SendOptions & { readonly text?: string }): Promise<SentMessage>
  /**
   * Shows an emoji under a message, or with '' none any more; each account shows one. It reaches everybody as a message does, and shows here at
   * once: `message-changed`. Rejects as `send` does, with `not_found.message`, and with `invalid.argument` for what is no single emoji.
   */
  react(message: MessageId | string, emoji: string): Promise<SentMessage>
  /**
   * Makes an own text, or what stands under own files, say something else. Of several edits, whichever device made them, the last by order counts everywhere. Rejects as `send` does,
   * with `not_found.message`, `denied.not_sender`, `invalid.argument` for what is no text, and `limited.queue` when eight edits of it wait.
   */
  edit(message: MessageId | string, text: string): Promise<SentMessage>
  /**
   * Takes back what an own message says, for good, on every device that follows the protocol: text, reactions, and what was kept for sending it
   * again. Owners and admins of a group may do so with the messages of others. Rejects as `send` does, with `not_found.message` and `denied.not_sender`.
   */
  deleteForEveryone(message: MessageId | string): Promise<SentMessage>
  /** Seconds after which what is written here disappears; 0: it stays. */
  timer(): Promise<number>
  /**
   * From now on everybody's messages in this conversation disappear from each device so many seconds after they were read, own ones after they were
   * sent; 0: they stay. At most `LIMITS.disappearSecondsMax`. Messages that are there keep the time that they came with. Of several timers
   * the last by order counts. Rejects as `send` does, and with `invalid.argument`. A device that is changed to keep what it reads can.
   */
  setTimer(seconds: number): Promise<SentMessage>
  /**
   * Tells the other members that the user types here, or does so no more. Call it at every key: what is sent is little. It ends by itself after
   * six seconds without a call, and with every message. Nothing is promised: it may be lost, and is told neither offline nor to channels nor in
   * groups of more than 64 members. The server sees it. Never throws.
   */
  typing(active: boolean): void
  /** Stored messages in their order, then live ones as they arrive: each exactly once. Several may run at a time; `break` ends one. */
  messages(options?: MessagesOptions): AsyncIterable<Message>
  /** How far an own message got at each account that it was for; nothing for messages of others, to oneself, and in groups of more than 64 members. Rejects `not_found.message`. */
  receipts(message: MessageId | string): Promise<readonly MessageReceipt[]>
  /** What became of messages that were read before, by id: of the own ones alone. Ask at `receipts-changed`. */
  receiptsOf(messages: readonly Message[]): Promise<ReadonlyMap<string, MessageReceipts>>
  /** The newest `limit` stored messages (default 100), in their order, oldest first; with `place` those before or behind a message. */
  history(limit?: number, place?: HistoryPlace): Promise<readonly Message[]>
  /**
   * What is missing here and has a name, by device. It changes with `gap`, and when a message comes after all (`message`) or an archive brings it
   * (`history-imported`). What came before this device joined is missing, too: `before_you_joined`.
   */
  gaps(): Promise<readonly ConversationGap[]>
  /**
   * Removes the texts of all stored messages from this device, those that were kept for sending again included: a device that
   * could not read one will show a gap. Ids, numbers and chains stay, so nothing is shown again.
   */
  forget(): Promise<void>
}

/** Messages that one step of `forget` rewrites. */
const PAGE_ROWS = 500
const HISTORY_DEFAULT = 100

/** What conversations are made of. */
export interface ConversationPorts {
  readonly core: Core
  readonly outbox: Outbox
  readonly transmission: Transmission
  readonly feed: Feed
  readonly typing: Typing
  /** Where the server stores files. */
  readonly files?: FileUploads | undefined
  /** Sends of one conversation prepare and commit one after the other. */
  readonly turns: KeyedTurns
  /** Names for what is said here, where the caller may ask again after a lost answer: nothing is said twice under one name. */
  readonly once?: NextName | undefined
  /** Throws when this device may not send any more. */
  check(): void
}

/** A {@link Conversation} on the core of a client. */
export class DirectConversation implements Conversation {
  readonly id: ConversationId
  readonly peer: Conversation['peer']
  readonly #ports: ConversationPorts
  readonly #marks: ConversationMarks
  readonly #receipts: ReceiptsOfMessages

  constructor(ports: ConversationPorts, row: ConversationRow, address: string) {
    this.#ports = ports
    this.id = row.conversation
    this.#marks = new StoredMarks(ports.core, this.id)
    this.#receipts = new ReceiptsOfMessages(ports.core)
    this.peer = { account: row.peer, address }
  }

  async send(text: string, { replyTo }: SendOptions = {}): Promise<SentMessage> {
    checkText(text)
    return this.say({ kind: 'text', body: { text, ...(await this.#saidWith(replyTo)) } })
  }

  async sendFiles(sources: readonly FileSource[], { text = '', replyTo, onProgress, signal }: SendFilesOptions = {}): Promise<SentFiles> {
    const { files } = this.#ports
    this.#ports.check()
    if (files === undefined) throw new EvegramError('files.none', { operation: 'send files' })
    return files.send({ conversation: this.id, text, sources, ...(await this.#saidWith(replyTo)) }, { onProgress, signal })
  }

  async forwardFiles(files: readonly FileRef[], { text = '', replyTo }: SendOptions & { readonly text?: string } = {}): Promise<SentMessage> {
    return this.say({ kind: 'files', body: { files, text, ...(await this.#saidWith(replyTo)) } })
  }

  async #saidWith(replyTo: string | undefined): Promise<SaidWith> {
    const reply = replyTo === undefined ? undefined : targetOf(await this.#message(replyTo))
    const expiresIn = await this.timer()
    return { ...(reply === undefined ? {} : { reply }), ...(expiresIn === 0 ? {} : { expiresIn }) }
  }

  async react(message: string, emoji: string): Promise<SentMessage> {
    if (emoji !== '' && !isReactionEmoji(emoji)) throw new EvegramError('invalid.argument', { operation: 'react', advice: 'A reaction is one emoji.' })
    return this.say({ kind: 'reaction', body: { target: targetOf(await this.#standing(message)), emoji } })
  }

  async edit(message: string, text: string): Promise<SentMessage> {
    checkText(text)
    const target = await this.#standing(message)
    if (target.fromAccount !== this.#ports.core.account) throw new EvegramError('denied.not_sender', { operation: 'edit' })
    if (!isEditable(target)) throw new EvegramError('invalid.argument', { operation: 'edit', advice: 'Only texts, and the texts under files, are edited.' })
    await checkOpenEdits(this.#ports.core, target)
    return this.say({ kind: 'edit', body: { target: targetOf(target), text } })
  }

  async deleteForEveryone(message: string): Promise<SentMessage> {
    const { core } = this.#ports
    const target = await this.#standing(message)
    const row = await this.#row()
    if (target.fromAccount !== core.account && !(await mayDeleteAny(core.store, row, core.account, row.membershipVersion))) {
      throw new EvegramError('denied.not_sender', { operation: 'delete for everyone' })
    }
    return this.say({ kind: 'delete', body: { target: targetOf(target) } })
  }

  timer(): Promise<number> {
    return timerSeconds(this.#ports.core.store, this.id)
  }

  async setTimer(seconds: number): Promise<SentMessage> {
    if (!Number.isSafeInteger(seconds) || seconds < 0 || seconds > LIMITS.disappearSecondsMax) {
      throw new EvegramError('invalid.argument', { operation: 'set timer', advice: 'Whole seconds, at most those of a year; 0 for off.' })
    }
    return this.say({ kind: 'timer', body: { seconds } })
  }

  /** A message of this conversation that something can be said about. */
  async #standing(messageId: string): Promise<Message> {
    const message = await this.#message(messageId)
    if (message.deleted === true) throw new EvegramError('not_found.message', { operation: 'find message', advice: 'This message was deleted.' })
    return message
  }

  #message(messageId: string): Promise<Message> {
    return messageIn(this.#ports.core.store, this.id, messageId)
  }

  /** Sends any message, as {@link Conversation.send} does; what `also` stages becomes durable together with it, or not at all. */
  async say(content: NumberedContent, also: (tx: Transaction) => void = () => undefined): Promise<SentMessage> {
    const { core, outbox, transmission, turns } = this.#ports
    const name = this.#ports.once?.()
    const staged = await turns.run(this.id, async () => {
      this.#ports.check()
      const done = name === undefined ? undefined : await core.once.find(core.store, name)
      if (done !== undefined) return { result: { ...done, acked: this.#ackOf(done) }, durable: Promise.resolve() }
      outbox.checkRoom()
      const before = await this.#row()
      // Waits for the network where a session is missing; what cannot be reached now is completed before the message leaves.
      await transmission.prepare(before)
      const alarm = transmission.alarmOf(before)
      if (alarm !== undefined) throw alarm
      return core.local.stage(async (tx) => {
        const target = await this.#row(tx)
        await core.requests.wrote(tx, target, 'this device')
        const { row, message, first, order } = await composeMessage(core, tx, target, content)
        also(tx)
        if (name !== undefined) await core.once.note(tx, core.store, name, { messageId: row.messageId, order })
        const acked = outbox.acknowledged(row.messageId)
        if (message !== undefined) tx.afterCommit(() => { core.events.emit('message', message) })
        for (const key of first) outbox.add(tx, key)
        outbox.add(tx, row)
        return { messageId: row.messageId, order, acked }
      })
    })
    const { messageId, order } = staged.result
    try {
      // The next message may be composed meanwhile: both become durable together.
      await staged.durable
    } catch (error) {
      outbox.forget(messageId)
      throw error
    }
    this.#ports.typing.say(this.id, false)
    return { messageId, conversation: this.id, order, acked: staged.result.acked }
  }

  typing(active: boolean): void {
    this.#ports.typing.say(this.id, active)
  }

  unread(): Promise<number> {
    return this.#marks.unread()
  }

  markRead(upTo?: string): Promise<void> {
    return this.#marks.markRead(upTo)
  }

  draft(): Promise<string> {
    return this.#marks.draft()
  }

  setDraft(text: string): Promise<void> {
    return this.#marks.setDraft(text)
  }

  flags(): Promise<ConversationFlags> {
    return this.#marks.flags()
  }

  setFlags(flags: Partial<ConversationFlags>): Promise<void> {
    return this.#marks.setFlags(flags)
  }

  hide(message: string, hidden?: boolean): Promise<void> {
    return this.#marks.hide(message, hidden)
  }

  hidden(messages: readonly Message[]): Promise<ReadonlySet<string>> {
    return this.#marks.hidden(messages)
  }

  messages(options: MessagesOptions = {}): AsyncIterable<Message> {
    return cancellable((signal) => this.#ports.feed.conversation(this.id, options.after, options.live ?? true, signal))
  }

  async receipts(message: string): Promise<readonly MessageReceipt[]> {
    return this.#receipts.each(await this.#message(message))
  }

  receiptsOf(messages: readonly Message[]): Promise<ReadonlyMap<string, MessageReceipts>> {
    return this.#receipts.of(this.id, messages)
  }

  async history(limit: number = HISTORY_DEFAULT, place?: HistoryPlace): Promise<readonly Message[]> {
    return this.#receipts.on(this.id, await readMessagePage(this.#ports.core.store, this.id, limit, place))
  }

  gaps(): Promise<readonly ConversationGap[]> {
    return listConversationGaps(this.#ports.core.store, this.id)
  }

  async forget(): Promise<void> {
    const { core } = this.#ports
    const prefix = `m/${this.id}/`
    let from = prefix
    for (let more = true; more;) {
      more = await core.local.write(async (tx) => {
        const rows = await core.store.list('messages', { from, to: `${prefix}~`, limit: PAGE_ROWS })
        for (const { key, value } of rows) {
          const message = decodeMessage(value)
          if (message.editedAtMs !== undefined) await forgetEdits(tx, message)
          if (message.text !== '' || message.payment !== undefined || message.request !== undefined || message.files !== undefined) tx.put('messages', key, encodeMessage(withoutContent(message)))
          from = `${key} `
        }
        return rows.length === PAGE_ROWS
      })
    }
    await this.#forgetCopies(sentPrefix(this.id), await this.#queued())
    await this.#forgetCopies(heardPrefix(this.id))
  }

  /** What is still to be sent for the first time, as keys of what is kept for sending it again. */
  async #queued(): Promise<ReadonlySet<string>> {
    const rows = await this.#ports.core.store.list('outbox', { limit: OUTBOX_LIMITS.rowsMax * 2 })
    const own = rows.map(({ value }) => decodeOutbox(value)).filter(({ conversation, kind }) => conversation === this.id && kind !== 'control')
    return new Set(own.map(({ number }) => sentKey(this.id, number)))
  }

  /** What is kept for sending again holds the texts too; only what is still to be sent for the first time stays. */
  async #forgetCopies(prefix: string, queued?: ReadonlySet<string>): Promise<void> {
    const { core } = this.#ports
    let from = prefix
    for (let more = true; more;) {
      more = await core.local.write(async (tx) => {
        const rows = await core.store.list('healing', { from, to: `${prefix}~`, limit: PAGE_ROWS })
        for (const { key } of rows) {
          if (queued?.has(key) !== true) tx.remove('healing', key)
          from = `${key} `
        }
        return rows.length === PAGE_ROWS
      })
    }
  }

  /** What becomes of a message that was said before under its name. */
  #ackOf({ messageId, position }: DoneOnce): Promise<Position> {
    const outcome = async (): Promise<Position> => {
      if (position !== undefined) return position
      const rowKey = (await readHandled(this.#ports.core.store, messageId))?.rowKey
      const row = rowKey === undefined ? undefined : await this.#ports.core.store.get('messages', rowKey)
      if (row !== undefined && decodeMessage(row).state === 'failed') {
        throw new EvegramError('client.leader_lost', { operation: 'send', advice: 'The server refused this message for good.' })
      }
      return this.#ports.outbox.acknowledged(messageId)
    }
    const acked = outcome()
    // As of a message that is said now: nobody has to care.
    acked.catch(() => undefined)
    return acked
  }

  async #row(source: Pick<Transaction, 'get'> = this.#ports.core.store): Promise<ConversationRow> {
    const row = await readConversation(source, this.id)
    if (row === undefined) throw new EvegramError('client.store', { operation: 'read conversation' })
    return row
  }
}

function checkText(text: string): void {
  if (text === '') throw new EvegramError('invalid.argument', { operation: 'send', advice: 'A message has at least one character.' })
  if (utf8(text).length > LIMITS.textBytesMax) throw new EvegramError('too_large.payload', { operation: 'send' })
}
