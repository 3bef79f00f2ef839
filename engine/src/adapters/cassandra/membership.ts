import { mayBeApplied, type CassandraQueries, type CassandraRow } from '@evegram/platform/cassandra'
import {
  bytesOfHex, concatBytes, decodeGroupState, directConversationIdOf, encodeGroupState, equalBytes, EvegramError, groupMembers, hexOf, ID_BYTES,
  type AccountId, type ConversationId,
} from '@evegram/protocol'
import type { DirectMembership, GroupChangeResult, GroupMembership, Membership, MembershipState } from '../../ports/membership.js'
import {
  CHANGE_GROUP, FOUND_GROUP, INSERT_GROUP_ENTRY, OPEN_CONVERSATION, SELECT_CONVERSATION, SELECT_GROUP, SELECT_GROUP_ENTRIES, SELECT_GROUP_ENTRY,
} from './membership.cql.js'

/** Tries to open a conversation whose outcome stays unknown. All write the same row, so that several do no harm. */
const OPEN_TRIES = 3
/** Tries of a change of a group whose outcome stays unknown. All carry the same condition and the same entry. */
const CHANGE_TRIES = 3

/** Membership over conditional writes. */
export class CassandraMembership implements Membership {
  readonly #session: CassandraQueries

  constructor(session: CassandraQueries) {
    this.#session = session
  }

  /**
   * A direct conversation never changes, so what a quorum shows is final; that there is none is asked of the conditional writes themselves. Of a group a
   * quorum shows every change that was answered, since its commit waited for a quorum.
   */
  async get(conversation: ConversationId): Promise<MembershipState | undefined> {
    const id = bytesOfHex(conversation)
    const [shown] = await this.#session.read(SELECT_CONVERSATION, [id])
    if (shown !== undefined) return stateOf(conversation, shown)
    const [group] = await this.#session.read(SELECT_GROUP, [id])
    return group === undefined ? this.#decided(conversation) : groupOf(conversation, group)
  }

  async openDirect(one: AccountId, other: AccountId): Promise<DirectMembership> {
    const conversation = directConversationIdOf(one, other)
    const id = bytesOfHex(conversation)
    const [standing] = await this.#session.read(SELECT_CONVERSATION, [id])
    if (standing !== undefined) return stateOf(conversation, standing)
    const opened: DirectMembership = { conversation, kind: 'direct', version: 1, members: [...new Set([one, other])].sort() }
    const values = [id, opened.kind, opened.version, concatBytes(...opened.members.map((member) => bytesOfHex(member)))]
    for (let tried = 1; ; tried++) {
      try {
        const result = await this.#session.conditional(OPEN_CONVERSATION, values)
        return !result.applied && result.row !== undefined ? stateOf(conversation, result.row) : opened
      } catch (failure) {
        if (!mayBeApplied(failure)) throw failure
        // The outcome is unknown: a serial read shows a write that was taken.
        const decided = await this.#decided(conversation)
        if (decided !== undefined) return decided
        if (tried === OPEN_TRIES) throw failure
      }
    }
  }

  async changeGroup(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    const id = bytesOfHex(next.conversation)
    const [direct] = await this.#session.read(SELECT_CONVERSATION, [id])
    if (direct !== undefined) return { status: 'conflict' }
    const state = [next.version, encodeGroupState(next.group), id]
    const statements = [
      next.version === 1 ? { cql: FOUND_GROUP, values: state } : { cql: CHANGE_GROUP, values: [...state, next.version - 1] },
      { cql: INSERT_GROUP_ENTRY, values: [id, next.version, entry] },
    ]
    let isRepeated = false
    for (let tried = 1; ; tried++) {
      try {
        const result = await this.#session.conditionalBatch(statements)
        if (result.applied) return { status: 'stored' }
        // What stands in the way may be this very change, made by a try whose answer was lost.
        return isRepeated && await this.#isStored(next, entry) ? { status: 'stored' } : { status: 'conflict' }
      } catch (failure) {
        if (!mayBeApplied(failure)) throw failure
        if (await this.#isStored(next, entry)) return { status: 'stored' }
        if (tried === CHANGE_TRIES) throw failure
        isRepeated = true
      }
    }
  }

  async groupEntries(conversation: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    if (limit <= 0) return []
    const rows = await this.#session.read(SELECT_GROUP_ENTRIES, [bytesOfHex(conversation), after, limit])
    return rows.map((row) => Uint8Array.from(row.bytes('entry')))
  }

  async #isStored({ conversation, version }: GroupMembership, entry: Uint8Array): Promise<boolean> {
    const [row] = await this.#session.readSerial(SELECT_GROUP_ENTRY, [bytesOfHex(conversation), version])
    return row !== undefined && equalBytes(row.bytes('entry'), entry)
  }

  async #decided(conversation: ConversationId): Promise<DirectMembership | undefined> {
    const [row] = await this.#session.readSerial(SELECT_CONVERSATION, [bytesOfHex(conversation)])
    return row === undefined ? undefined : stateOf(conversation, row)
  }
}

function groupOf(conversation: ConversationId, row: CassandraRow): GroupMembership {
  const group = decodeGroupState(Uint8Array.from(row.bytes('state')))
  return { conversation, kind: 'group', version: row.integer('version'), members: groupMembers(group), group }
}

function stateOf(conversation: ConversationId, row: CassandraRow): DirectMembership {
  const kind = row.text('kind')
  if (kind !== 'direct') throw new EvegramError('internal', { operation: 'read membership', details: { kind } })
  const bytes = row.bytes('members')
  // Written from account ids of 16 bytes each: as hex they are ids again.
  const members = Array.from({ length: bytes.length / ID_BYTES }, (_, index) =>
    hexOf(bytes, index * ID_BYTES, (index + 1) * ID_BYTES) as AccountId)
  return { conversation, kind, version: row.integer('version'), members }
}
