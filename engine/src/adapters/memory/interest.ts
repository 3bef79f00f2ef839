import type { Clock, ConversationId } from '@evegram/protocol'
import type { Interest, InterestEntry } from '../../ports/interest.js'

interface Held {
  registration: number
  expiresAtMs: number
}

/** Interest in memory, shared by every node of a test cluster; the interest of a standalone server. */
export class MemoryInterest implements Interest {
  readonly #clock: Clock
  /** Conversation -> incarnation -> its entry. */
  readonly #conversations = new Map<ConversationId, Map<number, Held>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async register(entries: readonly InterestEntry[], ttlMs: number): Promise<void> {
    const expiresAtMs = this.#clock.monotonicMs() + ttlMs
    for (const { conversation, incarnation, registration } of entries) {
      const nodes = this.#standing(conversation) ?? new Map<number, Held>()
      this.#conversations.set(conversation, nodes)
      if ((nodes.get(incarnation)?.registration ?? 0) <= registration) nodes.set(incarnation, { registration, expiresAtMs })
    }
  }

  async refresh(entries: readonly InterestEntry[], ttlMs: number): Promise<readonly ('found' | 'absent')[]> {
    const expiresAtMs = this.#clock.monotonicMs() + ttlMs
    return entries.map(({ conversation, incarnation, registration }) => {
      const held = this.#standing(conversation)?.get(incarnation)
      if (held?.registration !== registration) return 'absent'
      held.expiresAtMs = expiresAtMs
      return 'found'
    })
  }

  async lookup(conversations: readonly ConversationId[]): Promise<readonly (readonly number[])[]> {
    return conversations.map((conversation) => [...this.#standing(conversation)?.keys() ?? []])
  }

  /** Loses everything, as a restarted Redis does: for tests and the simulator. */
  forget(): void {
    this.#conversations.clear()
  }

  /** The entries of a conversation; those whose time ran out are removed on the way. */
  #standing(conversation: ConversationId): Map<number, Held> | undefined {
    const nodes = this.#conversations.get(conversation)
    if (nodes === undefined) return undefined
    const nowMs = this.#clock.monotonicMs()
    for (const [incarnation, { expiresAtMs }] of nodes) if (expiresAtMs <= nowMs) nodes.delete(incarnation)
    if (nodes.size > 0) return nodes
    this.#conversations.delete(conversation)
    return undefined
  }
}
