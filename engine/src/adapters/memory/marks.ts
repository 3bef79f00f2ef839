import type { AccountId, ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'

interface Joined {
  readonly version: number
  /** The hour in which the account left; infinite while it is in. */
  readonly untilHour: number
}

/** Marks in memory, shared by every node of a test cluster. Forgets everything with the process. */
export class MemoryMarks implements Marks {
  /** Inbox -> conversation -> last marked hour, in hours since 1970. */
  readonly #lastHour = new Map<string, Map<ConversationId, number>>()
  /** Account -> wide conversation -> what was written for the highest version. */
  readonly #wide = new Map<AccountId, Map<ConversationId, Joined>>()

  /** Marks `conversation` for each inbox in the hour of `timeMs`. */
  mark(inboxes: readonly string[], conversation: ConversationId, timeMs: number): void {
    const hour = Math.floor(timeMs / MARK_HOUR_MS)
    for (const inbox of inboxes) {
      const marks = this.#lastHour.get(inbox) ?? new Map<ConversationId, number>()
      this.#lastHour.set(inbox, marks)
      if ((marks.get(conversation) ?? -1) < hour) marks.set(conversation, hour)
    }
  }

  async since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    const fromHour = Math.floor(sinceMs / MARK_HOUR_MS)
    const found = new Set<ConversationId>()
    for (const [conversation, hour] of this.#lastHour.get(account) ?? []) if (hour >= fromHour) found.add(conversation)
    for (const [conversation, { untilHour }] of this.#wide.get(account) ?? []) {
      if (untilHour >= fromHour && (this.#lastHour.get(conversation)?.get(conversation) ?? -1) >= fromHour) found.add(conversation)
    }
    return [...found].filter((conversation) => afterConversation === undefined || conversation > afterConversation).sort().slice(0, limit)
  }

  async join(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void> {
    this.#write(conversation, accounts, { version, untilHour: Infinity })
  }

  async leave(conversation: ConversationId, accounts: readonly AccountId[], version: number, untilMs: number): Promise<void> {
    this.#write(conversation, accounts, { version, untilHour: Math.floor(untilMs / MARK_HOUR_MS) })
  }

  async wideOf(account: AccountId): Promise<readonly ConversationId[]> {
    return [...this.#wide.get(account) ?? []].filter(([, { untilHour }]) => untilHour === Infinity).map(([conversation]) => conversation).sort()
  }

  #write(conversation: ConversationId, accounts: readonly AccountId[], next: Joined): void {
    for (const account of accounts) {
      const conversations = this.#wide.get(account) ?? new Map<ConversationId, Joined>()
      this.#wide.set(account, conversations)
      const standing = conversations.get(conversation)
      // Of one version a leave stands above a join.
      if (standing !== undefined && (standing.version > next.version || (standing.version === next.version && standing.untilHour < next.untilHour))) continue
      conversations.set(conversation, next)
    }
  }
}
