import { EvegramError, type Clock, type Timer } from '@evegram/protocol'
import type { AgreedChain, AgreedTransfer, Disagreement } from '../../chain/agreed-chain.js'
import { TRANSFER_INDEX_MAX, WATCH_TRANSFERS_MAX, type ChainAddress, type ChainName } from '../../chain/chain-adapter.js'
import type { Height } from '../../chain/finality.js'
import { openingOf, type AccountOpening } from '../../ledger/account.js'
import { amountOf, type Amount } from '../../ledger/amount.js'
import { depositTransferId, parseAssetId, parseLedgerAccountId, parsePurpose, type AssetId, type TransferId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { isDone, type TransferResult } from '../../ledger/transfer-status.js'
import { SUBMISSION_TRANSFERS_MAX, type MovingRequest, type Transfer } from '../../ledger/transfer.js'
import { decideDeposits, type DepositDecision, type DepositReason, type SuspenseReason } from './decide-deposit.js'
import { depositCodeIn } from './deposit-code.js'
import type { DepositRoutes } from './deposit-routes.js'

/** Unknown assets of one chain that get a suspense account: anybody can make tokens and send them. */
export const UNKNOWN_ASSETS_MAX = 1_000
/** Owner of the account of each asset that stands for what our addresses on the chain hold. */
export const CUSTODY_OWNER = 'custody'
/** Pages of one step, after which others get their turn. */
const PAGES_PER_STEP_MAX = 16
/** Pause between two looks at a chain. */
const POLL_MS = 1_000

const DEPOSIT = parsePurpose('deposit')
const SUSPENSE = parsePurpose('deposit_suspense')

/** Something that a person must look at. Holds no amount and no address. */
export interface DepositAlarm {
  readonly reason: Extract<DepositReason, 'conflict' | 'beyond_ledger' | 'too_many_assets'>
  readonly transfer: TransferId
}

/** What was done about one transfer. `recorded_before`: it is in the ledger already, under another account than would be chosen now. */
export type DepositOutcome =
  | { readonly transfer: TransferId; readonly status: 'credited' }
  | { readonly transfer: TransferId; readonly status: 'suspense'; readonly reason: SuspenseReason }
  | { readonly transfer: TransferId; readonly status: 'ignored'; readonly reason: DepositReason }
  | { readonly transfer: TransferId; readonly status: 'recorded_before' }

/** What one step did. `disagreed`: nothing, and the cursor stands. */
export type DepositStep =
  | { readonly status: 'done'; readonly through: Height; readonly outcomes: readonly DepositOutcome[] }
  | { readonly status: 'disagreed'; readonly disagreement: Disagreement }

/** Parts of {@link DepositFlow}. */
export interface DepositFlowParts {
  readonly chain: AgreedChain
  readonly ledger: LedgerStore
  readonly routes: DepositRoutes
  /** The least amount of every asset that is taken. */
  readonly assets: ReadonlyMap<AssetId, Amount>
  /** Hears what a person must look at. Must not throw. */
  readonly alarm: (alarm: DepositAlarm) => void
  /** Where a ledger that knows no cursor of this chain begins. */
  readonly beginsAt?: Height | undefined
}

/** A transfer with what was decided about it. */
interface Decided {
  readonly transfer: AgreedTransfer
  readonly id: TransferId
  readonly decision: DepositDecision
}

/**
 * Credits what comes in on one chain.
 *
 * - Only what all sources of the chain tell as final, by the change of the balance.
 * - Exactly once: the id of the transfer is where it stands on the chain; the cursor in the ledger moves behind what was booked, never before. A crash in
 *   between makes the same page come again, and everything in it is `exists`.
 * - Nothing is guessed: what no rule credits goes to a suspense account that bears the reason as its owner.
 * - Several processes may run it for one chain: they do the same work, once.
 */
export class DepositFlow {
  readonly #parts: DepositFlowParts
  readonly #cursor: string
  #unknownAssets: Set<AssetId> | undefined
  #timer: Timer | undefined
  #running: Promise<void> | undefined

  constructor(parts: DepositFlowParts) {
    this.#parts = parts
    this.#cursor = depositCursorOf(parts.chain.chain)
  }

  /**
   * Books what became final since the cursor, up to some pages. Rejects `unavailable.chain` and `unavailable.store`: try again; what was booked is booked.
   */
  async step(): Promise<DepositStep> {
    const { chain, ledger, routes } = this.#parts
    // The head before the addresses: one that is given out later cannot be paid in a block that is final by now.
    const { final } = await chain.head()
    const addresses = await routes.addresses(chain.chain)
    let cursor = await this.#begin()
    const outcomes: DepositOutcome[] = []
    for (let page = 0; page < PAGES_PER_STEP_MAX && cursor < final; page++) {
      const told = await chain.watch({ addresses, after: cursor, upTo: final, limit: WATCH_TRANSFERS_MAX })
      if (told.status === 'disagreed') return told
      const { through, transfers } = told.value
      if (through === cursor) break
      outcomes.push(...await this.#book(transfers, addresses))
      // Only now. Another process that was faster has booked the same.
      if (!await ledger.moveCursor(this.#cursor, cursor, through)) break
      cursor = through
    }
    return { status: 'done', through: cursor, outcomes }
  }

  /** Steps every second until it is stopped; `failed` hears why a step could not be made. */
  start(clock: Clock, failed: (error: unknown) => void): void {
    this.#timer ??= clock.every(POLL_MS, () => {
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

  async #begin(): Promise<Height> {
    const { ledger, beginsAt = 0 } = this.#parts
    const cursor = await ledger.cursor(this.#cursor)
    if (cursor > 0 || beginsAt === 0) return cursor
    await ledger.moveCursor(this.#cursor, 0, beginsAt)
    return ledger.cursor(this.#cursor)
  }

  async #book(transfers: readonly AgreedTransfer[], ours: ReadonlySet<ChainAddress>): Promise<readonly DepositOutcome[]> {
    const decided = await this.#decide(transfers, ours)
    const outcomes: DepositOutcome[] = []
    for (let from = 0; from < decided.length; from += SUBMISSION_TRANSFERS_MAX / 2) {
      outcomes.push(...await this.#bookSome(decided.slice(from, from + SUBMISSION_TRANSFERS_MAX / 2)))
    }
    return outcomes
  }

  async #decide(transfers: readonly AgreedTransfer[], ours: ReadonlySet<ChainAddress>): Promise<readonly Decided[]> {
    const { chain, routes, assets } = this.#parts
    const addresses = [...new Set(transfers.map(({ address }) => address))]
    const routed = await routes.routesOf(chain.chain, addresses)
    const routeOf = new Map(addresses.map((address, index) => [address, routed[index]]))
    const codes = [...new Set(transfers.flatMap(({ memo }) => {
      const content = depositCodeIn(memo)
      return content.status === 'code' ? [content.code] : []
    }))]
    const accounts = await routes.accountsOf(codes)
    const accountOf = new Map(codes.map((code, index) => [code, accounts[index]]))
    const unknown = await this.#unknown()
    const takesAsset = (asset: AssetId): boolean => {
      if (!unknown.has(asset) && unknown.size >= UNKNOWN_ASSETS_MAX) return false
      unknown.add(asset)
      return true
    }
    const decisions = decideDeposits(transfers, {
      ours, assets, takesAsset, routeOf: ({ address }) => routeOf.get(address), accountOf: (code) => accountOf.get(code),
    })
    return transfers.flatMap((transfer, index) => {
      const decision = decisions[index]
      return decision === undefined ? [] : [{ transfer, decision, id: depositTransferId(chain.chain, transfer.txid, transfer.index) }]
    })
  }

  /** Unknown assets that have an account: read from the ledger once, then kept up. */
  async #unknown(): Promise<Set<AssetId>> {
    if (this.#unknownAssets === undefined) {
      const first = openingOf('suspense', 'unknown_asset' satisfies SuspenseReason, this.#parts.chain.nativeAsset).id
      const prefix = first.slice(0, first.indexOf('/') + 1)
      // `-` is the first of all characters that a token has.
      const { accounts } = await this.#parts.ledger.accountsAfter(parseLedgerAccountId(`${prefix}-`), UNKNOWN_ASSETS_MAX)
      this.#unknownAssets = new Set(accounts.filter(({ id }) => id.startsWith(prefix)).map(({ asset }) => parseAssetId(asset)))
    }
    return this.#unknownAssets
  }

  async #bookSome(decided: readonly Decided[]): Promise<readonly DepositOutcome[]> {
    const requests = decided.map((one) => this.#requestOf(one))
    const asked = requests.flatMap((request) => request === undefined ? [] : [request])
    const results = new Map<TransferId, TransferResult>()
    if (asked.length > 0) {
      await this.#open(asked.flatMap(({ openings }) => openings))
      const answers = await this.#parts.ledger.submit({ linked: false, transfers: asked.map(({ transfer }) => transfer) })
      for (const [index, { transfer }] of asked.entries()) {
        const answer = answers[index]
        if (answer !== undefined) results.set(transfer.id, answer)
      }
    }
    const outcomes: DepositOutcome[] = []
    for (const one of decided) outcomes.push(await this.#outcomeOf(one, results.get(one.id)))
    return outcomes
  }

  /** What to book for a decision, with the accounts that it needs. */
  #requestOf({ decision, id, transfer }: Decided): { readonly transfer: MovingRequest; readonly openings: readonly AccountOpening[] } | undefined {
    if (decision.status === 'ignored') return undefined
    const credit = decision.status === 'credit'
      ? openingOf('user', decision.account, transfer.asset)
      : openingOf('suspense', decision.reason, transfer.asset)
    return this.#moving(id, credit, transfer.asset, decision.amount)
  }

  #moving(id: TransferId, credit: AccountOpening, asset: AssetId, amount: Amount): { readonly transfer: MovingRequest; readonly openings: readonly AccountOpening[] } {
    const debit = custodyOf(asset)
    const purpose = credit.kind === 'suspense' ? SUSPENSE : DEPOSIT
    return { transfer: { kind: 'transfer', id, debit: debit.id, credit: credit.id, amount, purpose }, openings: [debit, credit] }
  }

  async #open(openings: readonly AccountOpening[]): Promise<void> {
    const unique = [...new Map(openings.map((opening) => [opening.id, opening])).values()]
    const results = await this.#parts.ledger.openAccounts(unique)
    // Another kind of account under the id of one of ours: nothing may be booked on it.
    if (results.includes('exists_with_different_fields')) throw new EvegramError('internal', { operation: 'open accounts for deposits' })
  }

  async #outcomeOf({ decision, id, transfer }: Decided, result: TransferResult | undefined): Promise<DepositOutcome> {
    if (decision.status === 'ignored') {
      if (decision.reason === 'beyond_ledger' || decision.reason === 'too_many_assets') this.#parts.alarm({ reason: decision.reason, transfer: id })
      return { transfer: id, status: 'ignored', reason: decision.reason }
    }
    if (result !== undefined && isDone(result)) return booked(id, decision)
    switch (result?.status) {
      case 'exists_with_different_fields':
        return this.#resolveConflict(id, transfer, decision.amount)
      case 'credit_account_closed':
        return this.#suspend(id, id, transfer.asset, decision.amount, 'account_closed')
      case 'exceeds_amount_max':
        this.#parts.alarm({ reason: 'beyond_ledger', transfer: id })
        return { transfer: id, status: 'ignored', reason: 'beyond_ledger' }
      default:
        // Nothing that the ledger may say to a deposit: stop here, with the cursor before it.
        throw new EvegramError('internal', { operation: 'book deposit', details: { status: result?.status, transfer: id } })
    }
  }

  /**
   * The id is taken by something else. What the ledger booked from custody under this id counts; what the chain shows beyond it goes to suspense, so that
   * custody says what the chain says. Too much that was booked is for people.
   */
  async #resolveConflict(id: TransferId, transfer: AgreedTransfer, amount: Amount): Promise<DepositOutcome> {
    const [taken] = await this.#parts.ledger.transfers([id])
    const booked = taken === undefined ? 0n : bookedFromCustody(taken, transfer.asset)
    if (booked === amount) return { transfer: id, status: 'recorded_before' }
    this.#parts.alarm({ reason: 'conflict', transfer: id })
    if (booked > amount) return { transfer: id, status: 'ignored', reason: 'conflict' }
    const spare = depositTransferId(this.#parts.chain.chain, transfer.txid, TRANSFER_INDEX_MAX + 1 + transfer.index)
    return this.#suspend(id, spare, transfer.asset, amountOf(amount - booked), 'conflict')
  }

  async #suspend(transfer: TransferId, id: TransferId, asset: AssetId, amount: Amount, reason: SuspenseReason): Promise<DepositOutcome> {
    const request = this.#moving(id, openingOf('suspense', reason, asset), asset, amount)
    await this.#open(request.openings)
    const [result] = await this.#parts.ledger.submit({ linked: false, transfers: [request.transfer] })
    if (result === undefined || !isDone(result)) throw new EvegramError('internal', { operation: 'book deposit', details: { status: result?.status, transfer } })
    return { transfer, status: 'suspense', reason }
  }
}

/** Name of the cursor in the ledger: every deposit up to this height of the chain is booked. */
export function depositCursorOf(chain: ChainName): string {
  return `deposits-${chain}`
}

/** The account of an asset that stands for what our addresses on its chain hold. */
export function custodyOf(asset: AssetId): AccountOpening {
  return openingOf('hot', CUSTODY_OWNER, asset)
}

function booked(transfer: TransferId, decision: Exclude<DepositDecision, { readonly status: 'ignored' }>): DepositOutcome {
  return decision.status === 'credit' ? { transfer, status: 'credited' } : { transfer, status: 'suspense', reason: decision.reason }
}

function bookedFromCustody({ debit, kind, amount }: Transfer, asset: AssetId): bigint {
  return kind === 'transfer' && debit === custodyOf(asset).id ? amount : 0n
}
