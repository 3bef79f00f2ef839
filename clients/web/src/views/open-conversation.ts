import type { Client, Conversation, Group } from '@evegram/sdk'
import type { ConversationSummary } from '@evegram/sdk/react'

/** What both kinds of conversations can do. */
export type OpenConversation = Conversation | Group

/** A conversation that was found, and what may be done in it. */
export interface Opened {
  readonly conversation: OpenConversation
  readonly isMember: boolean
  /** Owners and admins of a group. */
  readonly mayDeleteAny: boolean
}

/** A conversation of the profile that can be talked in; undefined where there is none. */
export async function openById(client: Client, { id, kind, peer }: { readonly id: string; readonly kind: ConversationSummary['kind']; readonly peer?: ConversationSummary['peer'] | undefined }): Promise<Opened | undefined> {
  if (kind === 'group') {
    const group = await client.group(id)
    const role = (await group.members()).find(({ account }) => account === client.account)?.role
    return { conversation: group, isMember: await group.isMember(), mayDeleteAny: role === 'owner' || role === 'admin' }
  }
  if (peer === undefined) return undefined
  const known = (await client.conversations()).find((one) => one.id === id)
  return known === undefined ? undefined : { conversation: known, isMember: true, mayDeleteAny: false }
}
