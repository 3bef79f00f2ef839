import { EvegramError } from '@evegram/protocol'
import type { Alarms } from './alarms.js'
import type { ChainName } from './chain/chain-adapter.js'
import type { ChainWork } from './chain-work.js'
import { parsePayoutId, type Payout, type PayoutId, type PayoutOutcome } from './flows/payout/payout.js'
import type { AttendAnswer } from './flows/payout/payout-flow.js'
import type { PayoutStore } from './flows/payout/payout-store.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import { verifyLedger, type LedgerVerification } from './ledger/verify.js'

/** Outcomes that wait for a second person; of more the oldest are forgotten, and must be said again. */
const PROPOSALS_MAX = 256

/** Parts of {@link OperatorDesk}. */
export interface OperatorDeskParts {
  readonly ledger: LedgerStore
  readonly payouts: Pick<PayoutStore, 'get'>
  readonly chains: ReadonlyMap<ChainName, ChainWork>
  readonly alarms: Alarms
  readonly decisionsNeedTwo: boolean
}

/** What operators do. `person` is always the name that belongs to a credential. */
export class OperatorDesk {
  readonly #parts: OperatorDeskParts
  /** By payout: who said first how it ended. Of this process: a restart forgets it, which costs a word and no money. */
  readonly #proposals = new Map<PayoutId, { readonly person: string; readonly outcome: string }>()
  #verifying = false

  constructor(parts: OperatorDeskParts) {
    this.#parts = parts
  }

  /** The work on a chain. Throws `not_found.resource`. */
  work(chain: ChainName): ChainWork {
    const found = this.#parts.chains.get(chain)
    if (found === undefined) throw new EvegramError('not_found.resource', { operation: 'find chain' })
    return found
  }

  /** A payout of anybody. Rejects `not_found.resource`, `unavailable.store`. */
  async payout(id: PayoutId): Promise<Payout> {
    const found = await this.#parts.payouts.get(parsePayoutId(id))
    if (found === undefined) throw new EvegramError('not_found.resource', { operation: 'read payout' })
    return found
  }

  /** Allows a payout that waits for it. Rejects `denied.same_person`, `conflict.payout_state`, `not_found.resource`, `unavailable.store`. */
  async approve(id: PayoutId, person: string): Promise<Payout> {
    const { chain } = await this.payout(id)
    return this.#attended(id, await this.work(chain).payouts.approve(id, person))
  }

  /** Refuses a payout of which nothing is out. Rejects `conflict.payout_state`, `not_found.resource`, `unavailable.store`. */
  async refuse(id: PayoutId): Promise<Payout> {
    const { chain } = await this.payout(id)
    return this.#attended(id, await this.work(chain).payouts.refuse(id))
  }

  /**
   * Says how a payout ended that needs a person. Where two are needed the first one only proposes; it is done when somebody else says exactly the same. Rejects
   * `denied.same_person`, `invalid.argument`, `conflict.payout_state`, `not_found.resource`, `unavailable.store`.
   */
  async decide(id: PayoutId, outcome: PayoutOutcome, person: string): Promise<{ readonly status: 'proposed' | 'decided'; readonly payout: Payout }> {
    const payout = await this.payout(id)
    if (payout.state !== 'needs_operator') throw new EvegramError('conflict.payout_state', { operation: 'decide payout', details: { state: payout.state } })
    const said = JSON.stringify([outcome.status, String(outcome.fee), String(outcome.tax), outcome.status === 'failed' ? outcome.reason : null])
    const first = this.#proposals.get(id)
    if (this.#parts.decisionsNeedTwo && first?.outcome !== said) {
      this.#propose(id, person, said)
      return { status: 'proposed', payout }
    }
    if (this.#parts.decisionsNeedTwo && first?.person === person) throw new EvegramError('denied.same_person', { operation: 'decide payout' })
    const decided = await this.#attended(id, await this.work(payout.chain).payouts.decide(id, outcome))
    this.#proposals.delete(id)
    return { status: 'decided', payout: decided }
  }

  /** Recomputes the ledger; a difference alarms. Rejects `conflict.busy` while it is being done, `unavailable.store`. */
  async verify(): Promise<LedgerVerification> {
    if (this.#verifying) throw new EvegramError('conflict.busy', { operation: 'verify ledger' })
    this.#verifying = true
    try {
      const verification = await verifyLedger(this.#parts.ledger)
      if (verification.status === 'damaged') this.#parts.alarms.raise({ kind: 'ledger_damaged', chain: undefined, subject: String(verification.number), reason: verification.fault })
      return verification
    } finally {
      this.#verifying = false
    }
  }

  #propose(id: PayoutId, person: string, outcome: string): void {
    this.#proposals.delete(id)
    this.#proposals.set(id, { person, outcome })
    for (const oldest of this.#proposals.keys()) {
      if (this.#proposals.size <= PROPOSALS_MAX) break
      this.#proposals.delete(oldest)
    }
  }

  async #attended(id: PayoutId, answer: AttendAnswer): Promise<Payout> {
    const payout = await this.payout(id)
    switch (answer) {
      case 'done':
        return payout
      case 'same_person':
        throw new EvegramError('denied.same_person', { operation: 'attend payout' })
      case 'too_late':
      case 'not_found':
        throw new EvegramError('conflict.payout_state', { operation: 'attend payout', details: { state: payout.state } })
    }
  }
}
