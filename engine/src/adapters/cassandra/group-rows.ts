import type { CassandraQueries } from '@evegram/platform/cassandra'
import { bytesOfHex, decodeGroupState, encodeGroupState, EvegramError, groupMembers, type ConversationId } from '@evegram/protocol'
import type { GroupChangeResult, GroupMembership } from '../../ports/membership.js'
import { INSERT_ENTRY, INSERT_HEAD, SELECT_ENTRIES, SELECT_HEAD, UPDATE_HEAD } from './groups.cql.js'

/** Changes of one group that this process holds, the one under way included; beyond it `limited.queue`. */
export const CHANGES_HELD_MAX = 64

/**
 * Heads and logs of groups. Changes of one group go one after the other within this process, as conditional writes that compete only delay each
 * other until their coordinators give up; between processes the condition decides.
 */
export class CassandraGroupRows {
  readonly #session: CassandraQueries
  /** For each group that is changed now the changes held and the end of the last one. */
  readonly #changing = new Map<ConversationId, { held: number; last: Promise<unknown> }>()

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
  async change(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    const { conversation } = next
    const queue = this.#changing.get(conversation) ?? { held: 0, last: Promise.resolve() }
    if (queue.held >= CHANGES_HELD_MAX) throw new EvegramError('limited.queue', { operation: 'change group', details: { heldMax: CHANGES_HELD_MAX } })
    queue.held++
    this.#changing.set(conversation, queue)
    const change = queue.last.then(() => this.#write(next, entry))
    queue.last = change.catch(() => undefined)
    try {
      return await change
    } finally {
      if (--queue.held === 0) this.#changing.delete(conversation)
    }
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
