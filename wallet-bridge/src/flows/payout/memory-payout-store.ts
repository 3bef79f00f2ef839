import type { AccountId } from '@evegram/protocol'
import type { ChainName } from '../../chain/chain-adapter.js'
import type { OperatorAct } from '../../ledger/event.js'
import type { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { isSameAsk, newPayout, type Payout, type PayoutId, type PayoutTerms } from './payout.js'
import { ENDED_STATES, isOneOf } from './payout-states.js'
import {
  checkPayoutsRequest, pauseActOf, type AccountPayouts, type CreatePayoutResult, type PauseReason, type PayoutBounds, type PayoutsRequest, type PayoutStore,
} from './payout-store.js'

/** Payouts of one process, for the simulator and for tests: they end with it. Grows with what is asked for. */
export class MemoryPayoutStore implements PayoutStore, AccountPayouts {
  readonly #payouts = new Map<PayoutId, Payout>()
  readonly #paused = new Set<ChainName>()
  readonly #ledger: MemoryLedger

  /** `ledger`: has the audit trail. */
  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger
  }

  async create(terms: PayoutTerms, bounds: PayoutBounds, nowMs: number): Promise<CreatePayoutResult> {
    const known = this.#payouts.get(terms.id)
    if (known !== undefined) return isSameAsk(known, terms) ? { status: 'exists', payout: known } : { status: 'exists_with_different_fields' }
    const others = [...this.#payouts.values()].filter(({ account }) => account === terms.account)
    if (others.filter(({ state }) => !isOneOf(state, ENDED_STATES)).length >= bounds.openMax) return { status: 'too_many_open' }
    const counted = others.filter(({ asset, createdMs, state }) => asset === terms.asset && createdMs >= bounds.sinceMs && state !== 'refused' && state !== 'failed')
    if (counted.reduce<bigint>((sum, { amount }) => sum + amount, terms.amount) > bounds.amountMax) return { status: 'day_limit' }
    const payout = newPayout(terms, this.#payouts.size + 1, nowMs)
    this.#payouts.set(terms.id, payout)
    return { status: 'created', payout }
  }

  async replace(next: Payout): Promise<boolean> {
    return this.#replace(next)
  }

  async attend(next: Payout, act: OperatorAct): Promise<boolean> {
    const isDone = this.#replace(next)
    if (isDone) this.#ledger.commit([act], this.#ledger.nowMs())
    return isDone
  }

  async get(id: PayoutId): Promise<Payout | undefined> {
    return this.#payouts.get(id)
  }

  async list(request: PayoutsRequest): Promise<readonly Payout[]> {
    checkPayoutsRequest(request)
    return [...this.#payouts.values()].filter(({ chain, state, number }) => chain === request.chain && isOneOf(state, request.states) && number > request.after)
      .sort((left, right) => left.number - right.number).slice(0, request.limit)
  }

  async ofAccount(account: AccountId, before: number | undefined, limit: number): Promise<readonly Payout[]> {
    checkPayoutsRequest({ after: before ?? 0, limit })
    return [...this.#payouts.values()].filter((payout) => payout.account === account && (before === undefined || payout.number < before))
      .sort((left, right) => right.number - left.number).slice(0, limit)
  }

  async isPaused(chain: ChainName): Promise<boolean> {
    return this.#paused.has(chain)
  }

  async pausedFor(chain: ChainName): Promise<PauseReason | undefined> {
    return this.#paused.has(chain) ? 'operator' : undefined
  }

  async setPaused(chain: ChainName, isPaused: boolean, person: string): Promise<void> {
    const act = pauseActOf(chain, isPaused, this.#paused.has(chain) ? 'operator' : undefined, person)
    if (act === undefined) return
    if (isPaused) this.#paused.add(chain)
    else this.#paused.delete(chain)
    this.#ledger.commit([act], this.#ledger.nowMs())
  }

  #replace(next: Payout): boolean {
    const before = this.#payouts.get(next.id)
    if (before?.version !== next.version - 1 || isOneOf(before.state, ENDED_STATES)) return false
    this.#payouts.set(next.id, next)
    return true
  }
}
