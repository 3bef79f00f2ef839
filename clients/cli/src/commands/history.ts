import type { Message } from '@evegram/sdk'
import type { Context } from '../context.js'
import { markSeen } from '../mark-seen.js'
import { messageObject, messageText } from '../message-line.js'
import { paymentViews } from '../payment-view.js'
import { shownWithoutServer, synced } from '../synced.js'

/** How long the server may be away before what this device has is printed without it. */
const AWAY_MS_MAX = 10_000

/** `evegram history`: catches up, then prints the conversation in its order. Without a server it prints what the device has, and fails. */
export async function history(context: Context, address: string, options: { readonly limit?: number; readonly ids?: boolean; readonly read: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    const conversation = await client.conversation(address)
    const isComplete = await synced(client, AWAY_MS_MAX)
    const messages = options.limit === undefined ? conversation.messages({ live: false }) : await conversation.history(options.limit)
    const view = paymentViews(client)
    const seen = markSeen(client, context.output, options.read)
    let last: Message | undefined
    for await (const message of messages) {
      const payment = await view(message)
      await context.output.result(messageObject(message, payment), messageText(message, context.output, Date.now(), payment, options))
      if (message.direction === 'in') last = message
    }
    if (last !== undefined) await seen(last)
    if (!isComplete) throw shownWithoutServer()
  })
}
