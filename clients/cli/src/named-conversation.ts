import { EvegramError } from '@evegram/protocol'
import type { Client, Conversation, Group, Message } from '@evegram/sdk'

/** Digits of a group or message id that are enough to name it, where they name one only. */
const ID_DIGITS_MIN = 6
/** Messages at the end of a conversation among which one is looked for by the first digits of its id. */
const NAMED_MESSAGES_MAX = 1_000

/** What people talk in. */
export type Talked = Pick<Conversation, 'id' | 'send' | 'react' | 'edit' | 'deleteForEveryone' | 'timer' | 'setTimer' | 'history'>

/** A group by its id, the first digits of it, or its name, where they name one group only. Rejects `invalid.argument`. */
export async function namedGroup(client: Client, wanted: string): Promise<Group> {
  const found: Group[] = []
  for (const group of await client.groups()) {
    const byId = wanted.length >= ID_DIGITS_MIN && group.id.startsWith(wanted.toLowerCase())
    if (byId || (await group.name()) === wanted) found.push(group)
  }
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const none = 'This profile knows no such group. See: evegram group list'
  const several = 'This names several groups: write the id, or more digits of it. See: evegram group list'
  throw new EvegramError('invalid.argument', { operation: 'find group', advice: found.length === 0 ? none : several })
}

/** The conversation with an address, or with `group` the group of that name or id. */
export function namedConversation(client: Client, wanted: string, options: { readonly group?: boolean }): Promise<Conversation | Group> {
  return options.group === true ? namedGroup(client, wanted) : client.conversation(wanted)
}

/** One of the last messages by its id or the first digits of it. Rejects `invalid.argument`. */
export async function namedMessage(conversation: Talked, wanted: string): Promise<Message> {
  const digits = wanted.toLowerCase()
  const isId = /^[0-9a-f]+$/.test(digits) && digits.length >= ID_DIGITS_MIN
  const found = isId ? (await conversation.history(NAMED_MESSAGES_MAX)).filter(({ messageId }) => messageId.startsWith(digits)) : []
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const none = 'No message of this conversation has this id, or it is too far back. See: evegram history --ids'
  const several = 'This names several messages: write more digits of the id. See: evegram history --ids'
  throw new EvegramError('invalid.argument', { operation: 'find message', advice: found.length === 0 ? none : several })
}
