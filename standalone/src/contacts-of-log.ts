import type { Auth } from '@evegram/auth'
import type { EnvelopeLog } from '@evegram/engine'
import { bytesOfHex, directConversationIdOf, ENVELOPE_OFFSETS, equalBytes, positionAtTime } from '@evegram/protocol'

/** Copies of a conversation that are looked at, oldest first. Who has not answered among so many is a stranger. */
const COPIES_MAX = 256
const PAGE_COPIES = 64

/** Who has accepted whom, by the retained logs: an account accepted the other side of a direct conversation once it sent something there. */
export function contactsOf(log: EnvelopeLog): Parameters<Auth['bindContacts']>[0] {
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
