import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { messageObject, messageText } from '../message-line.js'

/**
 * `evegram listen`: prints what arrived since the last `listen` of this profile, then every message as it arrives.
 * The place is kept after a line was handed to its reader, so a killed `listen` repeats at most the line it was writing.
 */
export async function listen(context: Context, options: { readonly count?: string; readonly all?: boolean; readonly own?: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    const stop = interruption()
    const wanted = options.count === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(options.count, 10)
    context.output.note('Listening; Ctrl-C ends it.')
    let printed = 0
    const inbox = client.inbox({ fromStart: options.all === true, signal: stop.signal })
    for await (const { message, done } of inbox) {
      if (message.fromAccount !== client.account || options.own === true) {
        await context.output.result(messageObject(message), messageText(message, context.output))
        printed++
      }
      await done()
      if (printed >= wanted) break
    }
    stop.release()
  })
}
