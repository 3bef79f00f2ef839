import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline'
import type { Client, Conversation, Message, MessageChangedEvent, ServerNotice } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { markSeen } from '../mark-seen.js'
import { deliveryMark, messageObject, messageText, shortAddress } from '../message-line.js'
import type { Output } from '../output.js'
import { noticeViews } from '../notice-line.js'
import { paymentViews } from '../payment-view.js'
import { synced } from '../synced.js'
import { visible } from '../visible.js'
import { CHAT_PROMPT, showTyping, tellHere, tellTyping } from '../typing-in-chat.js'

/** Messages of the past that `chat` shows when it starts. */
const CHAT_HISTORY_MESSAGES = 20
/** Characters of an own message by which a line says which one was received or read. */
const SHOWN_TEXT_CHARACTERS = 24
/** How long the server may be away before the chat starts without it. */
const AWAY_MS_MAX = 3_000
/** Time for the last messages to be stored when the chat ends. */
const LAST_ACKS_MS = 20_000

/**
 * `evegram chat`: reads lines from the terminal (or a pipe), sends them, and shows what arrives in between. Ctrl-C or Ctrl-D ends it. On a terminal
 * it shows that the other side types and, unless `typing` is false, tells the other side so.
 */
export async function chat(context: Context, address: string, options: { readonly typing: boolean; readonly read: boolean }): Promise<void> {
  await context.withClient(async (client, ended) => {
    const { output } = context
    const conversation = await client.conversation(address)
    const screen = new Screen(output, paymentViews(client), noticeViews(client, output))
    // Asked for before the history is read: what arrives in between must be neither lost nor shown twice.
    const seen = markSeen(client, output, options.read)
    const arrived: Message[] = []
    let show = (message: Message): void => {
      arrived.push(message)
    }
    const hear = (message: Message): void => {
      if (message.conversation === conversation.id && message.fromDevice !== client.device) show(message)
    }
    const unsubscribe = client.on('message', hear)
    // Who opened this chat may see what a stranger says in it; answering accepts.
    const unheed = client.on('message-request', hear)
    const unlisten = client.on('server-notice', (notice) => { screen.notice(notice) })
    const unwatch = client.on('message-changed', (event) => {
      if (event.message.conversation === conversation.id && event.by !== client.account) screen.change(event)
    })
    await synced(client, AWAY_MS_MAX)
    const past = await conversation.history(CHAT_HISTORY_MESSAGES)
    const shown = new Set(past.map(({ messageId }) => messageId))
    for (const message of [...past, ...arrived.filter(({ messageId }) => !shown.has(messageId))]) screen.message(message)
    show = (message) => {
      screen.message(message)
      screen.after(() => seen(message))
    }
    const latest = [...past, ...arrived].findLast(({ direction }) => direction === 'in')
    if (latest !== undefined) screen.after(() => seen(latest))
    const untell = output.interactive ? showDelivery(client, conversation, screen, output) : () => undefined
    output.note(`Chatting with ${shortAddress(conversation.peer.address)}; Ctrl-C or Ctrl-D ends it.`)
    try {
      await converse({ client, conversation, screen, output, ended, tells: options.typing })
    } finally {
      unsubscribe()
      unheed()
      untell()
      unlisten()
      unwatch()
      await screen.settled()
    }
  })
}

interface Talk {
  readonly client: Client
  readonly conversation: Conversation
  readonly screen: Screen
  readonly output: Output
  readonly ended: AbortSignal
  /** The other side is told when somebody types here. */
  readonly tells: boolean
}

async function converse({ client, conversation, screen, output, ended, tells }: Talk): Promise<void> {
  const waiting = new Set<Promise<void>>()
  // Made after everything that had to be awaited: lines that a pipe holds are not lost before somebody takes them.
  const lines = createInterface({ input: process.stdin, output: output.interactive ? process.stderr : undefined, prompt: CHAT_PROMPT })
  const close = (): void => lines.close()
  lines.on('SIGINT', close)
  process.on('SIGTERM', close)
  ended.addEventListener('abort', close, { once: true })
  // A pipe does not type, and nobody watches there: the server is not even asked.
  const ends = output.interactive ? [showTyping(client, conversation, lines, (text) => output.paint('dim', text))] : []
  if (output.interactive && tells) ends.push(tellTyping(conversation, process.stdin, lines))
  if (output.interactive) ends.push(tellHere(client, process.stdin))
  // Before anything else happens: a closed interface takes no prompt.
  lines.once('close', () => { for (const end of ends) end() })
  screen.prompt(lines)
  for await (const line of lines) {
    if (line.trim() !== '') await post(conversation, line, waiting, output)
    screen.prompt(lines)
  }
  screen.prompt(undefined)
  process.off('SIGTERM', close)
  const settled = Promise.allSettled(waiting).then(() => true)
  const isStored = await Promise.race([settled, new Promise<false>((resolve) => setTimeout(() => resolve(false), LAST_ACKS_MS).unref())])
  if (isStored) return
  output.note('The last messages wait for the server; they go out with the next command.')
  process.exitCode = EXIT_CODES.unreachable[0]
}

