import type { AccountId, ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'

/** Marks in memory, shared by every node of a test cluster. Forgets everything with the process. */
export class MemoryMarks implements Marks {
  /** Account -> conversation -> last marked hour, in hours since 1970. */
  readonly #lastHour = new Map<string, Map<ConversationId, number>>()

  /** Marks `conversation` for each account in the hour of `timeMs`. */
  mark(accounts: readonly string[], conversation: ConversationId, timeMs: number): void {
    const hour = Math.floor(timeMs / MARK_HOUR_MS)
    for (const account of accounts) {
      const marks = this.#lastHour.get(account) ?? new Map<ConversationId, number>()
      this.#lastHour.set(account, marks)
      if ((marks.get(conversation) ?? -1) < hour) marks.set(conversation, hour)
    }
  }

  async since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    const fromHour = Math.floor(sinceMs / MARK_HOUR_MS)
    return [...this.#lastHour.get(account) ?? []]
      .filter(([conversation, hour]) => hour >= fromHour && (afterConversation === undefined || conversation > afterConversation))
      .map(([conversation]) => conversation)
      .sort()
      .slice(0, limit)
  }
}
