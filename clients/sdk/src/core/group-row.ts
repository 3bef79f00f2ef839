import {
  CborFields, concatBytes, decodeCbor, decodeGroupState, encodeCbor, encodeGroupState, groupMembershipHash, equalBytes, GROUP_ROLES, hexOf, idBytes, parseAccountId,
  type AccountId, type CborValue, type ConversationId, type GroupRole, type GroupState,
} from '@evegram/protocol'
import { isGroup, type ConversationRow } from './conversation-row.js'
import type { Transaction } from './transaction.js'

/** From which version an account was a member, and until which. */
export interface MemberSpan {
  readonly account: AccountId
  /** Entry that added it. */
  readonly from: number
  /** Entry that took it out; absent while it is a member. */
  readonly to?: number
  /** When this device learned of that, in ms since 1970. */
  readonly goneAtMs?: number
}

/** What an account was from a version on, until it became something else or went. */
export interface RoleSpan {
  readonly account: AccountId
  readonly from: number
  readonly role: GroupRole
}

/** What a profile keeps of a group for ever: its verified log. */
export interface GroupRow {
  readonly state: GroupState
  /** Head behind entry `index + 1`, 32 bytes each. */
  readonly heads: readonly Uint8Array[]
  /** Everybody who ever was a member. */
  readonly spans: readonly MemberSpan[]
  /** Who was an owner or admin, and who was not any more, in the order of the log; members that never were are not in it. */
  readonly roles: readonly RoleSpan[]
  /** Empty until an owner or admin named it. */
  readonly name: string
  /** The server says that this account is not a member any more. */
  readonly gone: boolean
}

const ROW_BYTES_MAX = 1_048_576
const SPANS_MAX = 65_536
const HEAD_BYTES = 32

/** Start of the keys of groups in table `conversations`. */
export const GROUP_PREFIX = 'g/'

function groupKey(conversation: ConversationId): string {
  return `${GROUP_PREFIX}${conversation}`
}

/** Row bytes of a group. */
export function encodeGroup(row: GroupRow): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    state: encodeGroupState(row.state), heads: concatBytes(...row.heads), name: row.name, gone: row.gone,
    spans: row.spans.map(({ account, from, to, goneAtMs }) => [idBytes(account), from, to ?? 0, goneAtMs ?? 0]),
    roles: row.roles.map(({ account, from, role }) => [idBytes(account), from, role]),
  })
}

/** Throws `client.store` on a row of another shape. */
export function decodeGroup(bytes: Uint8Array): GroupRow {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const state = decodeGroupState(fields.bytes('state', { lengthMax: ROW_BYTES_MAX }))
  const heads = fields.bytes('heads', state.seq * HEAD_BYTES)
  return {
    state, heads: Array.from({ length: state.seq }, (_, index) => heads.slice(index * HEAD_BYTES, (index + 1) * HEAD_BYTES)),
    spans: fields.list('spans', SPANS_MAX).map((span) => {
      // Array.isArray widens readonly arrays to any[]; what is in it is checked.
      const [account, from, to, goneAtMs] = Array.isArray(span) ? (span as readonly CborValue[]) : []
      if (!(account instanceof Uint8Array) || typeof from !== 'number' || typeof to !== 'number' || typeof goneAtMs !== 'number') return fields.fail('span')
      return { account: parseAccountId(hexOf(account)), from, ...(to === 0 ? {} : { to, goneAtMs }) }
    }),
    // Rows of before have none: then what somebody is now counts for the past too.
    roles: fields.has('roles') ? fields.list('roles', SPANS_MAX).map((span) => readRole(fields, span)) : [...state.members].map(([account, { role }]) => ({ account, from: 1, role })),
    name: fields.text('name', 1_024), gone: fields.boolean('gone'),
  }
}

function readRole(fields: CborFields, span: CborValue): RoleSpan {
  // As above.
  const [account, from, role] = Array.isArray(span) ? (span as readonly CborValue[]) : []
  const known = GROUP_ROLES.find((name) => name === role)
  if (!(account instanceof Uint8Array) || typeof from !== 'number' || known === undefined) return fields.fail('role')
  return { account: parseAccountId(hexOf(account)), from, role: known }
}

/** The group as `source` sees it. */
export async function readGroup(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<GroupRow | undefined> {
  const bytes = await source.get('conversations', groupKey(conversation))
  return bytes === undefined ? undefined : decodeGroup(bytes)
}

/** Writes the row. */
export function writeGroup(tx: Transaction, row: GroupRow): void {
  tx.put('conversations', groupKey(row.state.conversation), encodeGroup(row))
}

/** The span in which `account` was a member at `version`. */
export function spanAt(row: GroupRow, account: AccountId, version: number): MemberSpan | undefined {
  if (version > row.state.seq) return undefined
  return row.spans.find((span) => span.account === account && span.from <= version && (span.to === undefined || version < span.to))
}

/** What `account` was at `version`; `undefined` where it was no member. */
export function roleAt(row: GroupRow, account: AccountId, version: number): GroupRole | undefined {
  const span = spanAt(row, account, version)
  if (span === undefined) return undefined
  return row.roles.findLast((role) => role.account === account && span.from <= role.from && role.from <= version)?.role ?? 'member'
}

/** Whether `account` might delete what others say at `version`: owners and admins of groups. In direct conversations nobody. */
export async function mayDeleteAny(source: Pick<Transaction, 'get'>, conversation: ConversationRow, account: AccountId, version: number): Promise<boolean> {
  const group = isGroup(conversation) ? await readGroup(source, conversation.conversation) : undefined
  const role = group === undefined ? undefined : roleAt(group, account, version)
  return role === 'owner' || role === 'admin'
}

/** `membershipHash` of payloads made at `version`, if that is known. */
export function membershipHashAt(row: GroupRow, version: number): Uint8Array | undefined {
  const head = row.heads[version - 1]
  return head === undefined ? undefined : groupMembershipHash({ conversation: row.state.conversation, seq: version, head })
}

/** The version that a membership hash belongs to, the newest first. */
export function versionOfHash(row: GroupRow, hash: Uint8Array): number | undefined {
  for (let version = row.state.seq; version > 0; version--) {
    const known = membershipHashAt(row, version)
    if (known !== undefined && equalBytes(known, hash)) return version
  }
  return undefined
}

/** The row behind an entry that led from `row.state` to `state`. */
export function groupAfter(row: Omit<GroupRow, 'state'> & { readonly state: GroupState }, state: GroupState, nowMs: number): GroupRow {
  const spans = row.spans.map((span) => (span.to === undefined && !state.members.has(span.account) ? { ...span, to: state.seq, goneAtMs: nowMs } : span))
  const added = [...state.members.keys()].filter((account) => !row.state.members.has(account)).map((account) => ({ account, from: state.seq }))
  const roles = [...state.members].filter(([account, { role }]) => role !== (row.state.members.get(account)?.role ?? 'member'))
    .map(([account, { role }]) => ({ account, from: state.seq, role }))
  return { ...row, state, heads: [...row.heads, state.head], spans: [...spans, ...added], roles: [...row.roles, ...roles] }
}
