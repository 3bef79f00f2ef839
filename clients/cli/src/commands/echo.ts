import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { Client, Message } from '@evegram/sdk'
import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { createWalletFile } from '../wallet-file.js'

/** Answers of one sender in a minute; more are left unanswered, so that two echoes cannot keep each other busy for ever. */
const ANSWERS_PER_MINUTE_MAX = 60
const SENDERS_REMEMBERED_MAX = 10_000
/** Wait before an answer that the server was not there for is tried again. */
const RETRY_MS = 2_000

/** `evegram echo`: answers every message with its own text. It keeps no bodies and ends with the process that started it. */
export async function echo(
  context: Context,
  options: { readonly wallet?: string; readonly newWallet?: boolean; readonly quiet?: boolean },
): Promise<void> {
  const walletPath = options.wallet ?? join(context.folder, 'wallet.json')
  if (!existsSync(walletPath)) {
    if (options.newWallet !== true) {
      throw new EvegramError('client.not_signed_in', { operation: 'start echo', advice: 'Pass --wallet <file>, or --new-wallet to make one.' })
    }
    createWalletFile(walletPath, 'solana', context.passphrase)
  }
  const client = await context.login(walletPath, 'accept-all')
  const stop = interruption()
  const ended = new AbortController()
  client.on('state', ({ state, error }) => {
    if (state === 'closed' && error !== undefined) ended.abort(error)
  })
  process.send?.({ kind: 'echo-address', address: client.address })
  if (options.quiet !== true) await context.output.result({ address: client.address }, `Echo is up: ${client.address}`)

  const signal = AbortSignal.any([stop.signal, ended.signal])
  // Closing ends whatever waits for the server.
  signal.addEventListener('abort', () => void client.close(), { once: true })
  const answered = new Map<string, { minute: number; count: number }>()
  try {
    for await (const item of client.inbox({ fromStart: false, signal })) {
      const { message } = item
      if (message.fromAccount !== client.account && message.kind === 'text' && message.text !== '' && mayAnswer(answered, message.fromAccount)) {
        await answer(context, client, message, signal)
      }
      if (signal.aborted) break
      await item.done()
    }
    ended.signal.throwIfAborted()
  } finally {
    stop.release()
    await client.close()
  }
}

/** Answers one message and forgets both texts. A sender that cannot be answered must not stop the echo for everybody else. */
async function answer(context: Context, client: Client, message: Message, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const conversation = await client.conversation(message.fromAccount)
      // What was said in a group was not said to the echo.
      if (conversation.id !== message.conversation) return
      const { acked } = await conversation.send(message.text)
      // Awaited, so that a failing server slows the echo down instead of filling its outbox.
      await acked
      await conversation.forget()
      return
    } catch (error) {
      if (signal.aborted) return
      context.output.failure(error)
      if (!isEvegramError(error) || (error.retry !== 'after_backoff' && error.retry !== 'at_once')) return
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

function mayAnswer(answered: Map<string, { minute: number; count: number }>, sender: string): boolean {
  const minute = Math.floor(Date.now() / 60_000)
  const known = answered.get(sender)
  if (known?.minute === minute) return ++known.count <= ANSWERS_PER_MINUTE_MAX
  if (answered.size >= SENDERS_REMEMBERED_MAX) answered.clear()
  answered.set(sender, { minute, count: 1 })
  return true
}
