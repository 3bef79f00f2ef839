import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { hexOf } from './bytes.js'
import { ID_BYTES, idBytes, parseAccountId, parseConversationId, type AccountId } from './ids.js'
import { GROUP_ROLES } from './membership-log-entry.js'
import type { GroupState } from './membership-log-state.js'

/** Largest encoded state; some 70 bytes for each account that ever acted. */
const GROUP_STATE_BYTES_MAX = 1_048_576
/** Accounts in one state. */
const ACCOUNTS_MAX = 8_192
const INVALID = 'invalid.membership_entry' as const

/** CBOR of a state, for stores; it is not part of the wire protocol. */
export function encodeGroupState(state: GroupState): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    conversation: idBytes(state.conversation), ...(state.kind === 'channel' ? { channel: true } : {}), seq: state.seq, head: state.head,
    members: [...state.members].map(([account, { role, joinedSeq }]) => [idBytes(account), GROUP_ROLES.indexOf(role), joinedSeq]),
    actorLogs: [...state.actorLogs].map(([account, { seq, head }]) => [idBytes(account), seq, head]),
  })
}

/** Throws `invalid.cbor` or `invalid.membership_entry` on bytes that {@link encodeGroupState} did not write. */
export function decodeGroupState(bytes: Uint8Array): GroupState {
  const fields = new CborFields(decodeCbor(bytes, GROUP_STATE_BYTES_MAX), INVALID)
  const read = <Value>(name: string, readValue: (second: CborValue | undefined, third: CborValue | undefined) => Value): Map<AccountId, Value> =>
    new Map(fields.list(name, ACCOUNTS_MAX).map((row) => {
      // Array.isArray widens readonly arrays to any[]; the type of `row` is known.
      const [account, second, third] = Array.isArray(row) ? (row as readonly CborValue[]) : []
      if (!(account instanceof Uint8Array) || account.length !== ID_BYTES) return fields.fail(name)
      return [parseAccountId(hexOf(account)), readValue(second, third)] as const
    }))
  return {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', ID_BYTES))),
    // States of groups were written before there were channels, without the field.
    kind: fields.has('channel') && fields.value('channel') === true ? 'channel' : 'group',
    seq: fields.uint('seq'), head: fields.bytes('head', 32),
    members: read('members', (rank, joinedSeq) => {
      const role = typeof rank === 'number' ? GROUP_ROLES[rank] : undefined
      return role === undefined || typeof joinedSeq !== 'number' ? fields.fail('members') : { role, joinedSeq }
    }),
    actorLogs: read('actorLogs', (seq, head) => (typeof seq === 'number' && head instanceof Uint8Array ? { seq, head } : fields.fail('actorLogs'))),
  }
}
