import { EvegramError } from '@evegram/protocol'
import type { Alarms } from './alarms.js'
import type { ChainName } from './chain/chain-adapter.js'
import type { ChainWork } from './chain-work.js'
import { outcomeOfWords, outcomeWordsOf } from './flows/payout/outcome-words.js'
import { checkPerson, parsePayoutId, type Payout, type PayoutId, type PayoutOutcome } from './flows/payout/payout.js'
import { DECISIONS_PAGE_MAX, PROPOSAL_MS, type PayoutDecision, type PayoutDecisions } from './flows/payout/payout-decisions.js'
import { checkOutcome } from './flows/payout/payout-flow.js'
import type { AttendAnswer } from './flows/payout/payout-flow-parts.js'
import type { PayoutStore } from './flows/payout/payout-store.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import { verifyLedger, type LedgerVerification } from './ledger/verify.js'

/** Parts of {@link OperatorDesk}. */
export interface OperatorDeskParts {
  readonly ledger: LedgerStore
  readonly payouts: Pick<PayoutStore, 'get'>
  readonly decisions: PayoutDecisions
  readonly chains: ReadonlyMap<ChainName, ChainWork>
  readonly alarms: Alarms
  readonly decisionsNeedTwo: boolean
}

/** What somebody proposed about a payout that needs a person, and nobody else said so far. */
export interface Proposal {
  /** As it stands now: a decision is about this version of it. */
  readonly payout: Payout
  readonly outcome: PayoutOutcome
  readonly proposedBy: string
  /** Both by the time of the ledger, ms since 1970: from then on it must be proposed again. */
  readonly proposedMs: number
  readonly untilMs: number
}

/** What operators do. `person` is always the name that belongs to a credential. */
export class OperatorDesk {
  readonly #parts: OperatorDeskParts
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
  async refuse(id: PayoutId, person: string): Promise<Payout> {
    const { chain } = await this.payout(id)
    return this.#attended(id, await this.work(chain).payouts.refuse(id, person))
  }

  /**
   * Says how a payout ended that needs a person. Where two are needed the first one only proposes; it is done when somebody else says exactly the same, to whatever
   * process, within a day. Both stand in the audit trail. Rejects `denied.same_person`, `invalid.argument`, `conflict.payout_state` (also when something
   * else was decided), `not_found.resource`, `unavailable.store`: say the same again.
   */
  async decide(id: PayoutId, outcome: PayoutOutcome, person: string): Promise<{ readonly status: 'proposed' | 'decided'; readonly payout: Payout }> {
    checkPerson(person)
    const payout = await this.payout(id)
    this.work(payout.chain)
    if (payout.state !== 'needs_operator') throw new EvegramError('conflict.payout_state', { operation: 'decide payout', details: { state: payout.state } })
    // Before anybody agrees to it: what is approved is done, whoever comes to do it.
    checkOutcome(payout, outcome)
    const words = outcomeWordsOf(outcome)
    const { decisions, decisionsNeedTwo } = this.#parts
    switch (await decisions.say({ payout: id, version: payout.version, words, person, alone: !decisionsNeedTwo })) {
      case 'proposed':
        return { status: 'proposed', payout }
      case 'approved':
        await this.#act({ payout: id, version: payout.version, words })
        return { status: 'decided', payout: await this.payout(id) }
      case 'same_person':
        throw new EvegramError('denied.same_person', { operation: 'decide payout' })
      case 'decided_otherwise':
      case 'outdated':
        throw new EvegramError('conflict.payout_state', { operation: 'decide payout', details: { state: payout.state } })
    }
  }

  /** Proposals that wait for a second person, the oldest first; not those about a payout that went on since. Rejects `unavailable.store`. */
  async proposals(): Promise<readonly Proposal[]> {
    const proposals: Proposal[] = []
    for (const { payout: id, version, words, proposedBy, proposedMs } of await this.#parts.decisions.waiting()) {
      const payout = await this.payout(id)
      if (payout.version === version) proposals.push({ payout, outcome: outcomeOfWords(words), proposedBy, proposedMs, untilMs: proposedMs + PROPOSAL_MS })
    }
    return proposals
  }

  /** Does what was approved and not done, because a process ended in between; how much of it. Rejects `unavailable.store`. */
  async doApproved(): Promise<number> {
    let done = 0
    for (const decision of await this.#parts.decisions.approved(DECISIONS_PAGE_MAX)) if (await this.#act(decision)) done++
    return done
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

  /** Once, whoever does it: a payout that is not of that version any more was decided by somebody. False: this process has not that chain, another one will do it. */
  async #act({ payout: id, version, words }: Pick<PayoutDecision, 'payout' | 'version' | 'words'>): Promise<boolean> {
    const { chain } = await this.payout(id)
    const work = this.#parts.chains.get(chain)
    if (work === undefined) return false
    await work.payouts.decide(id, outcomeOfWords(words), version)
    await this.#parts.decisions.done(id, version)
    return true
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
