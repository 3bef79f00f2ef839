import {
  CborFields, decodeCbor, directConversationIdOf, encodeCbor, groupMembershipHash, hexOf, idBytes, membershipHash, parseAccountId,
  type AccountId, type CborValue, type ConversationId,
} from '@evegram/protocol'
import type { Transaction } from './transaction.js'

/** What a profile keeps about a conversation. */
export interface ConversationRow {
  readonly conversation: ConversationId
  /** The other account; the own one for notes to oneself and for groups. */
  readonly peer: AccountId
  /** Ascending; one for notes to oneself. */
  readonly members: readonly AccountId[]
  readonly membershipVersion: number
  /** Of a group: head of its membership log at that version, 32 bytes. */
  readonly head?: Uint8Array
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

/** A conversation that is a group. */
export type GroupConversationRow = ConversationRow & { readonly head: Uint8Array }

/** Whether it is a group: its messages go under sender keys. */
export function isGroup(row: ConversationRow): row is GroupConversationRow {
  return row.head !== undefined
}

/** `membershipHash` of payloads for the members that the row names. */
export function membershipHashOf(row: ConversationRow): Uint8Array {
  if (!isGroup(row)) return membershipHash(row.members)
  return groupMembershipHash({ conversation: row.conversation, seq: row.membershipVersion, head: row.head })
}

/** Row bytes. */
function encodeConversation(row: ConversationRow): Uint8Array<ArrayBuffer> {
  const map: Record<string, CborValue> = {
    peer: idBytes(row.peer), members: row.members.map((account) => idBytes(account)), membershipVersion: row.membershipVersion,
    opened: row.opened, createdAtMs: row.createdAtMs, activeAtMs: row.activeAtMs, floor: row.floor,
  }
  if (row.head !== undefined) map['head'] = row.head
  return encodeCbor(map)
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
    ...(fields.has('head') ? { head: fields.bytes('head', 32) } : {}),
  }
}

/** The conversation as `source` sees it. */
export async function readConversation(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<ConversationRow | undefined> {
  const bytes = await source.get('conversations', conversationKey(conversation))
  return bytes === undefined ? undefined : decodeConversation(conversation, bytes)
}

/** Removes the row. */
export function removeConversation(tx: Transaction, conversation: ConversationId): void {
  tx.remove('conversations', conversationKey(conversation))
}

/** Writes the row. */
export function writeConversation(tx: Transaction, row: ConversationRow): void {
  tx.put('conversations', conversationKey(row.conversation), encodeConversation(row))
}
