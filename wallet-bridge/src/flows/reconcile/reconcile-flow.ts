import { EvegramError, hexOf } from '@evegram/protocol'
import type { AgreedChain, Disagreement } from '../../chain/agreed-chain.js'
import { WATCH_TRANSFERS_MAX, type ChainAddress, type ChainTxid } from '../../chain/chain-adapter.js'
import type { Height } from '../../chain/finality.js'
import { decodeLedgerEvent } from '../../ledger/event.js'
import { payoutTransferId, type AssetId } from '../../ledger/ids.js'
import { LEDGER_PAGE_MAX, type LedgerStore } from '../../ledger/ledger-store.js'
import type { Transfer } from '../../ledger/transfer.js'
import { depositCursorOf } from '../deposit/deposit-flow.js'
import type { DepositRoutes } from '../deposit/deposit-routes.js'
import type { Payout, PayoutId } from '../payout/payout.js'
import { ENDED_STATES, isOneOf, PAYOUT_STATES } from '../payout/payout-states.js'
import { PAYOUTS_PAGE_MAX, type PayoutStore } from '../payout/payout-store.js'
import { CARRIED_MAX, scopeOf, type OpenSubject, type ReconcileCheckpoint, type ReconcileCheckpoints, type UnknownTransfer } from './checkpoint.js'
import { addToSums, noSums, type LedgerSums } from './ledger-sums.js'
import { chainMovements, ledgerMovement, type Movement } from './movement.js'
import { judge, type Holdings, type PassResult, type ReconciliationReport } from './report.js'
import { halvesOf, noTotals, OPEN_MOVEMENTS_MAX, REPORT_LINES_MAX, TransferComparison, type Share } from './transfer-comparison.js'

/** Shares that the subjects of one reconciliation are split into, at most: then nearly everything differs. */
export const SHARES_MAX = 1_024
/** Addresses whose balances are asked for at once. */
const BALANCES_AT_ONCE = 8
const STATES = PAYOUT_STATES.map(([state]) => state)

/** Parts of {@link ReconcileFlow}. Nothing of them is changed but the checkpoints. */
export interface ReconcileParts {
  readonly chain: AgreedChain
  readonly ledger: Pick<LedgerStore, 'cursor' | 'head' | 'events' | 'transfers'>
  readonly payouts: Pick<PayoutStore, 'get' | 'list'>
  readonly routes: Pick<DepositRoutes, 'addresses'>
  /** Addresses that payouts are signed for. */
  readonly hot: ReadonlySet<ChainAddress>
  /** Addresses that people sign for. */
  readonly cold: ReadonlySet<ChainAddress>
  /** What is compared; each asset costs one balance for each address. */
  readonly assets: ReadonlySet<AssetId>
  /** Where the next comparison goes on from; without them each begins at the beginning. */
  readonly checkpoints?: ReconcileCheckpoints | undefined
  /** {@link OPEN_MOVEMENTS_MAX} when left out. */
  readonly openMax?: number | undefined
}

/** What to compare. */
export interface ReconcileRequest {
  /** Where the books of the chain begin: our addresses held nothing at the end of this block. 0 when left out. */
  readonly after?: Height | undefined
  /** The last block that is compared; as far as deposits were booked when left out, and never further. */
  readonly upTo?: Height | undefined
  /** Whether to read everything, whatever was compared before. */
  readonly fromStart?: boolean | undefined
  /** Lines of the report, {@link REPORT_LINES_MAX} when left out. */
  readonly linesMax?: number | undefined
  /** Ends the work at the next page. */
  readonly stop?: AbortSignal | undefined
}

/**
 * `disagreed`: sources state different facts, nothing was compared. `too_different`: more differs than can be told apart in {@link SHARES_MAX} passes. `past_differs`: event
 * `event` of the ledger, up to which it was compared before, is another one now or gone: verify the ledger, then compare from the start.
 */
