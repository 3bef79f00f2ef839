import { mayBeApplied, type CassandraQueries, type CassandraRow } from '@evegram/platform/cassandra'
import { bytesOfHex, concatBytes, directConversationIdOf, EvegramError, hexOf, ID_BYTES, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Membership, MembershipState } from '../../ports/membership.js'
import { OPEN_CONVERSATION, SELECT_CONVERSATION } from './membership.cql.js'

/** Tries to open a conversation whose outcome stays unknown. All write the same row, so that several do no harm. */
const OPEN_TRIES = 3

/** Membership over conditional writes. */
export class CassandraMembership implements Membership {
  readonly #session: CassandraQueries

  constructor(session: CassandraQueries) {
    this.#session = session
  }

  /** A direct conversation never changes, so what a quorum shows is final; that there is none is asked of the conditional writes themselves. */
  async get(conversation: ConversationId): Promise<MembershipState | undefined> {
    const id = bytesOfHex(conversation)
    const [shown] = await this.#session.read(SELECT_CONVERSATION, [id])
    return shown === undefined ? this.#decided(conversation) : stateOf(conversation, shown)
  }

  async openDirect(one: AccountId, other: AccountId): Promise<MembershipState> {
    const conversation = directConversationIdOf(one, other)
    const id = bytesOfHex(conversation)
    const [standing] = await this.#session.read(SELECT_CONVERSATION, [id])
    if (standing !== undefined) return stateOf(conversation, standing)
    const opened: MembershipState = { conversation, kind: 'direct', version: 1, members: [...new Set([one, other])].sort() }
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

  async #decided(conversation: ConversationId): Promise<MembershipState | undefined> {
    const [row] = await this.#session.readSerial(SELECT_CONVERSATION, [bytesOfHex(conversation)])
    return row === undefined ? undefined : stateOf(conversation, row)
  }
}

function stateOf(conversation: ConversationId, row: CassandraRow): MembershipState {
  const kind = row.text('kind')
  if (kind !== 'direct') throw new EvegramError('internal', { operation: 'read membership', details: { kind } })
  const bytes = row.bytes('members')
  // Written from account ids of 16 bytes each: as hex they are ids again.
  const members = Array.from({ length: bytes.length / ID_BYTES }, (_, index) =>
    hexOf(bytes, index * ID_BYTES, (index + 1) * ID_BYTES) as AccountId)
  return { conversation, kind, version: row.integer('version'), members }
}
