import { directConversationIdOf, type AccountId, type ConversationId } from '@evegram/protocol'
import type { DirectMembership, GroupChangeResult, GroupMembership, Membership, MembershipState } from '../../ports/membership.js'

/** Membership in memory, shared by every node of a test cluster. */
export class MemoryMembership implements Membership {
  readonly #direct = new Map<ConversationId, DirectMembership>()
  readonly #groups = new Map<ConversationId, { readonly state: GroupMembership; readonly entries: readonly Uint8Array[] }>()

  async get(conversation: ConversationId): Promise<MembershipState | undefined> {
    return this.#direct.get(conversation) ?? this.#groups.get(conversation)?.state
  }

  async openDirect(one: AccountId, other: AccountId): Promise<DirectMembership> {
    const conversation = directConversationIdOf(one, other)
    const standing = this.#direct.get(conversation)
    if (standing !== undefined) return standing
    const opened: DirectMembership = { conversation, kind: 'direct', version: 1, members: [...new Set([one, other])].sort() }
    this.#direct.set(conversation, opened)
    return opened
  }

  async changeGroup(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    const standing = this.#groups.get(next.conversation)
    if (this.#direct.has(next.conversation) || (standing?.state.version ?? 0) !== next.version - 1) return { status: 'conflict' }
    this.#groups.set(next.conversation, { state: next, entries: [...standing?.entries ?? [], entry.slice()] })
    return { status: 'stored' }
  }

  async groupEntries(conversation: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    return this.#groups.get(conversation)?.entries.slice(after, after + limit) ?? []
  }
}
