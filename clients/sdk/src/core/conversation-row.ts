import {
  CborFields, decodeCbor, directConversationIdOf, encodeCbor, hexOf, idBytes, parseAccountId, type AccountId, type ConversationId,
} from '@evegram/protocol'
import type { Transaction } from './transaction.js'

/** What a profile keeps about a direct conversation. */
export interface ConversationRow {
  readonly conversation: ConversationId
  /** The other account; the own one for notes to oneself. */
  readonly peer: AccountId
  /** Ascending; one for notes to oneself. */
  readonly members: readonly AccountId[]
  readonly membershipVersion: number
  /** The server confirmed that it exists. */
  readonly opened: boolean
  readonly createdAtMs: number
  /** Last message in either direction, ms since 1970. */
  readonly activeAtMs: number
  /** Highest order key that own messages must exceed. */
  readonly floor: bigint
}

/** Prefix of conversation rows in table `conversations`. */
export const CONVERSATION_PREFIX = 'c/'

/** Key of a conversation in table `conversations`. */
function conversationKey(conversation: ConversationId): string {
  return `${CONVERSATION_PREFIX}${conversation}`
}

/** The row of a direct conversation that was not used yet. */
export function newConversation(me: AccountId, peer: AccountId, nowMs: number): ConversationRow {
  const members = me === peer ? [me] : [me, peer].sort()
  return {
    conversation: directConversationIdOf(me, peer), peer, members, membershipVersion: 1, opened: false,
    createdAtMs: nowMs, activeAtMs: nowMs, floor: 0n,
  }
}

/** Row bytes. */
function encodeConversation(row: ConversationRow): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    peer: idBytes(row.peer), members: row.members.map((account) => idBytes(account)), membershipVersion: row.membershipVersion,
    opened: row.opened, createdAtMs: row.createdAtMs, activeAtMs: row.activeAtMs, floor: row.floor,
  })
}

/** Throws `client.store` on a row of another shape. */
export function decodeConversation(conversation: ConversationId, bytes: Uint8Array): ConversationRow {
  const fields = new CborFields(decodeCbor(bytes, 65_536), 'client.store')
  return {
    conversation,
    peer: parseAccountId(hexOf(fields.bytes('peer', 16))),
    members: fields.list('members', 256).map((member) => parseAccountId(member instanceof Uint8Array ? hexOf(member) : fields.fail('member'))),
    membershipVersion: fields.uint('membershipVersion'),
    opened: fields.boolean('opened'),
    createdAtMs: fields.uint('createdAtMs'),
    activeAtMs: fields.uint('activeAtMs'),
    floor: fields.uint64('floor'),
  }
}

/** The conversation as `source` sees it. */
export async function readConversation(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<ConversationRow | undefined> {
  const bytes = await source.get('conversations', conversationKey(conversation))
  return bytes === undefined ? undefined : decodeConversation(conversation, bytes)
}

/** Writes the row. */
export function writeConversation(tx: Transaction, row: ConversationRow): void {
  tx.put('conversations', conversationKey(row.conversation), encodeConversation(row))
}
