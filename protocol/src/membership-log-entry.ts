import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, hexOf, utf8 } from './bytes.js'
import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { EvegramError } from './errors.js'
import {
  ID_BYTES, idBytes, parseAccountId, parseConversationId, type AccountId, type ConversationId,
} from './ids.js'
import { LIMITS } from './limits.js'
import { actorMap, readActor, type LogActor } from './log-actor.js'

/** What a member may do: see `applyMembershipEntry`. */
export type GroupRole = 'owner' | 'admin' | 'member'

/** Every role, the strongest first. */
export const GROUP_ROLES = ['owner', 'admin', 'member'] as const satisfies readonly GroupRole[]

/** Body of each kind of entry. Lists of members are in ascending order, nobody twice. */
export interface MembershipBodies {
  /** Founds the group: the actor is its owner, `members` its first members. `salt`: 16 random bytes that the id is made of. */
  create: { readonly salt: Uint8Array; readonly members: readonly AccountId[] }
  /** Founds a channel: its members are its authors; those who follow it are in no log. */
  create_channel: { readonly salt: Uint8Array; readonly members: readonly AccountId[] }
  /** New members, with role `member`. */
  add: { readonly members: readonly AccountId[] }
  remove: { readonly members: readonly AccountId[] }
  /** The actor goes. */
  leave: Readonly<Record<string, never>>
  role: { readonly member: AccountId; readonly role: GroupRole }
}

/** Kind of an entry. */
export type MembershipKind = keyof MembershipBodies

/** A kind with its body. */
export type MembershipChange =
  { readonly [Kind in MembershipKind]: { readonly kind: Kind; readonly body: MembershipBodies[Kind] } }[MembershipKind]

/** The device that makes an entry. */
export type MembershipActor = LogActor

/** An entry without its signature. */
export type MembershipDraft = {
  readonly v: 1
  readonly conversation: ConversationId
  /** The first entry has 1; it is the version of the membership behind the entry. */
  readonly seq: number
  /** Head before this entry, 32 bytes; zeros for the first. */
  readonly prev: Uint8Array
  readonly actor: MembershipActor
  /** When the entry was made, in ms since 1970, as its author says. */
  readonly atMs: number
} & MembershipChange

/** One entry of the membership log of a group. */
export type MembershipEntry = MembershipDraft & {
  /** Ed25519 signature (64 bytes) of {@link membershipEntryHash} by the signing key of the acting device. */
  readonly signature: Uint8Array
}

const INVALID = 'invalid.membership_entry' as const

function changeMap(change: MembershipChange): CborValue {
  switch (change.kind) {
    case 'create':
    case 'create_channel':
      return { salt: change.body.salt, members: change.body.members.map(idBytes) }
    case 'add':
    case 'remove':
      return { members: change.body.members.map(idBytes) }
    case 'leave':
      return {}
    case 'role':
      return { member: idBytes(change.body.member), role: change.body.role }
    default:
      return change satisfies never
  }
}

function readChange(kind: string, value: CborValue): MembershipChange {
  const body = new CborFields(value, INVALID)
  const change = readKind(kind, body)
  body.end()
  return change
}

function readKind(kind: string, body: CborFields): MembershipChange {
  switch (kind) {
    case 'create':
    case 'create_channel':
      return { kind, body: { salt: body.bytes('salt', ID_BYTES), members: readMembers(body) } }
    case 'add':
    case 'remove': {
      const members = readMembers(body)
      if (members.length === 0) body.fail('members: at least one')
      return { kind, body: { members } }
    }
    case 'leave':
      return { kind, body: {} }
    case 'role': {
      const text = body.text('role', 16)
      const role = GROUP_ROLES.find((known) => known === text) ?? body.fail('a known role')
      return { kind, body: { member: readAccount(body, 'member'), role } }
    }
    default:
      return body.fail('a known kind')
  }
}

/** One spelling of every change: ascending, nobody twice. */
function readMembers(fields: CborFields): AccountId[] {
  const members = fields.list('members', LIMITS.membershipChangesMax).map((member) =>
    (member instanceof Uint8Array && member.length === ID_BYTES ? parseAccountId(hexOf(member)) : fields.fail('members: ids')))
  members.forEach((member, index) => {
    const before = members[index - 1]
    if (before !== undefined && before >= member) fields.fail('members: ascending')
  })
  return members
}

function readAccount(fields: CborFields, name: string): AccountId {
  return parseAccountId(hexOf(fields.bytes(name, ID_BYTES)))
}

function draftMap(draft: MembershipDraft): { readonly [key: string]: CborValue } {
  return {
    v: draft.v, conversation: idBytes(draft.conversation), seq: draft.seq, prev: draft.prev, kind: draft.kind, body: changeMap(draft),
    actor: actorMap(draft.actor), atMs: draft.atMs,
  }
}

/** What the acting device signs: SHA-256("evegram/membership-entry/v1" 0x00, deterministic CBOR of the entry without `signature`), 32 bytes. */
export function membershipEntryHash(draft: MembershipDraft): Uint8Array {
  return sha256(concatBytes(utf8('evegram/membership-entry/v1\0'), encodeCbor(draftMap(draft))))
}

/** Head of a membership log behind an entry: SHA-256("evegram/membership-head/v1" 0x00, the encoded entry), 32 bytes. */
export function membershipHeadOf(encodedEntry: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8('evegram/membership-head/v1\0'), encodedEntry))
}

/** Deterministic CBOR of an entry. Throws `too_large.membership_entry`, and `invalid.*` for what {@link decodeMembershipEntry} would refuse. */
export function encodeMembershipEntry(entry: MembershipEntry): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor({ ...draftMap(entry), signature: entry.signature })
  decodeMembershipEntry(bytes)
  return bytes
}

/**
 * Parses one entry of at most `LIMITS.membershipEntryBytesMax` bytes; checks its shape and nothing that depends on the log.
 * Throws `too_large.membership_entry`, `invalid.cbor`, `invalid.membership_entry`.
 */
export function decodeMembershipEntry(bytes: Uint8Array): MembershipEntry {
  if (bytes.length > LIMITS.membershipEntryBytesMax) throw new EvegramError('too_large.membership_entry', { operation: 'decode membership entry' })
  const fields = new CborFields(decodeCbor(bytes, LIMITS.membershipEntryBytesMax), INVALID)
  if (fields.uint('v') !== 1) fields.fail('version 1')
  const place = {
    v: 1 as const,
    conversation: parseConversationId(hexOf(fields.bytes('conversation', ID_BYTES))),
    seq: fields.uint('seq', 0xffffffff),
    prev: fields.bytes('prev', 32),
    actor: readActor(fields.value('actor'), INVALID),
    atMs: fields.uint('atMs', 2 ** 48 - 1),
    signature: fields.bytes('signature', 64),
  }
  const change = readChange(fields.text('kind', 16), fields.value('body'))
  fields.end()
  return { ...place, ...change }
}
