import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { Client, Conversation } from '@evegram/sdk'
import { namedGroup } from './named-conversation.js'

/**
 * The conversation with the person behind an address, for money: it goes from one person to another. Rejects `invalid.argument` for a group of this profile, with what to
 * do instead, else as {@link Client.conversation} does.
 */
export async function payee(client: Client, wanted: string): Promise<Conversation> {
  try {
    return await client.conversation(wanted)
  } catch (error) {
    if (!isEvegramError(error, 'invalid.address') || !(await isGroup(client, wanted))) throw error
    throw new EvegramError('invalid.argument', {
      operation: 'find payee', advice: 'This is a group. Money goes from one person to another: write the address of a member, as evegram group members shows it.',
    })
  }
}

async function isGroup(client: Client, wanted: string): Promise<boolean> {
  try {
    await namedGroup(client, wanted)
    return true
  } catch (error) {
    if (isEvegramError(error, 'invalid.argument')) return false
    throw error
  }
}
