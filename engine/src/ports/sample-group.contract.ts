import { emptyHead, type AccountId, type ConversationId, type GroupMember } from '@evegram/protocol'
import type { GroupMembership } from './membership.js'

/** A group of an owner (the first of `accounts`) and others at a version; its log is not looked at by a store. */
export function sampleGroup(conversation: ConversationId, version: number, accounts: readonly AccountId[], wide = false): GroupMembership {
  const members = new Map<AccountId, GroupMember>(accounts.map((account, index) => [account, { role: index === 0 ? 'owner' : 'member', joinedSeq: 1 }]))
  const head = new Uint8Array(32).fill(version)
  const actorLogs = new Map(accounts.slice(0, 1).map((account) => [account, { seq: version, head: emptyHead() }]))
  return { conversation, kind: 'group', version, members: [...accounts].sort(), wide, group: { conversation, kind: 'group', seq: version, head, members, actorLogs } }
}

/** Bytes in the place of an entry: its author, then its number. */
export function sampleEntry(version: number, author = 0): Uint8Array {
  return Uint8Array.from([author, ...Array.from({ length: 300 }, () => version & 0xff)])
}
