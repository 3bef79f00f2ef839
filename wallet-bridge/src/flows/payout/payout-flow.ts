import { EvegramError, isEvegramError, type Timer } from '@evegram/protocol'
import type { ChainAddress, SignedPayment } from '../../chain/chain-adapter.js'
import { ZERO } from '../../ledger/amount.js'
import type { OperatorAct } from '../../ledger/event.js'
import type { AssetId } from '../../ledger/ids.js'
import { isDone, type TransferRefusal } from '../../ledger/transfer-status.js'
import type { Submission } from '../../ledger/transfer.js'
import { decideSettlement, destinationRefusalOf, needsApproval, NEVER_LANDED, refusalOf } from './decide-payout.js'
import { checkPerson, isSameAsk, SIGNATURES_PER_PAYOUT_MAX, type Payout, type PayoutChange, type PayoutId, type PayoutOutcome } from './payout.js'
import type { AttendAnswer, PayoutAlarm, PayoutAnswer, PayoutAsk, PayoutFlowParts, PayoutProgress, PayoutWait } from './payout-flow-parts.js'
import { checkPayoutPolicy, feeReserveOf, OPEN_PAYOUTS_PER_ACCOUNT_MAX, PAYOUT_DAY_MS, taxReserveOf } from './payout-policy.js'
import type { PayoutReason } from './payout-reason.js'
import { IN_FLIGHT_STATES, stateAfter, WORKED_STATES, type PayoutEvent } from './payout-states.js'
import { PAYOUTS_PAGE_MAX } from './payout-store.js'
import { accountsOf, releaseOf, reservationOf, settlementOf } from './payout-transfers.js'
import { WITHDRAWAL_PROOF_BYTES_MAX } from './withdrawal-proofs.js'

/** Payments of one chain whose end is not known; the next one is signed when one of them has ended. */
export const IN_FLIGHT_PAYOUTS_MAX = 64
/** Pages of one step, after which others get their turn: the next step goes on behind them. */
const PAGES_PER_STEP_MAX = 8
/** Changes of one payout in one step: more than the table has between two waits. */
const CHANGES_PER_STEP_MAX = 16
/** Pause between two looks at a chain. */
const POLL_MS = 1_000

/** What one change led to: the payout behind it, or why it waits. */
type Move = { readonly payout: Payout } | { readonly wait: PayoutWait }

/**
 * Pays out on one chain: docs/payouts.md tells the story and shows the table of states.
 *
 * - A recipient gets the amount once or not at all: signed bytes are stored before they go out, the same bytes land once, and others are signed only when all
 *   sources proved that those before can land no more.
 * - Money is reserved from before the signature to the proven end. What ends otherwise than it could be meant stays reserved and alarms.
 * - Each change of state is one durable step; what is asked of ledger and chain between two of them may be asked again. A process may end anywhere.
 * - One flow should work on a chain at a time. Two do no harm to money: of two changes one succeeds. A payment that lost is never broadcast.
 */
export class PayoutFlow {
  readonly #parts: PayoutFlowParts
  readonly #hot: ChainAddress
  /** Number of the payout behind which the next step goes on. */
  #after = 0
  /** Assets of which the hot wallet holds less than its bound, as was told. */
  readonly #low = new Set<AssetId>()
  /** What was told of payouts that wait for money or for a lower fee, until one is signed again. At most a few for each open payout. */
  readonly #waitingTold = new Set<string>()
  #timer: Timer | undefined
  #running: Promise<void> | undefined

  /** Throws `invalid.config` for a policy that contradicts itself. */
  constructor(parts: PayoutFlowParts) {
    checkPayoutPolicy(parts.policy)
    this.#parts = parts
    this.#hot = parts.chain.addressOf(parts.signer)
  }