export type ReconcileAnswer =
  | { readonly status: 'done'; readonly report: ReconciliationReport }
  | { readonly status: 'disagreed'; readonly disagreement: Disagreement }
  | { readonly status: 'too_different' }
  | { readonly status: 'past_differs'; readonly event: number }

/** What one reconciliation reads, fixed at its beginning. */
interface Span {
  readonly after: Height
  /** What was compared before, and is not read again. */
  readonly from: ReconcileCheckpoint | undefined
  readonly through: Height
  /** Newest final block: what the ledger knows is not behind it. */
  readonly final: Height
  readonly event: number
  readonly ours: ReadonlySet<ChainAddress>
  readonly linesMax: number
  readonly stop: AbortSignal | undefined
}

/** `carried`: undefined when there is more than a checkpoint holds. */
interface CarriedPass extends PassResult {
  readonly carried: ReturnType<TransferComparison['carried']> | undefined
}

type Failed = Exclude<ReconcileAnswer, { readonly status: 'done' }>
type PassAnswer = { readonly status: 'done'; readonly result: CarriedPass } | { readonly status: 'full' } | Failed

/**
 * Compares one chain with the ledger: every final change of what our addresses hold with what moved over custody, and balances at one height. It reports and
 * repairs nothing.
 *
 * - Memory: what differs between what was read of both sides so far, at most `openMax` subjects; a page of each side; the addresses; the lines. When more
 *   differs the work is done again in halves.
 * - It goes on from the checkpoint that the comparison before left, with all that differed then, so that it finds what comparing everything would.
 * - The ledger is read up to one event. What it booked of blocks behind the compared ones is looked up in those blocks and is no difference.
 * - A payout that is final on the chain and not booked yet is no difference as long as the payout store says that it is under way.
 */
export class ReconcileFlow {
  readonly #parts: ReconcileParts

  constructor(parts: ReconcileParts) {
    this.#parts = parts
  }

