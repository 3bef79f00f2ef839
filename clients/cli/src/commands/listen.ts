import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { markSeen } from '../mark-seen.js'
import { messageObject, messageText } from '../message-line.js'
import { paymentViews } from '../payment-view.js'

/**
 * `evegram listen`: prints what arrived since the last `listen` of this profile, then every message as it arrives.
 * The place is kept after a line was handed to its reader, so a killed `listen` repeats at most the line it was writing.
 */
export async function listen(context: Context, options: { readonly count?: number; readonly all?: boolean; readonly own?: boolean; readonly read: boolean }): Promise<void> {
  await context.withClient(async (client, ended) => {
    const stop = interruption()
    const view = paymentViews(client)
    const seen = markSeen(client, context.output, options.read)
    const wanted = options.count ?? Number.POSITIVE_INFINITY
    context.output.note('Listening; Ctrl-C ends it.')
    let printed = 0
    try {
      for await (const item of client.inbox({ fromStart: options.all === true, signal: AbortSignal.any([stop.signal, ended]) })) {
        const { message } = item
        const isOwn = message.fromAccount === client.account
        if (!isOwn || options.own === true) {
          // With own messages among them, the sender alone does not say which conversation a line belongs to.
          const payment = await view(message)
          const object = options.own === true ? { ...messageObject(message, payment), conversation: message.conversation } : messageObject(message, payment)
          await context.output.result(object, messageText(message, context.output, Date.now(), payment))
          printed++
          await seen(message)
        }
        await item.done()
        if (printed >= wanted) break
      }
    } finally {
      stop.release()
    }
  })
}
