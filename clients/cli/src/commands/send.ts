import { LIMITS } from '@evegram/protocol'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { namedMessage } from '../named-conversation.js'
import { standardInput } from '../standard-input.js'

/**
 * `evegram send`: sends one message and waits until the server has stored it, at most `wait` seconds; the message then stays queued
 * in the profile (`acked: false`, exit code 4) and goes out with the next command. The text `-` is read from standard input.
 */
export async function send(context: Context, address: string, text: string, options: { readonly wait: number; readonly replyTo?: string }): Promise<void> {
  const body = text === '-' ? await standardInput(LIMITS.textBytesMax, 'too_large.payload') : text
  await context.withClient(async (client) => {
    const conversation = await client.conversation(address)
    const sent = await conversation.send(body, options.replyTo === undefined ? {} : { replyTo: (await namedMessage(conversation, options.replyTo)).messageId })
    const acked = await Promise.race([sent.acked.then(() => true), delay(options.wait * 1_000).then(() => false)])
    if (!acked) process.exitCode = EXIT_CODES.unreachable[0]
    await context.output.result(
      { messageId: sent.messageId, conversation: sent.conversation, acked },
      acked ? `sent ${sent.messageId}` : `queued ${sent.messageId}: the server did not answer; it goes out with the next command`,
    )
  })
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