  /** Compares. Rejects `invalid.argument` for heights that are none, `unavailable.chain` and `unavailable.store`: try again; `unavailable.server` when it was stopped. */
  async run({ after = 0, upTo, fromStart = false, linesMax = REPORT_LINES_MAX, stop }: ReconcileRequest = {}): Promise<ReconcileAnswer> {
    for (const number of [after, upTo ?? after, linesMax]) {
      if (!Number.isSafeInteger(number) || number < 0) throw new EvegramError('invalid.argument', { operation: 'reconcile' })
    }
    const { chain, ledger, routes, hot, cold } = this.#parts
    // In this order: what the cursor is behind of was booked when the head of the ledger is read, and what is in the ledger is final when the chain is asked.
    const booked = await ledger.cursor(depositCursorOf(chain.chain))
    const head = await ledger.head()
    const event = head.number
    const { final } = await chain.head()
    if (final < booked) throw new EvegramError('unavailable.chain', { operation: 'reconcile', details: { problem: 'the sources are behind the ledger' } })
    const through = Math.max(after, Math.min(upTo ?? booked, booked))
    const scope = scopeOf({ after, assets: this.#parts.assets, hot, cold })
    const known = fromStart ? undefined : await this.#parts.checkpoints?.get(chain.chain)
    // One of a later height than is asked for says nothing of that, nor one of other addresses or assets.
    const from = known?.scope === scope && known.height <= through ? known : undefined
    if (from !== undefined && !await this.#isPastOf(from, head.ledger)) return { status: 'past_differs', event: from.event }
    const ours = new Set([...await routes.addresses(chain.chain), ...hot, ...cold])
    const span: Span = { after, from, through, final, event, ours, linesMax, stop }

    const holdings = await this.#holdings(span)
    if (holdings.status === 'disagreed') return holdings
    const passes = await this.#passes(span)
    if (!Array.isArray(passes)) return passes
    const before = from === undefined ? [] : [carriedPassOf(from)]
    const report = judge({
      chain: chain.chain, after, through, event, resumed: from === undefined ? undefined : { height: from.height, event: from.event }, passes: [...before, ...passes],
      holdings: holdings.value, assets: this.#parts.assets, linesMax,
    })
    await this.#keep({ scope, ledger: head.ledger, hash: hexOf(head.hash) }, report, from, passes)
    return { status: 'done', report }
  }

  /** Whether the ledger still has the event that the checkpoint was made behind: its hash fixes all before it. */
  async #isPastOf({ event, hash, ledger }: ReconcileCheckpoint, current: string): Promise<boolean> {
    if (ledger !== current) return false
    if (event === 0) return true
    const [found] = await this.#parts.ledger.events(event - 1, 1)
    return found?.number === event && hexOf(found.hash) === hash
  }

  /** Leaves a checkpoint for the next comparison, unless too much differs: then the one before stays, and the next one reads as much again. */
  async #keep(
    behind: Pick<ReconcileCheckpoint, 'scope' | 'ledger' | 'hash'>, { chain, through, event, assets }: ReconciliationReport, from: ReconcileCheckpoint | undefined,
    passes: readonly CarriedPass[],
  ): Promise<void> {
    const { checkpoints } = this.#parts
    if (checkpoints === undefined) return
    const open: OpenSubject[] = []
    const unknown: UnknownTransfer[] = [...from?.unknown ?? []]
    const counts = new Map((from?.assets ?? []).map(({ asset, matched, unknown: count }) => [asset, { matched, unknown: count }]))
    for (const { carried } of passes) {
      if (carried === undefined) return
      open.push(...carried.open)
      unknown.push(...carried.unknown)
      for (const [asset, { matched, unknown: count }] of carried.totals) {
        const known = counts.get(asset)
        counts.set(asset, { matched: (known?.matched ?? 0) + matched, unknown: (known?.unknown ?? 0) + count })
      }
    }
    if (open.length + unknown.length > CARRIED_MAX) return
    await checkpoints.put({
      chain, ...behind, height: through, event, open, unknown,
      assets: assets.map(({ asset, ledger }) => ({ asset, ...counts.get(asset) ?? { matched: 0, unknown: 0 }, sums: ledger })),
    })
  }

  async #passes(span: Span): Promise<CarriedPass[] | Failed> {
    const results: CarriedPass[] = []
    const shares: Share[] = [{ part: 0, of: 1 }]
    for (let share = shares.pop(); share !== undefined; share = shares.pop()) {
      const answer = await this.#pass(span, share)
      if (answer.status === 'done') results.push(answer.result)
      else if (answer.status !== 'full') return answer
      else if (share.of >= SHARES_MAX) return { status: 'too_different' }
      else shares.push(...halvesOf(share))
    }
    return results
  }

