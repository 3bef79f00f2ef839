import type { AccountId, ConversationId } from '@evegram/protocol'
import type { Marks } from '../ports/marks.js'
import type { Links } from './links.js'
import { encodeAccountNotices } from './packet.js'
import type { PositionClock } from './position-clock.js'
import type { Repairs } from './repairs.js'
import type { Sessions } from './sessions.js'
import { LEFT_MARGIN_MS } from './wide-interest.js'

/** Members from which on marks and interest go by conversation: above this a group is wide. */
export const WIDE_OVER = 64

/** What writing down who is in wide conversations needs. */
export interface WideMembersParts {
  readonly marks: Marks
  readonly links: Pick<Links, 'everyPeer' | 'publishData' | 'flush'>
  readonly sessions: Sessions
  readonly repairs: Pick<Repairs, 'demand'>
  readonly positions: PositionClock
}

/**
 * Writes down which accounts are in which wide conversations, and tells their live sessions.
 * Architecture invariant: before a membership is stored that is wide for an account, its entry is durable, and every node was told under a number of its
 * link: either a session of the account reads its entries again, or its cursor waits (rules 4, 5 and 8).
 */
export class WideMembers {
  readonly #parts: WideMembersParts

  constructor(parts: WideMembersParts) {
    this.#parts = parts
  }

  /** Call before `version` of the membership, in which the accounts are, is stored. Rejects `unavailable.envelope_log`, `unavailable.bus`, `limited.queue`. */
  async join(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void> {
    if (accounts.length === 0) return
    await this.#parts.marks.join(conversation, accounts, version)
    await this.#tell(conversation, accounts)
  }

  /** Call when no node acts on a membership before `version` any more, in which the accounts are not. Rejects as {@link join}; safe to call again. */
  async leave(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void> {
    if (accounts.length === 0) return
    await this.#parts.marks.leave(conversation, accounts, version, this.#parts.positions.nowMs() + LEFT_MARGIN_MS)
    await this.#tell(conversation, accounts)
  }

  /** Every node, not those that presence names: it may have forgotten some. A change of a wide group is rare. */
  async #tell(conversation: ConversationId, accounts: readonly AccountId[]): Promise<void> {
    const { links, sessions, repairs, positions } = this.#parts
    for (const account of accounts) for (const session of sessions.ofAccount(account)) repairs.demand(session)
    const peers = links.everyPeer()
    if (peers.length === 0) return
    // A peer that the broker refuses finds the number missing; the others are told all the same.
    const failures: unknown[] = []
    for (const peer of peers) {
      try {
        links.publishData(peer, encodeAccountNotices(accounts, conversation, positions.next()))
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (failures.length > 0) throw failures[0]
    await links.flush()
  }
}
