import {
  applyMembershipEntry, decodeMembershipEntry, emptyGroupState, EvegramError, groupMembers, isEvegramError, membershipHeadOf,
  type AccountId, type ConversationId, type ErrorCode, type GroupPage, type GroupState, type MembershipEntry,
} from '@evegram/protocol'
import { signingKeyAt } from '../account/signing-key-at.js'
import { noblePrimitives } from '../crypto/noble-primitives.js'
import type { GroupEvent } from '../events.js'
import type { Core } from './context.js'
import { readConversation, writeConversation } from './conversation-row.js'
import { groupAfter, readGroup, writeGroup, type GroupRow } from './group-row.js'
import type { Transaction } from './transaction.js'
import { KeyedTurns } from './turns.js'

/** Pages of a membership log that one refresh reads: more than a full log has. */
const PAGES_MAX = 128
/** The account of an author is not asked for more often than this, however many entries it made. */
const AUTHOR_MAX_AGE_MS = 1_000

interface Verified {
  readonly row: GroupRow
  readonly events: readonly GroupEvent[]
}

/** Follows the membership logs of groups and believes no server on the way: every entry is verified against the account log of its author. */
export class GroupLogs {
  readonly #core: Core
  readonly #turns = new KeyedTurns()

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Brings a group up to date with the server and makes it durable; what breaks a rule is told as `group-alarm`, and changes nothing. Waits for the network.
   * Rejects with the rule that was broken, `denied.not_member`, `not_found.conversation`, `unavailable.server` without a connection, or as the verifier does.
   */
  refresh(conversation: ConversationId): Promise<GroupRow> {
    return this.#turns.run(conversation, async () => {
      const before = await readGroup(this.#core.store, conversation)
      try {
        const verified = await this.#follow(conversation, before)
        await this.#keep(verified)
        return verified.row
      } catch (error) {
        if (isEvegramError(error, 'denied.not_member') && before !== undefined) await this.#markGone(conversation)
        throw error
      }
    })
  }

  async #follow(conversation: ConversationId, before: GroupRow | undefined): Promise<Verified> {
    const connection = this.#core.connection()
    if (connection === undefined) throw new EvegramError('unavailable.server', { operation: 'read group' })
    let row: GroupRow = before ?? { state: emptyGroupState(conversation), heads: [], spans: [], name: '', gone: false }
    const events: GroupEvent[] = []
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const page = await connection.readGroup({ conversation, after: row.state.seq })
      if (page.conversation !== conversation || page.version < row.state.seq) throw this.#alarm(conversation, 'group.log_invalid', 'the server shows an older log')
      for (const bytes of page.entries) {
        const next = await this.#apply(conversation, row, bytes)
        events.push(next.event)
        row = next.row
      }
      if (isWhole(page, row.state)) return { row: { ...row, gone: false }, events }
      if (page.entries.length === 0) break
    }
    throw this.#alarm(conversation, 'group.log_invalid', 'the server names a newer version and does not show it')
  }

  async #apply(conversation: ConversationId, row: GroupRow, bytes: Uint8Array): Promise<{ readonly row: GroupRow; readonly event: GroupEvent }> {
    const { accounts, auth, roster, time } = this.#core
    let entry: MembershipEntry
    try {
      entry = decodeMembershipEntry(bytes)
    } catch (error) {
      if (!isEvegramError(error)) throw error
      throw this.#alarm(conversation, error.code, 'an entry does not parse')
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
      primitives: noblePrimitives, signingKeyOf: () => (key.status === 'active' ? key.signingKey : undefined), nowMs: time.now(), mode: 'peer',
    })
    if (result.status === 'refused') throw this.#alarm(conversation, result.code, result.reason)
    const members = (state: GroupState): AccountId[] => groupMembers(state)
    return {
      row: groupAfter(row, { ...result.state, head: membershipHeadOf(bytes) }, time.now()),
      event: {
        conversation, version: entry.seq, kind: entry.kind, by: account, signerRevokedSince: key.status === 'active' && key.revokedSince,
        joined: members(result.state).filter((member) => !row.state.members.has(member)),
        left: members(row.state).filter((member) => !result.state.members.has(member)),
      },
    }
  }

  /** Chains of those who went stay for what they said before: receiving judges by the spans of members. */
  #keep({ row, events }: Verified): Promise<void> {
    const { local, time, account: me, events: hub } = this.#core
    return local.write(async (tx) => {
      const { conversation } = row.state
      const name = (await readGroup(tx, conversation))?.name ?? row.name
      writeGroup(tx, { ...row, name })
      await this.#writeConversation(tx, row, me, time.now())
      for (const event of events) tx.afterCommit(() => { hub.emit('group-changed', event) })
    })
  }

  async #writeConversation(tx: Transaction, { state }: GroupRow, me: AccountId, nowMs: number): Promise<void> {
    const known = await readConversation(tx, state.conversation)
    if (known === undefined && !state.members.has(me)) return
    const fresh = { conversation: state.conversation, peer: me, opened: true, createdAtMs: nowMs, activeAtMs: nowMs, floor: 0n }
    writeConversation(tx, { ...known ?? fresh, members: groupMembers(state), membershipVersion: state.seq, head: state.head })
  }

  #markGone(conversation: ConversationId): Promise<void> {
    return this.#core.local.write(async (tx) => {
      const row = await readGroup(tx, conversation)
      if (row !== undefined) writeGroup(tx, { ...row, gone: true })
    })
  }

  #alarm(conversation: ConversationId, code: ErrorCode, reason: string): EvegramError {
    this.#core.events.emit('group-alarm', { conversation, code, reason })
    return new EvegramError(code, { operation: 'verify membership log', details: { reason } })
  }
}

function isWhole(page: GroupPage, state: GroupState): boolean {
  return state.seq > 0 && state.seq >= page.version
}
