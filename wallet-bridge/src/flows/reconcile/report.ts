import type { ChainName } from '../../chain/chain-adapter.js'
import type { Height } from '../../chain/finality.js'
import type { AssetId } from '../../ledger/ids.js'
import { noSums, type LedgerSums } from './ledger-sums.js'
import { DIFFERENCE_KINDS, noTotals, type ComparisonResult, type ComparisonTotals, type DifferenceLine } from './transfer-comparison.js'

/** What our addresses hold of one asset at a height. `unavailable`: a source does not know it any more. */
export type Holdings = { readonly status: 'known'; readonly hot: bigint; readonly cold: bigint } | { readonly status: 'unavailable' }

/** What one pass found in its share. */
export interface PassResult extends ComparisonResult {
  readonly sums: ReadonlyMap<AssetId, Readonly<LedgerSums>>
  /** Signed, and neither in a compared block nor booked: amounts and the most that fees and taxes may cost. */
  readonly inFlight: ReadonlyMap<AssetId, bigint>
}

/** One asset, at the end of the compared blocks. */
export interface AssetReconciliation {
  readonly asset: AssetId
  readonly totals: Readonly<ComparisonTotals>
  /** The ledger, behind the event that it was read up to. */
  readonly ledger: Readonly<LedgerSums>
  readonly onChain: Holdings
  /** Signed and not final: it will leave, or may. */
  readonly inFlight: bigint
  /** What is on the chain beyond what custody says, with what is ahead and what has landed taken into account. Must be 0; undefined: balances are not known. */
  readonly balanceDifference: bigint | undefined
  /** What is on the chain beyond what we owe, likewise. Below 0: we owe more than there is. */
  readonly surplus: bigint | undefined
}

/** What a reconciliation found. */
export interface ReconciliationReport {
  readonly chain: ChainName
  /** The compared blocks: (`after`, `through`]. */
  readonly after: Height
  readonly through: Height
  /** Number of the event up to which the ledger was read. */
  readonly event: number
  /** The comparison before, whose findings are in this one: what it read was not read again. Undefined: everything was read. */
  readonly resumed?: { readonly height: Height; readonly event: number } | undefined
  readonly assets: readonly AssetReconciliation[]
  /** The first of them; the totals count all. */
  readonly lines: readonly DifferenceLine[]
  /** Whether chain and ledger differ: some line, or a balance. Too little for what we owe is not drift: see {@link AssetReconciliation.surplus}. */
  readonly drift: boolean
}

/** What a report is made from. */
export interface JudgedFacts extends Pick<ReconciliationReport, 'chain' | 'after' | 'through' | 'event' | 'resumed'> {
  readonly passes: readonly PassResult[]
  readonly holdings: ReadonlyMap<AssetId, Holdings>
  readonly assets: ReadonlySet<AssetId>
  readonly linesMax: number
}

/** Puts what the passes found together, and compares balances with it. Pure. */
export function judge({ chain, after, through, event, resumed, passes, holdings, assets, linesMax }: JudgedFacts): ReconciliationReport {
  const judged = [...assets].map((asset) => judgeAsset(asset, passes, holdings.get(asset) ?? { status: 'unavailable' }))
  const differs = judged.some(({ totals, balanceDifference = 0n }) => balanceDifference !== 0n || DIFFERENCE_KINDS.some((kind) => totals[kind] > 0))
  return { chain, after, through, event, resumed, assets: judged, lines: passes.flatMap(({ lines }) => lines).slice(0, linesMax), drift: differs }
}

function judgeAsset(asset: AssetId, passes: readonly PassResult[], onChain: Holdings): AssetReconciliation {
  const [totals, ledger] = [noTotals(), noSums()]
  let inFlight = 0n
  for (const pass of passes) {
    const [found, sums] = [pass.totals.get(asset) ?? noTotals(), pass.sums.get(asset) ?? noSums()]
    for (const kind of [...DIFFERENCE_KINDS, 'matched', 'ahead', 'landed'] as const) totals[kind] += found[kind]
    for (const sum of ['aheadSum', 'landedSum'] as const) totals[sum] += found[sum]
    for (const sum of ['custody', 'users', 'suspense', 'pending'] as const) ledger[sum] += sums[sum]
    inFlight += pass.inFlight.get(asset) ?? 0n
  }
  if (onChain.status === 'unavailable') return { asset, totals, ledger, onChain, inFlight, balanceDifference: undefined, surplus: undefined }
  // What the ledger would say of the end of the compared blocks if it had been told all of it and nothing later.
  const later = totals.landedSum - totals.aheadSum
  const held = onChain.hot + onChain.cold
  return { asset, totals, ledger, onChain, inFlight, balanceDifference: held - (ledger.custody + later), surplus: held - (ledger.users + ledger.suspense + later) }
}
