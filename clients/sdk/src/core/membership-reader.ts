import {
  applyMembershipEntry, decodeMembershipEntry, emptyGroupState, EvegramError, groupMembers, isEvegramError, membershipHeadOf,
  type AccountId, type ConversationId, type ErrorCode, type GroupPage, type GroupState, type MembershipEntry,
} from '@evegram/protocol'
import { signingKeyAt } from '../account/signing-key-at.js'
import type { GroupEvent } from '../events.js'
import type { Core } from './context.js'
import { groupAfter, type GroupRow } from './group-row.js'

/** Pages of a membership log that one refresh reads: more than a full log has. */
const PAGES_MAX = 128
/** The account of an author is not asked for more often than this, however many entries it made. */
const AUTHOR_MAX_AGE_MS = 1_000

/** A membership log as far as the server shows it, and every entry that was new. */
export interface ReadMembership {
  readonly row: GroupRow
  readonly news: readonly MembershipNews[]
}

/** One verified entry and what it changed. */
export interface MembershipNews {
  readonly entry: MembershipEntry
  readonly event: GroupEvent
}

/** Tells of a rule that the log of a server breaks. */
export type TellAlarm = (alarm: { readonly conversation: ConversationId; readonly code: ErrorCode; readonly reason: string }) => void

/**
 * Reads what is new of a membership log and verifies every entry against the account log of its author: no server is believed on the way.
 * Nothing is written. Rejects with the rule that was broken (after `alarm`), `denied.not_member`, `not_found.conversation`,
 * `unavailable.server` without a connection, or as the verifier of accounts does.
 */
export async function readMembership(core: Core, conversation: ConversationId, before: GroupRow | undefined, alarm: TellAlarm): Promise<ReadMembership> {
  const connection = core.connection()
  if (connection === undefined) throw new EvegramError('unavailable.server', { operation: 'read membership' })
  let row: GroupRow = before ?? { state: emptyGroupState(conversation), heads: [], spans: [], roles: [], name: '', gone: false }
  const news: MembershipNews[] = []
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = await connection.readGroup({ conversation, after: row.state.seq })
    if (page.conversation !== conversation || page.version < row.state.seq) throw refused(alarm, conversation, 'group.log_invalid', 'the server shows an older log')
    for (const bytes of page.entries) {
      const next = await apply(core, row, bytes, alarm)
      news.push(next.news)
      row = next.row
    }
    if (isWhole(page, row.state)) return { row: { ...row, gone: false }, news }
    if (page.entries.length === 0) break
  }
  throw refused(alarm, conversation, 'group.log_invalid', 'the server names a newer version and does not show it')
}

async function apply(core: Core, row: GroupRow, bytes: Uint8Array, alarm: TellAlarm): Promise<{ readonly row: GroupRow; readonly news: MembershipNews }> {
  const { accounts, auth, roster, primitives, time } = core
  const { conversation } = row.state
  let entry: MembershipEntry
  try {
    entry = decodeMembershipEntry(bytes)
  } catch (error) {
    if (!isEvegramError(error)) throw error
    throw refused(alarm, conversation, error.code, 'an entry does not parse')
  }
  const { account, device, log } = entry.actor
  // What the author's account says today is asked for: a device that was revoked since is told of.
  await roster.refresh(account, { maxAgeMs: AUTHOR_MAX_AGE_MS })
  const key = await signingKeyAt({ accounts, api: auth }, account, device, log)
  if (key.status === 'alarm') {
    roster.alarm(account, key.error)
    throw key.error
  }
  const result = applyMembershipEntry(row.state, bytes, {
    primitives, signingKeyOf: () => (key.status === 'active' ? key.signingKey : undefined), nowMs: time.now(), mode: 'peer',
  })
  if (result.status === 'refused') throw refused(alarm, conversation, result.code, result.reason)
  const members = (state: GroupState): AccountId[] => groupMembers(state)
  const event = {
    conversation, version: entry.seq, kind: entry.kind, by: account, signerRevokedSince: key.status === 'active' && key.revokedSince,
    joined: members(result.state).filter((member) => !row.state.members.has(member)),
    left: members(row.state).filter((member) => !result.state.members.has(member)),
  }
  return { row: groupAfter(row, { ...result.state, head: membershipHeadOf(bytes) }, time.now()), news: { entry, event } }
}

function refused(alarm: TellAlarm, conversation: ConversationId, code: ErrorCode, reason: string): EvegramError {
  alarm({ conversation, code, reason })
  return new EvegramError(code, { operation: 'verify membership log', details: { reason } })
}

function isWhole(page: GroupPage, state: GroupState): boolean {
  return state.seq > 0 && state.seq >= page.version
}
