import {
  CborFields, compareBytes, decodeCbor, directConversationIdOf, encodeCbor, EvegramError, hexOf, idBytes, parseAccountId,
  type AccountId, type ConversationId,
} from '@evegram/protocol'
import type { Membership, MembershipState } from '../../ports/membership.js'
import type { Committer } from './committer.js'
import type { Databases } from './databases.js'
import { idBytesOf } from './keys.js'

/** Largest stored membership; a direct conversation needs some 70 bytes. */
const MEMBERSHIP_BYTES_MAX = 65_536
/** Members of a direct conversation. */
const DIRECT_MEMBERS_MAX = 2

/** Membership on LMDB: a direct conversation is written once and never changes, so that writing it twice is harmless. */
export class LmdbMembership implements Membership {
  readonly #databases: Databases
  readonly #committer: Committer

  constructor(databases: Databases, committer: Committer) {
    this.#databases = databases
    this.#committer = committer
  }

  get(conversation: ConversationId): Promise<MembershipState | undefined> {
    try {
      const stored = this.#databases.membership.get(idBytesOf(conversation))
      return Promise.resolve(stored === undefined ? undefined : decodeMembership(conversation, stored))
    } catch (cause) {
      return Promise.reject(new EvegramError('unavailable.store', { operation: 'read membership', cause }))
    }
  }

  async openDirect(one: AccountId, other: AccountId): Promise<MembershipState> {
    const conversation = directConversationIdOf(one, other)
    const standing = await this.get(conversation)
    if (standing !== undefined) return standing
    const members = one === other ? [one] : compareBytes(idBytes(one), idBytes(other)) < 0 ? [one, other] : [other, one]
    const value = encodeCbor({ kind: 'direct', version: 1, members: members.map((member) => idBytes(member)) })
    await new Promise<void>((resolve, reject) => {
      this.#committer.add({
        bytes: value.length,
        apply: () => { void this.#databases.membership.put(idBytesOf(conversation), value) },
        settle: resolve,
        fail: (cause) => { reject(new EvegramError('unavailable.store', { operation: 'open conversation', cause })) },
      })
    })
    return { conversation, kind: 'direct', version: 1, members }
  }
}

function decodeMembership(conversation: ConversationId, bytes: Uint8Array): MembershipState {
  const fields = new CborFields(decodeCbor(bytes, MEMBERSHIP_BYTES_MAX), 'invalid.cbor')
  if (fields.text('kind', 16) !== 'direct') fields.fail('kind direct')
  const members = fields.list('members', DIRECT_MEMBERS_MAX).map((member) =>
    member instanceof Uint8Array ? parseAccountId(hexOf(member)) : fields.fail('members: bytes'))
  return { conversation, kind: 'direct', version: fields.uint('version'), members }
}
