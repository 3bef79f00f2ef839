import type { Signalled } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { readConversation } from '../core/conversation-row.js'

/**
 * Whether a signal may be shown: it names an attested device, which this profile knows, of a member whom the user accepted to hear. The server says it, and nobody
 * signed it. Nothing is asked of the network for something that is over in a moment.
 */
export async function isBelieved(core: Core, { conversation, account, device }: Pick<Signalled, 'conversation' | 'account' | 'device'>): Promise<boolean> {
  const { store, accounts, roster, requests } = core
  if (account === core.account) return false
  const row = await readConversation(store, conversation)
  if (row?.members.includes(account) !== true) return false
  if (requests.isWaiting(conversation) || (await requests.isBlocked(account))) return false
  if (!roster.isLoaded(account)) {
    if (await accounts.known(account) === undefined) return false
    await roster.loadAccount(account)
  }
  return roster.devicesOf(account).some((attested) => attested.device === device)
}
