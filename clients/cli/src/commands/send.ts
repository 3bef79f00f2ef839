import type { Context } from '../context.js'

/** Time that `send` waits for the acknowledgement; the message stays queued and goes with the next command after that. */
const ACK_WAIT_MS = 20_000

/** `evegram send`: sends one message and waits until the server has stored it. */
export async function send(context: Context, address: string, text: string): Promise<void> {
  await context.withClient(async (client) => {
    const conversation = await client.conversation(address)
    const sent = await conversation.send(text)
    const acked = await Promise.race([sent.acked.then(() => true), delay(ACK_WAIT_MS).then(() => false)])
    if (!acked) process.exitCode = 4
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
