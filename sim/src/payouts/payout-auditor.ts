import {
  custodyOf, ENDED_STATES, isOneOf, verifyLedger,
  type AssetId, type ChainTxid, type LedgerAccount, type LedgerStore, type MemoryLedger, type Payout, type SignedPayment, type SimulatedChain, type Transfer, type TransferId,
} from '@evegram/wallet-bridge'
import type { Run } from '../kernel/run.js'
import type { ChainTruth, PayoutTruth } from './chain-truth.js'

/** What the auditor looks at: the stores and the chain themselves, never what the code under test says of them. */
export interface AuditedWorld {
  readonly chain: SimulatedChain
  readonly truth: ChainTruth
  readonly ledger: MemoryLedger
  /** A connection of its own. */
  readonly store: LedgerStore
  /** Final height at which the world began: what came before was booked by the world. */
  readonly beganAt: number
}

const ZERO_SUM = 'the postings of the ledger do not sum to zero'

/** Watches one world of payouts and deposits after every event, and says what broke. */
export class PayoutAuditor {
  readonly #run: Run
  readonly #world: AuditedWorld
  readonly #payouts = new Map<string, Payout>()
  /** Every payment that was ever stored, by payout. */
  readonly #signed = new Map<string, SignedPayment[]>()
  /** How a person ended payouts. */
  readonly #decided = new Set<string>()
  #transfersSeen: number
  #heightSeen: number
  /** Hash of the newest block. */
  #newestSeen: string | undefined
  /** The tax changed, or a source lied about it: recipients may have paid it. */
  taxWasUnsure = false
  /** Of the hot wallet, by transactions that nobody booked. */
  readonly drains = new Map<ChainTxid, bigint>()

  constructor(run: Run, world: AuditedWorld) {
    this.#run = run
    this.#world = world
    this.#transfersSeen = world.ledger.transfers.size
    this.#heightSeen = world.chain.head.latest
  }

  /** A payout was stored as it stands. */
  stored(payout: Payout): void {
    const name = nameOf(payout.id)
    const before = this.#payouts.get(name)
    this.#payouts.set(name, payout)
    this.#run.note('payouts', `${name} ${payout.state}`)
    this.#run.coverage.count(`state/${payout.state}`)
    if (before !== undefined && isOneOf(before.state, ENDED_STATES)) this.#broken(`${name} ended as ${before.state} and became ${payout.state}`)
    const signed = this.#signed.get(name) ?? []
    this.#signed.set(name, signed)
    if (payout.payment !== undefined && !signed.some(({ txid }) => txid === payout.payment?.txid)) {
      signed.push(payout.payment)
      if (signed.length > 1) this.#run.coverage.count('branch/signed again')
    }
    if (payout.state === 'expired') this.#mustBeOver(name, 'called expired')
  }

  /** A person said how a payout ended. */
  decided(name: string): void {
    this.#decided.add(name)
  }

