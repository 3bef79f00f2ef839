import { bytesOfHex, directConversationIdOf, ENVELOPE_OFFSETS, equalBytes, positionAtTime, type AccountId } from '@evegram/protocol'
import type { EnvelopeLog } from '../ports/envelope-log.js'

/** Copies of a conversation that are looked at, oldest first. Who has not answered among so many is a stranger. */
const COPIES_MAX = 256
const PAGE_COPIES = 64

/** Who has accepted whom. */
export interface AcceptedContacts {
  /** Whether `owner` sent something in the direct conversation with `other`. Rejects with `unavailable.envelope_log`. */
  accepted(owner: AccountId, other: AccountId): Promise<boolean>
}

/** Who has accepted whom, by the retained logs: an account accepted the other side of a direct conversation once it sent something there. */
export function acceptedContacts(log: EnvelopeLog): AcceptedContacts {
  return {
    async accepted(owner, other) {
      const conversation = directConversationIdOf(owner, other)
      const account = bytesOfHex(owner)
      let after = positionAtTime(0)
      for (let read = 0; read < COPIES_MAX; read += PAGE_COPIES) {
        const copies = await log.read(conversation, after, PAGE_COPIES)
        if (copies.some(({ envelope }) => equalBytes(envelope.subarray(ENVELOPE_OFFSETS.account, ENVELOPE_OFFSETS.epoch), account))) return true
        const last = copies[PAGE_COPIES - 1]
        if (last === undefined) return false
        after = last.position
      }
      return false
    },
  }
}
