import type { CassandraQueries } from '@evegram/platform/cassandra'
import { bytesOfHex, decodeGroupState, encodeGroupState, groupMembers, type ConversationId } from '@evegram/protocol'
import type { GroupChangeResult, GroupMembership } from '../../ports/membership.js'
import { ConversationTurns } from './conversation-turns.js'
import { INSERT_ENTRY, INSERT_HEAD, SELECT_ENTRIES, SELECT_HEAD, UPDATE_HEAD } from './groups.cql.js'

/** Changes of one group that this process holds, the one under way included; beyond it `limited.queue`. */
export const CHANGES_HELD_MAX = 64

/** Heads and logs of groups. */
export class CassandraGroupRows {
  readonly #session: CassandraQueries
  readonly #turns = new ConversationTurns('change group', CHANGES_HELD_MAX)

  constructor(session: CassandraQueries) {
    this.#session = session
  }

  /** The group as every change that resolved before left it: a serial read, as a plain one may miss a change whose outcome was unknown and then show it. */
  async head(conversation: ConversationId): Promise<GroupMembership | undefined> {
    const [row] = await this.#session.readSerial(SELECT_HEAD, [bytesOfHex(conversation)])
    if (row === undefined) return undefined
    const group = decodeGroupState(row.bytes('state'))
    return { conversation, kind: 'group', version: row.integer('version'), members: groupMembers(group), wide: row.has('wide') && row.flag('wide'), group }
  }

  /** As {@link Membership.changeGroup} for an id that is no direct conversation. */
  change(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    return this.#turns.run(next.conversation, () => this.#write(next, entry))
  }

  /** As {@link Membership.groupEntries}. An entry never changes, and one that resolved is at a quorum. */
  async entries(conversation: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    if (limit <= 0) return []
    return (await this.#session.read(SELECT_ENTRIES, [bytesOfHex(conversation), after, limit])).map((row) => row.bytes('entry'))
  }

  /** Head and entry lie in one partition: both are stored or neither. Never tried again here: whoever hears nothing reads what came of it. */
  async #write({ conversation, version, group, wide }: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    const [id, state] = [bytesOfHex(conversation), encodeGroupState(group)]
    const head = version === 1
      ? { cql: INSERT_HEAD, values: [id, version, state, wide] }
      : { cql: UPDATE_HEAD, values: [version, state, wide, id, version - 1] }
    const { applied } = await this.#session.conditionalBatch([head, { cql: INSERT_ENTRY, values: [id, version, entry] }])
    return { status: applied ? 'stored' : 'conflict' }
  }
}