  /** Writes a payout down, if it may be. Throws `invalid.argument` for an id of another account. Rejects `unavailable.store`: ask the same again. */
  async request(ask: PayoutAsk): Promise<PayoutAnswer> {
    const { chain, policy, proofs, payouts, clock } = this.#parts
    if (!ask.id.startsWith(`${ask.account}.`)) throw new EvegramError('invalid.argument', { operation: 'request payout' })
    checkPerson(ask.requestedBy)
    const to = this.#addressOf(ask.to)
    if (to === undefined) return { status: 'refused', reason: 'destination_invalid' }
    const { id, account, asset, amount, memo, requestedBy } = ask
    const claim = { id, chain: chain.chain, account, asset, amount, to, memo }
    const known = await payouts.get(id)
    // First: what was taken up stays so, whatever the policy says by now.
    if (known !== undefined) return isSameAsk(known, claim) ? { status: 'exists', payout: known } : { status: 'exists_with_different_fields' }
    const reason = refusalOf({ asset, amount, to, memo }, policy) ?? (await this.#isOurs(to) ? 'destination_ours' : undefined)
    if (reason !== undefined) return { status: 'refused', reason }
    const allowed = ask.proof.length > WITHDRAWAL_PROOF_BYTES_MAX ? 'invalid' : await proofs.check(claim, ask.proof)
    if (allowed === 'invalid') return { status: 'refused', reason: 'proof_invalid' }

    const [feeMax, taxMax] = [feeReserveOf(policy, chain.nativeAsset, asset, amount), taxReserveOf(policy, chain.nativeAsset, asset, amount)]
    const terms = { ...claim, feeMax, taxMax, feeFrom: policy.feeFrom, requestedBy }
    const nowMs = clock.now()
    const dayMax = policy.assets.get(asset)?.accountDayMax ?? ZERO
    const amountMax = allowed !== 'valid' && allowed.accountDayMax < dayMax ? allowed.accountDayMax : dayMax
    const bounds = { amountMax, sinceMs: nowMs - PAYOUT_DAY_MS, openMax: OPEN_PAYOUTS_PER_ACCOUNT_MAX }
    const result = await payouts.create(terms, bounds, nowMs)
    if (result.status === 'day_limit' || result.status === 'too_many_open') return { status: 'refused', reason: result.status }
    return result
  }

  /**
   * Allows a payout that awaits approval, and says so in the audit trail. `same_person`: who asked may not approve. Throws `invalid.argument` for a name that is
   * none.
   */
  async approve(id: PayoutId, by: string): Promise<AttendAnswer> {
    checkPerson(by)
    return this.#attend(id, 'approve', (payout) => by === payout.requestedBy || by === payout.account ? 'same_person' : { approvedBy: by }, { act: 'payout_approved', person: by })
  }

  /**
   * Refuses a payout of which nothing is signed, or of which all that was signed has proved to be over, and says so in the audit trail. What is reserved is released.
   * Throws `invalid.argument` for a name that is none.
   */
  async refuse(id: PayoutId, by: string): Promise<AttendAnswer> {
    checkPerson(by)
    return this.#attend(id, 'refuse', () => ({ reason: 'rejected' }), { act: 'payout_refused', person: by })
  }

  /**
   * Says how a payout ended that needs a person. With a `version`: of that version alone, so that a decision is done once however often it is made. Throws
   * `invalid.argument`, see {@link checkOutcome}.
   */
  async decide(id: PayoutId, outcome: PayoutOutcome, version?: number): Promise<AttendAnswer> {
    return this.#attend(id, 'operator_decides', (payout) => {
      if (version !== undefined && payout.version !== version) return 'too_late'
      checkOutcome(payout, outcome)
      return { outcome }
    })
  }

  /**
   * Takes every payout of the chain as far as it comes now, up to some pages of them. Rejects `unavailable.store`: try again, nothing is lost. What else goes wrong
   * with one payout does not hold up those behind it: it is rejected with, the first of several, when all had their turn.
   */
  async step(): Promise<readonly PayoutProgress[]> {
    const { payouts, chain } = this.#parts
    await this.#watchBalances()
    const progress: PayoutProgress[] = []
    const failures: unknown[] = []
    for (let page = 0; page < PAGES_PER_STEP_MAX; page++) {
      const some = await payouts.list({ chain: chain.chain, states: WORKED_STATES, after: this.#after, limit: PAYOUTS_PAGE_MAX })
      for (const payout of some) {
        try {
          progress.push(await this.#work(payout))
        } catch (error) {
          if (isEvegramError(error, 'unavailable.store')) throw error
          failures.push(error)
        }
      }
      this.#after = some.length === PAYOUTS_PAGE_MAX ? some.at(-1)?.number ?? 0 : 0
      if (this.#after === 0) break
    }
    if (failures.length > 0) throw failures[0]
    return progress
  }

  /** Steps every second until it is stopped; `failed` hears why a step could not be made. */
  start(failed: (error: unknown) => void): void {
    this.#timer ??= this.#parts.clock.every(POLL_MS, () => {
      this.#running ??= this.step().then(() => undefined, failed).finally(() => {
        this.#running = undefined
      })
    })
  }

  /** Resolved = no step runs any more. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running
  }

  async #work(before: Payout): Promise<PayoutProgress> {
    let payout = before
    for (let change = 0; change < CHANGES_PER_STEP_MAX; change++) {
      if (!WORKED_STATES.includes(payout.state)) return { payout: payout.id, state: payout.state, wait: undefined }
      const move = await this.#advance(payout).catch((error: unknown): Move => {
        if (isEvegramError(error, 'unavailable.chain')) return { wait: 'chain_unavailable' }
        throw error
      })
      if ('wait' in move) return { payout: payout.id, state: payout.state, wait: move.wait }
      payout = move.payout
    }
    return { payout: payout.id, state: payout.state, wait: 'under_way' }
  }

  /** One external act and the change of state that it leads to. */
  async #advance(payout: Payout): Promise<Move> {
    switch (payout.state) {
      case 'requested':
        return this.#clear(payout)
      case 'held':
        return this.#hold(payout)
      case 'reserving':
        return this.#reserve(payout)
      case 'reserved':
      case 'expired':
        return this.#sign(payout)
      case 'signed':
        return await this.#isPaused() ? this.#observe(payout) : this.#handOver(payout)
      case 'broadcast':
      case 'confirmed':
        return this.#observe(payout)
      case 'settling':
        return this.#book(payout)
      case 'releasing':
        return this.#release(payout)
      case 'awaiting_approval':
      case 'needs_operator':
      case 'paid':
      case 'failed':
      case 'refused':
        throw impossible(payout, 'work on payout')
    }
  }

  async #clear(payout: Payout): Promise<Move> {
    const { policy } = this.#parts
    const reason = destinationRefusalOf(payout.to, policy)
    if (reason !== undefined) return this.#move(payout, 'refuse', { reason })
    return this.#move(payout, needsApproval(payout, policy) ? 'approval_needed' : 'cleared')
  }

  async #hold(payout: Payout): Promise<Move> {
    const { policy, changes, clock } = this.#parts
    const reason = destinationRefusalOf(payout.to, policy)
    if (reason !== undefined) return this.#move(payout, 'refuse', { reason })
    // Asked now, not when the payout was asked for: a device that was added since holds it too.
    const addedMs = policy.holdMs === 0 ? undefined : await changes.lastAddedMs(payout.account)
    if (addedMs !== undefined && clock.now() < addedMs + policy.holdMs) return { wait: 'hold' }
    return await this.#isPaused() ? { wait: 'paused' } : this.#move(payout, 'hold_over')
  }

  async #reserve(payout: Payout): Promise<Move> {
    const { ledger, chain } = this.#parts
    const opened = await ledger.openAccounts(accountsOf(payout, chain.nativeAsset))
    if (opened.includes('exists_with_different_fields')) return this.#puzzle(payout, 'ledger_disagrees')
    const refusal = await this.#submit(reservationOf(payout, chain.nativeAsset))
    switch (refusal) {
      case undefined: {
        const move = await this.#move(payout, 'reserve')
        if ('wait' in move) await this.#releaseStray(payout)
        return move
      }
      case 'exceeds_credits':
        return this.#move(payout, 'ledger_refuses', { reason: 'balance_too_low' })
      case 'debit_account_closed':
        return this.#move(payout, 'ledger_refuses', { reason: 'account_closed' })
      case 'exceeds_debits':
        // Our own books hold too little of it: no fault of the account.
        this.#tellWait({ kind: 'top_up', asset: payout.asset })
        return { wait: 'top_up' }
      default:
        return this.#puzzle(payout, 'ledger_disagrees')
    }
  }

  /** Another worker ended the payout while this one reserved for it: what was reserved must not stay. Should this process end before that, {@link StrayReservations} finds it. */
  async #releaseStray({ id }: Payout): Promise<void> {
    const now = await this.#parts.payouts.get(id)
    if (now?.state === 'refused' || now?.state === 'releasing' || now?.state === 'failed') await this.#submit(releaseOf(now))
  }

  /** Signs, and stores what was signed. Nothing has gone out when this resolves. */
  async #sign(payout: Payout): Promise<Move> {
    const { chain, signer, payouts, policy } = this.#parts
    const reason = destinationRefusalOf(payout.to, policy)
    if (reason !== undefined) return this.#move(payout, 'refuse', { reason })
    if (payout.expired.length >= SIGNATURES_PER_PAYOUT_MAX) return this.#move(payout, 'give_up', { outcome: NEVER_LANDED })
    if (await this.#isPaused()) return { wait: 'paused' }
    const inFlight = await payouts.list({ chain: chain.chain, states: IN_FLIGHT_STATES, after: 0, limit: IN_FLIGHT_PAYOUTS_MAX })
    if (inFlight.length >= IN_FLIGHT_PAYOUTS_MAX) return { wait: 'in_flight_full' }

    const { to, asset, amount, memo, feeMax, taxMax } = payout
    const answer = await chain.sign({ outputs: [{ to, asset, amount }], memo, feeMax, taxMax: new Map([[asset, taxMax]]), inFlight: inFlight.map(paymentOf) }, signer)
    switch (answer.status) {
      case 'signed':
        this.#waitingTold.clear()
        return this.#move(payout, 'sign', { payment: answer.payment })
      case 'fee_exceeds_max':
        this.#tellWait({ kind: 'fee_above_reserve', payout: payout.id })
        return { wait: 'fee_above_reserve' }
      case 'insufficient_funds':
        this.#tellWait({ kind: 'top_up', asset: answer.asset })
        return { wait: 'top_up' }
      case 'not_payable':
        return this.#move(payout, 'refuse', { reason: 'not_payable' })
    }
  }

  async #handOver(payout: Payout): Promise<Move> {
    // Whatever is answered: only looking it up tells what became of it.
    await this.#parts.chain.broadcast(paymentOf(payout))
    return this.#move(payout, 'hand_over')
  }

  async #observe(payout: Payout): Promise<Move> {
    const { chain } = this.#parts
    const payment = paymentOf(payout)
    const answer = await chain.lookUp(payment)
    if (answer.status === 'disagreed') return { wait: 'disagreement' }
    const sighting = answer.value
    switch (sighting.status) {
      case 'unknown':
        if (payout.state === 'confirmed') return this.#move(payout, 'vanish')
        // The same bytes again: harmless, and the only remedy for a broadcast that was lost.
        if (payout.state === 'broadcast' && !await this.#isPaused()) await chain.broadcast(payment)
        return { wait: 'under_way' }
      case 'confirmed':
        return payout.state === 'confirmed' ? { wait: 'under_way' } : this.#move(payout, 'confirm')
      case 'expired':
        return this.#move(payout, 'expire', { payment: undefined, expired: [...payout.expired, payment.txid] })
      case 'final': {
        const decision = decideSettlement(payout, payment, sighting.settlement)
        return decision.status === 'settled' ? this.#move(payout, 'settle', { outcome: decision.outcome }) : this.#puzzle(payout, decision.reason)
      }
    }
  }

  async #book(payout: Payout): Promise<Move> {
    const { outcome } = payout
    if (outcome === undefined) throw impossible(payout, 'book payout')
    const refusal = await this.#submit(settlementOf(payout, outcome))
    // Not found: a person ends a payout for which nothing was ever reserved.
    const isNothing = refusal === 'pending_not_found' && payout.payment === undefined && outcome.status === 'failed' && outcome.fee === 0n && outcome.tax === 0n
    if (refusal !== undefined && !isNothing) return this.#puzzle(payout, 'ledger_disagrees')
    return outcome.status === 'paid' ? this.#move(payout, 'book_paid') : this.#move(payout, 'book_failed', { reason: outcome.reason })
  }

  async #release(payout: Payout): Promise<Move> {
    const refusal = await this.#submit(releaseOf(payout))
    // Not found: the ledger had refused to reserve.
    return refusal === undefined || refusal === 'pending_not_found' ? this.#move(payout, 'release') : this.#puzzle(payout, 'ledger_disagrees')
  }

  #puzzle(payout: Payout, reason: PayoutReason): Promise<Move> {
    // The alarm first: a crash in between tells it twice, not never.
    this.#parts.alarm({ kind: 'needs_operator', payout: payout.id, reason })
    return this.#move(payout, 'puzzle', { reason })
  }

  /** Why the ledger refused linked transfers; undefined when all of them are in it. */
  async #submit(submission: Submission): Promise<TransferRefusal | undefined> {
    const results = await this.#parts.ledger.submit(submission)
    const refusals = results.flatMap((result) => isDone(result) ? [] : [result.status])
    return refusals.find((status) => status !== 'linked_failed') ?? refusals[0]
  }

  async #move(payout: Payout, event: PayoutEvent, change: PayoutChange = {}): Promise<Move> {
    const next = moved(payout, event, change)
    if (next === undefined) throw impossible(payout, event)
    return await this.#parts.payouts.replace(next) ? { payout: next } : { wait: 'changed_elsewhere' }
  }

  /** `by`: who does it, where that is not in the audit trail by then. */
  async #attend(
    id: PayoutId, event: PayoutEvent, changeOf: (payout: Payout) => PayoutChange | 'same_person' | 'too_late', by?: Pick<OperatorAct, 'act' | 'person'>,
  ): Promise<AttendAnswer> {
    const { payouts } = this.#parts
    const payout = await payouts.get(id)
    if (payout === undefined) return 'not_found'
    if (stateAfter(payout.state, event) === undefined) return 'too_late'
    const change = changeOf(payout)
    if (typeof change === 'string') return change
    const next = moved(payout, event, change)
    if (next === undefined) throw impossible(payout, event)
    const isDone = await (by === undefined ? payouts.replace(next) : payouts.attend(next, { kind: 'operator_act', ...by, subject: `payout:${id}`, words: payout.state }))
    return isDone ? 'done' : 'too_late'
  }

  #isPaused(): Promise<boolean> {
    return this.#parts.payouts.isPaused(this.#parts.chain.chain)
  }

  #addressOf(text: string): ChainAddress | undefined {
    try {
      return this.#parts.chain.parseAddress(text)
    } catch (error) {
      if (isEvegramError(error, 'invalid.address')) return undefined
      throw error
    }
  }

  async #isOurs(to: ChainAddress): Promise<boolean> {
    const { routes, chain } = this.#parts
    const [route] = await routes.routesOf(chain.chain, [to])
    return to === this.#hot || route !== undefined
  }

  /** A balance below its bound alarms once, until it was met again. Says nothing while the sources do not answer or do not agree. */
  async #watchBalances(): Promise<void> {
    const { policy } = this.#parts
    for (const [asset, { topUpBelow }] of policy.assets) {
      const held = await this.#heldOf(asset)
      if (held === undefined) continue
      const isLow = held < topUpBelow
      if (isLow && !this.#low.has(asset)) this.#parts.alarm({ kind: 'top_up', asset })
      if (isLow) this.#low.add(asset)
      else this.#low.delete(asset)
    }
  }

  async #heldOf(asset: AssetId): Promise<bigint | undefined> {
    try {
      const answer = await this.#parts.chain.balance({ address: this.#hot, asset })
      return answer.status === 'agreed' && answer.value.status === 'known' ? answer.value.amount : undefined
    } catch (error) {
      if (isEvegramError(error, 'unavailable.chain')) return undefined
      throw error
    }
  }

  #tellWait(alarm: Extract<PayoutAlarm, { readonly kind: 'top_up' | 'fee_above_reserve' }>): void {
    const key = JSON.stringify(alarm)
    if (this.#waitingTold.has(key)) return
    this.#waitingTold.add(key)
    this.#parts.alarm(alarm)
  }
}

/** Throws `invalid.argument` for a fee or tax above what was reserved, and for a payout that is called paid and was never signed. */
export function checkOutcome({ feeMax, taxMax, payment }: Payout, { status, fee, tax }: PayoutOutcome): void {
  if (fee > feeMax || tax > taxMax || (status === 'paid' && payment === undefined)) throw new EvegramError('invalid.argument', { operation: 'decide payout' })
}

/** The payout behind `event`, one version on; undefined where that cannot happen. */
export function moved(payout: Payout, event: PayoutEvent, change: PayoutChange): Payout | undefined {
  const state = stateAfter(payout.state, event)
  return state === undefined ? undefined : { ...payout, ...change, state, version: payout.version + 1 }
}

function paymentOf(payout: Payout): SignedPayment {
  if (payout.payment === undefined) throw impossible(payout, 'read payment')
  return payout.payment
}

function impossible({ id, state }: Payout, operation: string): EvegramError {
  return new EvegramError('internal', { operation, details: { payout: id, state } })
}
