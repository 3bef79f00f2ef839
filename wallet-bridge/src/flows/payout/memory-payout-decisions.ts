import type { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import type { PayoutId } from './payout.js'
import { decideWord, isOver, PROPOSALS_MAX, type DecisionWord, type PayoutDecision, type PayoutDecisions, type SayResult } from './payout-decisions.js'

/** Decisions beside a ledger in memory: for the simulator and for tests. */
export class MemoryPayoutDecisions implements PayoutDecisions {
  readonly #ledger: MemoryLedger
  readonly #kept = new Map<PayoutId, PayoutDecision>()

  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger
  }

  async say(word: DecisionWord): Promise<SayResult> {
    const nowMs = this.#ledger.nowMs()
    const { result, decision, act } = decideWord(this.#kept.get(word.payout), word, nowMs)
    if (act !== undefined) this.#ledger.commit([act], nowMs)
    if (decision !== undefined) {
      // Behind all others: the first of the map is the oldest.
      this.#kept.delete(word.payout)
      this.#kept.set(word.payout, decision)
    }
    const proposals = [...this.#kept.values()].filter(({ approvedBy }) => approvedBy === undefined)
    for (const [index, proposal] of proposals.entries()) {
      if (isOver(proposal, nowMs) || index < proposals.length - PROPOSALS_MAX) this.#kept.delete(proposal.payout)
    }
    return result
  }

  async waiting(): Promise<readonly PayoutDecision[]> {
    const nowMs = this.#ledger.nowMs()
    return [...this.#kept.values()].filter((decision) => decision.approvedBy === undefined && !isOver(decision, nowMs))
  }

  async approved(limit: number): Promise<readonly PayoutDecision[]> {
    return [...this.#kept.values()].filter(({ approvedBy }) => approvedBy !== undefined).slice(0, limit)
  }

  async done(payout: PayoutId, version: number): Promise<void> {
    if ((this.#kept.get(payout)?.version ?? version + 1) <= version) this.#kept.delete(payout)
  }
}
