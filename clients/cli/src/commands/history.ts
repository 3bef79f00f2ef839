import type { Context } from '../context.js'
import { messageObject, messageText } from '../message-line.js'

/** Messages that `history` prints when no limit is given. */
export const HISTORY_LIMIT_DEFAULT = 1_000_000

/** `evegram history`: catches up, then prints the conversation in its order. */
export async function history(context: Context, address: string, options: { readonly limit?: string }): Promise<void> {
  await context.withClient(async (client) => {
    const conversation = await client.conversation(address)
    await client.whenSynced()
    const limit = options.limit === undefined ? HISTORY_LIMIT_DEFAULT : Math.max(1, Number.parseInt(options.limit, 10) || 1)
    for (const message of await conversation.history(limit)) {
      await context.output.result(messageObject(message), messageText(message, context.output))
    }
  })
}
