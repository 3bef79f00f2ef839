import { hexOf, type AccountId, type ConversationId, type GroupRole } from '@evegram/protocol'
import type { GroupMembership } from '@evegram/engine'

/** One version of a group as the store has it. */
export interface GroupVersion {
  /** Hex of the head behind its entry. */
  readonly head: string
  readonly members: ReadonlyMap<AccountId, GroupRole>
  /** True time at which it was stored. */
  readonly atMs: number
}

/** Every version of every group, as it truly is. */
export class GroupHistory {
  readonly #versions = new Map<ConversationId, GroupVersion[]>()

  /** Takes a stored change. Its number is one more than that before, or the answer is false. */
  add({ conversation, version, group }: GroupMembership, atMs: number): boolean {
    const versions = this.#versions.get(conversation) ?? []
    if (version !== versions.length + 1) return false
    versions.push({ head: hexOf(group.head), members: new Map([...group.members].map(([account, { role }]) => [account, role])), atMs })
    this.#versions.set(conversation, versions)
    return true
  }

  isGroup(conversation: ConversationId): boolean {
    return this.#versions.has(conversation)
  }

  /** Version `version`, counted from 1. */
  version(conversation: ConversationId, version: number): GroupVersion | undefined {
    return this.#versions.get(conversation)?.[version - 1]
  }

  /** Whether the account is a member now and was one at every version since `version`. */
  isMemberSince(conversation: ConversationId, account: AccountId, version: number): boolean {
    const since = this.#versions.get(conversation)?.slice(version - 1) ?? []
    return since.length > 0 && since.every(({ members }) => members.has(account))
  }
}
