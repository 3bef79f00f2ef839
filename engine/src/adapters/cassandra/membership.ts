import { mayBeApplied, type CassandraQueries, type CassandraRow } from '@evegram/platform/cassandra'
import { bytesOfHex, concatBytes, directConversationIdOf, EvegramError, hexOf, ID_BYTES, type AccountId, type ConversationId } from '@evegram/protocol'
import type { DirectMembership, GroupChangeResult, GroupMembership, Membership, MembershipState } from '../../ports/membership.js'
import { CassandraGroupRows } from './group-rows.js'
import { OPEN_CONVERSATION, SELECT_CONVERSATION } from './membership.cql.js'

/** Tries to open a conversation whose outcome stays unknown. All write the same row, so that several do no harm. */
const OPEN_TRIES = 3
/** A group has no members in the row that takes its id: they are in its head. */
const NO_MEMBERS = new Uint8Array()

/** What a row of the table of conversations says: it is written once and stands for ever. */
type Opened = DirectMembership | { readonly kind: 'group' }

/** Membership over conditional writes. */
export class CassandraMembership implements Membership {
  readonly #session: CassandraQueries
  readonly #groups: CassandraGroupRows

  constructor(session: CassandraQueries) {
    this.#session = session
    this.#groups = new CassandraGroupRows(session)
  }

  /**
   * What an id stands for never changes, so what a quorum shows of it is final; that it stands for nothing is asked of the conditional writes
   * themselves, and so is the head of a group. A direct conversation costs one plain read, a group a plain and a serial one.
   */
  async get(conversation: ConversationId): Promise<MembershipState | undefined> {
    const [shown] = await this.#session.read(SELECT_CONVERSATION, [bytesOfHex(conversation)])
    const opened = shown === undefined ? await this.#decided(conversation) : openedOf(conversation, shown)
    return opened?.kind === 'group' ? this.#groups.head(conversation) : opened
  }

  async openDirect(one: AccountId, other: AccountId): Promise<DirectMembership> {
    const conversation = directConversationIdOf(one, other)
    const members = [...new Set([one, other])].sort()
    const opened = await this.#open({ conversation, kind: 'direct', version: 1, members }, conversation, concatBytes(...members.map((member) => bytesOfHex(member))))
    // Ids of groups are made of other words than those of direct conversations: only one who breaks the hash could have taken this one.
    if (opened.kind !== 'direct') throw new EvegramError('internal', { operation: 'open conversation', details: { kind: opened.kind } })
    return opened
  }

  async changeGroup(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    // The id is taken before the first entry, so that group and direct conversation never stand under one. Taken without an entry it is still nothing.
    if (next.version === 1 && (await this.#open({ kind: 'group' }, next.conversation, NO_MEMBERS)).kind !== 'group') return { status: 'conflict' }
    return this.#groups.change(next, entry)
  }

  groupEntries(conversation: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    return this.#groups.entries(conversation, after, limit)
  }

  /** Lets the id stand for `wanted`, unless it stands for something: then that is answered. */
  async #open(wanted: Opened, conversation: ConversationId, members: Uint8Array): Promise<Opened> {
    const id = bytesOfHex(conversation)
    const [standing] = await this.#session.read(SELECT_CONVERSATION, [id])
    if (standing !== undefined) return openedOf(conversation, standing)
    for (let tried = 1; ; tried++) {
      try {
        const result = await this.#session.conditional(OPEN_CONVERSATION, [id, wanted.kind, 1, members])
        return !result.applied && result.row !== undefined ? openedOf(conversation, result.row) : wanted
      } catch (failure) {
        if (!mayBeApplied(failure)) throw failure
        // The outcome is unknown: a serial read shows a write that was taken.
        const decided = await this.#decided(conversation)
        if (decided !== undefined) return decided
        if (tried === OPEN_TRIES) throw failure
      }
    }
  }

  async #decided(conversation: ConversationId): Promise<Opened | undefined> {
    const [row] = await this.#session.readSerial(SELECT_CONVERSATION, [bytesOfHex(conversation)])
    return row === undefined ? undefined : openedOf(conversation, row)
  }
}

function openedOf(conversation: ConversationId, row: CassandraRow): Opened {
  const kind = row.text('kind')
  if (kind === 'group') return { kind }
  if (kind !== 'direct') throw new EvegramError('internal', { operation: 'read membership', details: { kind } })
  const bytes = row.bytes('members')
  // Written from account ids of 16 bytes each: as hex they are ids again.
  const members = Array.from({ length: bytes.length / ID_BYTES }, (_, index) =>
    hexOf(bytes, index * ID_BYTES, (index + 1) * ID_BYTES) as AccountId)
  return { conversation, kind, version: row.integer('version'), members }
}
