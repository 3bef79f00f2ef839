import { directConversationIdOf } from '@evegram/protocol'
import type { Transmission } from '../sync/transmit.js'
import type { Core } from './context.js'
import { newConversation, readConversation, writeConversation, type ConversationRow } from './conversation-row.js'

/** The conversation of the account with itself, in which own devices talk; its devices are loaded, and reachable as far as that can be. */
export async function ownConversation(core: Core, transmission: Transmission): Promise<ConversationRow> {
  const { account, local, store, time } = core
  const known = await readConversation(store, directConversationIdOf(account, account))
  const row = known ?? newConversation(account, account, time.now())
  if (known === undefined) {
    await local.write((tx) => {
      writeConversation(tx, row)
      return Promise.resolve()
    })
  }
  await transmission.prepare(row)
  return row
}
