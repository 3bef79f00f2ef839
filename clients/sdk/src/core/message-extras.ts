import {
  hexOf, idBytes, LIMITS, messageIdOf, parseAccountId, readTarget, targetMap, type CborFields, type CborValue, type ConversationId,
} from '@evegram/protocol'
import type { Message, Reaction } from './message.js'

/** What most messages do not have: the fields of a row that are there only where they say something. */
export type MessageExtras = Pick<Message, 'replyTo' | 'reactions' | 'editedAtMs' | 'deleted' | 'expiresIn' | 'expiresAtMs' | 'stranger' | 'membershipVersion'>

/** Different emoji, and people who show one, under one message: everybody who ever was in its group may have one. */
const REACTIONS_MAX = 65_536

/** Row fields of what a message has of them. */
export function extraFields({ replyTo, reactions, editedAtMs, deleted, expiresIn, expiresAtMs, stranger, membershipVersion }: MessageExtras): Record<string, CborValue> {
  return {
    ...(replyTo === undefined ? {} : { reply: targetMap(replyTo) }),
    ...(reactions === undefined ? {} : { reactions: reactions.map(({ emoji, by }) => [emoji, by.map((account) => idBytes(account))]) }),
    ...(editedAtMs === undefined ? {} : { editedAtMs }), ...(deleted === undefined ? {} : { deleted }),
    ...(stranger === undefined ? {} : { stranger }), ...(membershipVersion === undefined ? {} : { membershipVersion }),
    ...(expiresIn === undefined ? {} : { expiresIn }), ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  }
}

/** Reads them. Throws `client.store` on a row of another shape. */
export function readExtras(fields: CborFields, conversation: ConversationId): MessageExtras {
  const reply = fields.has('reply') ? readTarget(fields.value('reply')) : undefined
  return {
    ...(reply === undefined ? {} : { replyTo: { ...reply, messageId: messageIdOf({ conversation, ...reply }) } }),
    ...(fields.has('reactions') ? { reactions: fields.list('reactions', REACTIONS_MAX).map((pair) => readReaction(fields, pair)) } : {}),
    ...(fields.has('editedAtMs') ? { editedAtMs: fields.uint('editedAtMs') } : {}), ...(fields.has('deleted') && fields.boolean('deleted') ? { deleted: true } : {}),
    ...(fields.has('stranger') && fields.boolean('stranger') ? { stranger: true } : {}),
    ...(fields.has('membershipVersion') ? { membershipVersion: fields.uint('membershipVersion', 0xffffffff) } : {}),
    ...(fields.has('expiresIn') ? { expiresIn: fields.uint('expiresIn', LIMITS.disappearSecondsMax) } : {}),
    ...(fields.has('expiresAtMs') ? { expiresAtMs: fields.uint('expiresAtMs') } : {}),
  }
}

function readReaction(fields: CborFields, pair: CborValue): Reaction {
  // Array.isArray widens readonly arrays to any[]; what is in it is checked.
  const [emoji, by] = Array.isArray(pair) ? (pair as readonly CborValue[]) : []
  if (typeof emoji !== 'string' || !Array.isArray(by)) return fields.fail('reaction')
  // As above.
  return { emoji, by: (by as readonly CborValue[]).map((account) => parseAccountId(account instanceof Uint8Array ? hexOf(account) : fields.fail('account'))) }
}
