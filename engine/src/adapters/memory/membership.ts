import { directConversationIdOf, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Membership, MembershipState } from '../../ports/membership.js'

/** Membership in memory, shared by every node of a test cluster. */
export class MemoryMembership implements Membership {
  readonly #states = new Map<ConversationId, MembershipState>()

  async get(conversation: ConversationId): Promise<MembershipState | undefined> {
    return this.#states.get(conversation)
  }

  async openDirect(one: AccountId, other: AccountId): Promise<MembershipState> {
    const conversation = directConversationIdOf(one, other)
    const standing = this.#states.get(conversation)
    if (standing !== undefined) return standing
    const opened: MembershipState = { conversation, kind: 'direct', version: 1, members: [...new Set([one, other])].sort() }
    this.#states.set(conversation, opened)
    return opened
  }
}