/** Says how far the newest own message got, once for each change of it. Returns the end of it. */
function showDelivery(client: Client, conversation: Conversation, screen: Screen, output: Output): () => void {
  let before: string | undefined
  return client.on('receipts-changed', (event) => {
    if (event.conversation !== conversation.id) return
    screen.after(async () => {
      const newest = (await conversation.history(CHAT_HISTORY_MESSAGES)).findLast(({ direction }) => direction === 'out')
      const mark = newest === undefined ? '' : deliveryMark(newest, output).trim()
      const now = newest === undefined || mark === '' ? undefined : `${mark} “${visible(newest.text.slice(0, SHOWN_TEXT_CHARACTERS))}”`
      if (now !== undefined && now !== before) screen.note(now)
      before = now
    })
  })
}

/** Sends a line. What goes wrong with one line is told, and the chat goes on. */
async function post(conversation: Conversation, line: string, waiting: Set<Promise<void>>, output: Output): Promise<void> {
  const failed = (error: unknown): void => {
    output.failure(error)
    process.exitCode = EXIT_CODES.failed[0]
  }
  try {
    const { acked } = await conversation.send(line)
    const acknowledged: Promise<void> = acked.then(() => undefined, failed).finally(() => waiting.delete(acknowledged))
    waiting.add(acknowledged)
  } catch (error) {
    failed(error)
  }
}

/** Puts messages above the line that somebody is typing. */
class Screen {
  readonly #output: Output
  readonly #view: ReturnType<typeof paymentViews>
  readonly #noticeView: ReturnType<typeof noticeViews>
  #lines: Interface | undefined
  /** Messages are shown one after the other, though a payment is asked about first. */
  #last: Promise<void> = Promise.resolve()

  constructor(output: Output, view: ReturnType<typeof paymentViews>, noticeView: ReturnType<typeof noticeViews>) {
    this.#output = output
    this.#view = view
    this.#noticeView = noticeView
  }

  /** Shows the prompt of `lines` from now on; nothing without a terminal. */
  prompt(lines: Interface | undefined): void {
    this.#lines = this.#output.interactive ? lines : undefined
    this.#lines?.prompt(true)
  }

  message(message: Message): void {
    this.#last = this.#last.then(() => this.#show(message)).catch((error: unknown) => { this.#output.failure(error) })
  }

  /** What the other side said about a message, beside it as it is now: the line above cannot be changed any more. */
  change({ message, change }: MessageChangedEvent): void {
    const what = { reaction: 'reacted', edit: 'edited', delete: 'deleted' }[change]
    this.#last = this.#last.then(() => this.#above(() => {
      this.#output.note(`${what}: ${messageText(message, this.#output, Date.now())}`)
      return Promise.resolve()
    })).catch((error: unknown) => { this.#output.failure(error) })
  }

  /** A line of the server between those of people. It stays unread: `evegram notices` has it too. */
  notice(notice: ServerNotice): void {
    this.#last = this.#last.then(async () => {
      const { text } = await this.#noticeView(notice, Date.now())
      await this.#above(() => {
        this.#output.note(text)
        return Promise.resolve()
      })
    }).catch((error: unknown) => { this.#output.failure(error) })
  }

  /** A line about what was shown before. */
  note(text: string): void {
    this.after(() => this.#above(() => {
      this.#output.note(text)
      return Promise.resolve()
    }))
  }

  /** Does something once everything so far is shown. */
  after(task: () => Promise<void>): void {
    this.#last = this.#last.then(task).catch((error: unknown) => { this.#output.failure(error) })
  }

  /** Resolves when everything so far is shown. */
  settled(): Promise<void> {
    return this.#last
  }

  async #show(message: Message): Promise<void> {
    const payment = await this.#view(message)
    await this.#above(() => this.#output.result(messageObject(message, payment), messageText(message, this.#output, Date.now(), payment)))
  }

  async #above(write: () => Promise<void>): Promise<void> {
    if (this.#lines !== undefined) {
      clearLine(process.stderr, 0)
      cursorTo(process.stderr, 0)
    }
    await write()
    this.#lines?.prompt(true)
  }
}
