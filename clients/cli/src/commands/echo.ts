import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { createWalletFile } from '../wallet-file.js'

/** Answers of one sender in a minute; more are left unanswered, so that two echoes cannot keep each other busy for ever. */
const ANSWERS_PER_MINUTE_MAX = 60

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
  const client = await context.login(walletPath)
  const stop = interruption()
  process.send?.({ kind: 'echo-address', address: client.address })
  if (options.quiet !== true) await context.output.result({ address: client.address }, `Echo is up: ${client.address}`)

  const answered = new Map<string, { minute: number; count: number }>()
  try {
    for await (const { message, done } of client.inbox({ fromStart: false, signal: stop.signal })) {
      if (message.fromAccount !== client.account && mayAnswer(answered, message.fromAccount)) {
        const conversation = await client.conversation(message.from)
        // The acknowledgement is awaited so that a failing server slows the echo down instead of filling its outbox.
        await (await conversation.send(message.text)).acked
        await conversation.forget()
      }
      await done()
    }
  } finally {
    stop.release()
    await client.close()
  }
}

const SENDERS_REMEMBERED_MAX = 10_000

function mayAnswer(answered: Map<string, { minute: number; count: number }>, sender: string): boolean {
  const minute = Math.floor(Date.now() / 60_000)
  const known = answered.get(sender)
  if (known?.minute === minute) return ++known.count <= ANSWERS_PER_MINUTE_MAX
  if (answered.size >= SENDERS_REMEMBERED_MAX) answered.clear()
  answered.set(sender, { minute, count: 1 })
  return true
}