  async #pass({ after, from, through, final, event, ours, linesMax, stop }: Span, share: Share): Promise<PassAnswer> {
    const { assets, openMax = OPEN_MOVEMENTS_MAX } = this.#parts
    const comparison = new TransferComparison({ assets, share, openMax, linesMax, open: from?.open })
    const sums = new Map([...assets].map((asset) => [asset, noSums()]))
    let [height, number] = [from?.height ?? after, from?.event ?? 0]
    while (height < through || number < event) {
      goOnUnless(stop)
      if (number >= event || (height < through && comparison.behind === 'chain')) {
        const page = await this.#chainPage(height, through, ours)
        if (page.status === 'disagreed') return page
        comparison.addChain(page.movements)
        height = page.through
      } else {
        number = await this.#ledgerPage(number, event, comparison, sums)
      }
      if (comparison.isFull) return { status: 'full' }
    }
    const carried = comparison.openCount > CARRIED_MAX ? undefined : comparison.carried()
    while (height < final && comparison.wantsChain) {
      goOnUnless(stop)
      const page = await this.#chainPage(height, final, ours)
      if (page.status === 'disagreed') return page
      comparison.addChainAhead(page.movements)
      height = page.through
    }
    const inFlight = await this.#payouts(comparison, event)
    return { status: 'done', result: { ...comparison.finish(), sums, inFlight, carried } }
  }

  async #chainPage(after: Height, upTo: Height, addresses: ReadonlySet<ChainAddress>): Promise<
    { readonly status: 'told'; readonly through: Height; readonly movements: readonly Movement[] } | { readonly status: 'disagreed'; readonly disagreement: Disagreement }
  > {
    const page = await this.#parts.chain.watch({ addresses, after, upTo, limit: WATCH_TRANSFERS_MAX })
    if (page.status === 'disagreed') return page
    const { through, transfers } = page.value
    if (through === after) throw new EvegramError('unavailable.chain', { operation: 'reconcile', details: { problem: 'final blocks are not told' } })
    return { status: 'told', through, movements: chainMovements(transfers) }
  }

  async #ledgerPage(after: number, event: number, comparison: TransferComparison, sums: ReadonlyMap<AssetId, LedgerSums>): Promise<number> {
    const events = await this.#parts.ledger.events(after, Math.min(LEDGER_PAGE_MAX, event - after))
    const last = events.at(-1)
    if (last === undefined) throw new EvegramError('unavailable.store', { operation: 'reconcile', advice: 'Events of the ledger are missing: verify it.' })
    const txids = new Map<PayoutId, ChainTxid | undefined>()
    const movements: Movement[] = []
    for (const { bytes } of events) {
      const { change } = decodeLedgerEvent(bytes)
      if (!('ends' in change)) continue
      const sum = sums.get(change.asset)
      if (sum === undefined) continue
      if (comparison.isMine(change.id)) addToSums(sum, change)
      movements.push(...await this.#movementOf(change, txids, comparison))
    }
    comparison.addLedger(movements)
    return last.number
  }

  async #movementOf(transfer: Transfer, txids: Map<PayoutId, ChainTxid | undefined>, comparison: TransferComparison): Promise<readonly Movement[]> {
    const { id, asset } = transfer
    const meant = ledgerMovement(transfer, this.#parts.chain.chain)
    switch (meant.status) {
      case 'none':
        return []
      case 'movement':
        return [meant.movement]
      case 'payout': {
        if (!txids.has(meant.payout)) txids.set(meant.payout, (await this.#parts.payouts.get(meant.payout))?.payment?.txid)
        const subject = txids.get(meant.payout)
        if (subject !== undefined) return [{ asset, subject, delta: meant.delta }]
        comparison.addUnknown(asset, id, meant.delta)
        return []
      }
      case 'unknown':
        comparison.addUnknown(asset, id, meant.delta)
        return []
    }
  }

  /** Explains by payouts what is on the chain alone; what is signed and neither on the compared chain nor booked. */
  async #payouts(comparison: TransferComparison, event: number): Promise<ReadonlyMap<AssetId, bigint>> {
    const { chain, payouts } = this.#parts
    const inFlight = new Map<AssetId, bigint>()
    const states = comparison.wantsExplanation ? STATES : STATES.filter((state) => !isOneOf(state, ENDED_STATES))
    for (let after = 0; ;) {
      const page = await payouts.list({ chain: chain.chain, states, after, limit: PAYOUTS_PAGE_MAX })
      const last = page.at(-1)
      if (last === undefined) return inFlight
      const concerned = page.filter((payout) => this.#concerns(payout, comparison))
      const bookings = await this.#bookingsOf(concerned)
      for (const [index, payout] of concerned.entries()) this.#explain(payout, bookings[index], event, comparison, inFlight)
      after = last.number
    }
  }

  #concerns(payout: Payout, comparison: TransferComparison): boolean {
    if (payout.payment !== undefined && !isOneOf(payout.state, ENDED_STATES)) return true
    return signaturesOf(payout).some((txid) => this.#assetsOf(payout).some((asset) => comparison.isOnlyOnChain(asset, txid)))
  }

  /** Number of the event that ended each payout in the ledger. */
  async #bookingsOf(payouts: readonly Payout[]): Promise<readonly (number | undefined)[]> {
    const steps = ['post', 'void', 'feepost', 'feevoid']
    if (payouts.length === 0) return []
    // A page of payouts times the steps is a page of the ledger.
    const transfers = await this.#parts.ledger.transfers(payouts.flatMap(({ id }) => steps.map((step) => payoutTransferId(id, step))))
    return payouts.map((_, index) => transfers.slice(index * steps.length, (index + 1) * steps.length).find((transfer) => transfer !== undefined)?.number)
  }

  #explain(payout: Payout, booking: number | undefined, event: number, comparison: TransferComparison, inFlight: Map<AssetId, bigint>): void {
    const isEnded = isOneOf(payout.state, ENDED_STATES)
    const isUnderWay = booking === undefined ? !isEnded : booking > event
    let isOnChain = false
    for (const txid of signaturesOf(payout)) {
      for (const asset of this.#assetsOf(payout)) {
        if (!comparison.isOnlyOnChain(asset, txid)) continue
        isOnChain = true
        // Signed again because it was proved to be over, and it is there all the same: that is no payout under way.
        comparison.explain(asset, txid, isUnderWay && txid === payout.payment?.txid ? 'landed' : 'owed')
      }
    }
    if (isOnChain || isEnded || !isUnderWay || payout.payment === undefined || !comparison.isMine(payout.payment.txid)) return
    const add = (asset: AssetId, amount: bigint): unknown => inFlight.set(asset, (inFlight.get(asset) ?? 0n) + amount)
    add(payout.asset, payout.amount + payout.taxMax)
    add(this.#parts.chain.nativeAsset, payout.feeMax)
  }

  #assetsOf({ asset }: Payout): readonly AssetId[] {
    return [...new Set([asset, this.#parts.chain.nativeAsset])]
  }

  /** What our addresses hold at the end of the compared blocks. Every address is asked for every asset. */
  async #holdings({ through, ours }: Span): Promise<
    { readonly status: 'known'; readonly value: ReadonlyMap<AssetId, Holdings> } | { readonly status: 'disagreed'; readonly disagreement: Disagreement }
  > {
    const { assets, chain, cold } = this.#parts
    const holdings = new Map<AssetId, Holdings>()
    const addresses = [...ours]
    for (const asset of assets) {
      const held = { hot: 0n, cold: 0n }
      let isKnown = true
      for (let from = 0; from < addresses.length; from += BALANCES_AT_ONCE) {
        const some = addresses.slice(from, from + BALANCES_AT_ONCE)
        const answers = await Promise.all(some.map((address) => chain.balance({ address, asset, at: through })))
        for (const [index, answer] of answers.entries()) {
          if (answer.status === 'disagreed') return answer
          const address = some[index]
          if (answer.value.status === 'unavailable' || address === undefined) isKnown = false
          else held[cold.has(address) ? 'cold' : 'hot'] += answer.value.amount
        }
      }
      holdings.set(asset, isKnown ? { status: 'known', ...held } : { status: 'unavailable' })
    }
    return { status: 'known', value: holdings }
  }
}

/** What a checkpoint says, as if it had been found now. What is open goes on in the comparison itself. */
function carriedPassOf({ assets, unknown }: ReconcileCheckpoint): PassResult {
  return {
    lines: unknown.map(({ asset, subject, ledger }) => ({ kind: 'unknown', asset, subject, chain: undefined, ledger })),
    totals: new Map(assets.map(({ asset, matched, unknown: count }) => [asset, { ...noTotals(), matched, unknown: count }])),
    sums: new Map(assets.map(({ asset, sums }) => [asset, sums])), inFlight: new Map(),
  }
}

function goOnUnless(stop: AbortSignal | undefined): void {
  if (stop?.aborted === true) throw new EvegramError('unavailable.server', { operation: 'reconcile', advice: 'The comparison was stopped: ask again.' })
}

function signaturesOf({ payment, expired }: Payout): readonly ChainTxid[] {
  return payment === undefined ? expired : [payment.txid, ...expired]
}