  /** Something goes out. */
  broadcast({ txid, outputs }: SignedPayment): void {
    this.#run.coverage.count('audit/broadcast was stored')
    for (const payments of this.#signed.values()) if (payments.some((payment) => payment.txid === txid)) return
    this.#broken(`${txid.slice(0, 8)} goes out to ${String(outputs[0]?.to.slice(3, 11))} and is stored nowhere`)
  }

  /** What became of a payout, as the chain says. */
  truthOf(name: string): PayoutTruth {
    return this.#world.truth.of(name)
  }

  /** The payouts as they were stored last. */
  get payouts(): readonly Payout[] {
    return [...this.#payouts.values()]
  }

  /** To be called after every event. */
  look(): void {
    const { ledger, chain } = this.#world
    if (ledger.transfers.size !== this.#transfersSeen) {
      const fresh = [...ledger.transfers.values()].slice(this.#transfersSeen)
      this.#transfersSeen = ledger.transfers.size
      for (const transfer of fresh) this.#booked(transfer)
    }
    const { latest } = chain.head
    const newest = chain.blockAt(latest)?.hash
    if (newest !== this.#newestSeen) {
      // A block that took the place of others in the same event may stand lower than they did.
      const names = new Set(chain.records(Math.min(this.#heightSeen, latest - 1), latest).flatMap(({ record }) => record.memo === undefined ? [] : [new TextDecoder().decode(record.memo)]))
      for (const name of names) this.#landedOnce(name)
    }
    this.#heightSeen = latest
    this.#newestSeen = newest
  }

  /** All that holds once faults are over and everything came to its end. */
  async finish(): Promise<void> {
    const { ledger } = this.#world
    this.look()
    for (const payout of this.payouts) {
      this.#landedOnce(nameOf(payout.id))
      this.#ended(payout)
    }
    const accounts = [...ledger.accounts.values()]
    if (accounts.reduce((sum, { debitsPosted, creditsPosted }) => sum + debitsPosted - creditsPosted, 0n) !== 0n) this.#broken(ZERO_SUM)
    const stuck = [...ledger.open.keys()].filter((id) => !this.#isAttended(id))
    if (stuck.length > 0) this.#broken(`${named(stuck[0])} is still reserved though its payout ended`)
    this.#credited()
    for (const asset of this.#world.truth.assets) this.#keepsCustody(asset)
    const verified = await verifyLedger(this.#world.store)
    if (verified.status !== 'sound') this.#broken(`the ledger is damaged: ${verified.fault} at event ${String(verified.number)}`)
    this.#run.coverage.count('audit/books are the chain')
  }

  #keepsCustody(asset: AssetId): void {
    const { ledger, truth, chain } = this.#world
    const custody = ledger.accounts.get(custodyOf(asset).id)
    const books = (custody?.debitsPosted ?? 0n) - (custody?.creditsPosted ?? 0n)
    const drained = asset === chain.rules.nativeAsset ? [...this.drains] : []
    const gone = drained.reduce((sum, [txid, amount]) => chain.find(txid) === undefined ? sum : sum + amount, 0n)
    // Nobody has booked yet what they took.
    const attended = this.payouts.filter(({ state }) => state === 'needs_operator').reduce((sum, { id }) => sum + truth.takenBy(nameOf(id), asset), 0n)
    const expected = books - gone - attended
    if (expected !== truth.held(asset)) this.#broken(`custody of ${asset} is ${String(expected)} in the books and ${String(truth.held(asset))} on the chain`)
  }

  #booked(transfer: Transfer): void {
    const { id, kind, amount } = transfer
    this.#run.note('ledger', `${named(id)} ${kind} ${String(amount)}`)
    for (const side of ['debit', 'credit'] as const) this.#keepsFlags(this.#world.ledger.accounts.get(transfer[side]), id)
    if (id.startsWith('d:')) this.#depositBooked(transfer)
    else if (id.startsWith('p:') && kind !== 'pending') this.#payoutBooked(transfer)
  }

  #keepsFlags(account: LedgerAccount | undefined, id: TransferId): void {
    if (account === undefined) return
    const { flags, debitsPending, debitsPosted, creditsPending, creditsPosted } = account
    const isOver = (flags.includes('debits_must_not_exceed_credits') && debitsPending + debitsPosted > creditsPosted) ||
      (flags.includes('credits_must_not_exceed_debits') && creditsPending + creditsPosted > debitsPosted)
    this.#run.coverage.count('audit/nothing overspent')
    if (isOver) this.#broken(`${named(id)} spends more than the account ${account.kind} has`)
  }

  #depositBooked({ id, kind, credit, amount }: Transfer): void {
    const [, , txid = '', index = ''] = id.split(':')
    // The text is that of a transaction id, cut out of the id of a transfer.
    const expected = this.#world.truth.creditOf(txid as ChainTxid, Number(index))
    this.#run.coverage.count('audit/credit is final')
    if (kind !== 'transfer' || expected?.account !== credit || expected.amount !== amount) {
      const meant = expected === undefined ? 'nothing final is there' : `${String(expected.amount)} for ${expected.account.split(':')[1]?.slice(0, 8) ?? ''} is`
      this.#broken(`${named(id)} credits ${String(amount)} where ${meant}`)
    }
  }

  #payoutBooked({ id, kind, amount }: Transfer): void {
    const [, payout = '', step = ''] = id.split(':')
    const name = nameOf(payout)
    const truth = this.truthOf(name)
    const isFinal = truth.status !== 'nothing' && truth.isFinal
    const by = this.#decided.has(name) ? 'decided' : step
    switch (by) {
      case 'decided':
        return
      case 'post':
        this.#run.coverage.count('audit/posted what is final')
        if (kind !== 'post' || truth.status !== 'received' || !isFinal || truth.amount !== amount) this.#broken(`${name} is posted as paid, and the chain says ${saidOf(truth)}`)
        return
      case 'feepost':
        if (kind !== 'post' || !isFinal || truth.fee !== amount) this.#broken(`${name} is charged ${String(amount)} as fee, and the chain says ${saidOf(truth)}`)
        return
      case 'taxpost':
        this.#run.coverage.count('audit/posted the tax that was taken')
        if (kind !== 'post' || !isFinal || truth.tax !== amount) this.#broken(`${name} is charged ${String(amount)} as tax, and the chain says ${saidOf(truth)}`)
        return
      case 'taxvoid':
        // Nothing of it may have been taken: also of one that arrived.
        if (kind !== 'void' || (truth.status !== 'nothing' && (!isFinal || truth.tax !== 0n))) this.#broken(`${name} is charged no tax, and the chain says ${saidOf(truth)}`)
        return
      case 'void':
      case 'feevoid':
        this.#run.coverage.count('audit/released what is over')
        if (step === 'feevoid' && truth.status === 'nothing') return
        if (kind !== 'void' || truth.status === 'received' || (truth.status === 'failed' && !isFinal)) this.#broken(`${name} is released, and the chain says ${saidOf(truth)}`)
        else if (truth.status === 'nothing') this.#mustBeOver(name, 'released')
        return
      default:
        this.#broken(`${named(id)} is no step of a payout`)
    }
  }

  /** Whoever has the bytes hands them over once more: what is over stays out of every block. */
  #mustBeOver(name: string, said: string): void {
    for (const payment of this.#signed.get(name) ?? []) {
      this.#run.coverage.count('audit/over is over')
      if (this.#world.chain.submit(payment.bytes).status === 'accepted') this.#broken(`${name} is ${said}, and ${payment.txid.slice(0, 8)} can still land`)
    }
  }

  #landedOnce(name: string): void {
    const landed = this.#world.truth.paymentsOf(name)
    if (landed.length > 1) this.#broken(`${name} is in ${String(landed.length)} transactions: ${landed.map(({ record }) => record.txid.slice(0, 8)).join(', ')}`)
  }

  #ended({ id, state, amount, reason, feeMax, taxMax }: Payout): void {
    const name = nameOf(id)
    const truth = this.truthOf(name)
    this.#run.coverage.count(`end/${state}${reason === undefined || state === 'paid' ? '' : ` ${reason}`}`)
    const differs = (): void => { this.#broken(`${name} is ${state}${reason === undefined ? '' : ` (${reason})`}, and the chain says ${saidOf(truth)}`) }
    switch (state) {
      case 'paid':
        if (truth.status !== 'received' || (truth.amount !== amount && !this.#decided.has(name))) differs()
        return
      case 'failed':
        if (truth.status === 'nothing' ? reason !== 'never_landed' : truth.status !== 'failed' || truth.reason !== reason) differs()
        return
      case 'refused':
        if (truth.status !== 'nothing') differs()
        return
      case 'needs_operator': {
        // Only where a person could not have known either: the tax was another one when it landed.
        const isExplained = reason === 'received_differs' && this.taxWasUnsure && truth.status === 'received' && truth.amount < amount && truth.fee <= feeMax && truth.tax <= taxMax
        if (!isExplained) this.#broken(`${name} needs a person (${String(reason)}) though the chain says ${saidOf(truth)}`)
        return
      }
      default:
        this.#broken(`${name} stands at ${state} at the end`)
    }
  }

  #credited(): void {
    const { truth, ledger, beganAt, chain } = this.#world
    for (const [where, { account, amount }] of truth.credits(beganAt)) {
      const transfer = [...ledger.transfers.values()].find(({ id }) => id === `d:${chain.rules.chain}:${where}`)
      this.#run.coverage.count(`end/deposit of ${account.startsWith('user') ? 'an account' : account.split(':')[1] ?? ''}`)
      if (transfer?.credit !== account || transfer.amount !== amount) this.#broken(`${where.slice(0, 8)} brought ${String(amount)} and is not credited`)
    }
  }

  #isAttended(id: TransferId): boolean {
    const payout = this.#payouts.get(nameOf(id.split(':')[1] ?? ''))
    return payout !== undefined && payout.state === 'needs_operator'
  }

  #broken(what: string): void {
    this.#run.broken('P9', what)
  }
}

/** The name that the workload gave a payout: the part of its id behind the account. */
export function nameOf(id: string): string {
  return id.slice(id.indexOf('.') + 1)
}

/** Ids as a timeline shows them. */
function named(id: TransferId | undefined): string {
  if (id === undefined) return ''
  if (!id.startsWith('p:')) return id.replace(/[0-9a-f]{64}/, (digits) => digits.slice(0, 8))
  const [, payout = '', ...step] = id.split(':')
  return [nameOf(payout), ...step].join(':')
}

function saidOf(truth: PayoutTruth): string {
  switch (truth.status) {
    case 'nothing':
      return 'nothing happened'
    case 'received':
      return `${String(truth.amount)} arrived for a fee of ${String(truth.fee)}${taxSaid(truth)}${truth.isFinal ? '' : ', not final'}`
    case 'failed':
      return `${truth.reason} for a fee of ${String(truth.fee)}${taxSaid(truth)}${truth.isFinal ? '' : ', not final'}`
    default:
      return truth satisfies never
  }
}

function taxSaid({ tax }: { readonly tax: bigint }): string {
  return tax === 0n ? '' : ` and a tax of ${String(tax)}`
}
