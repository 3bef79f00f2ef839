import type { AssetId } from '../../ledger/ids.js'
import { AMOUNT_MAX } from '../../ledger/amount.js'
import type { OpenSubject, UnknownTransfer } from './checkpoint.js'
import type { Movement } from './movement.js'

/** Differences that one side has and the other has not yet, held at once; above it the work is split into two passes. */
export const OPEN_MOVEMENTS_MAX = 100_000
/** Lines of a report when nothing else was asked for; beyond them differences are only counted. */
export const REPORT_LINES_MAX = 1_000

/** How the two sides can differ. docs/wally.md says what each means. */
export const DIFFERENCE_KINDS = ['missing_on_ledger', 'missing_on_chain', 'amount_differs', 'unknown'] as const
/** How the two sides differ. */
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]

/** One difference: `chain` and `ledger` are what the two sides say in total, undefined where one says nothing. */
export interface DifferenceLine {
  readonly kind: DifferenceKind
  readonly asset: AssetId
  /** What it is about: see {@link Movement.subject}; the id of a transfer of the ledger that names no transaction. */
  readonly subject: string
  readonly chain: bigint | undefined
  readonly ledger: bigint | undefined
}

/** What came of one asset. Counts are of subjects, sums in the smallest unit. */
export interface ComparisonTotals extends Record<DifferenceKind, number> {
  /** Equal on both sides. What only moved between addresses of ours at no cost counts here. */
  matched: number
  /** In the ledger already, in a block behind the compared ones. */
  ahead: number
  /** On the chain, and the ledger will be told: the payout is under way, or was booked after the ledger was read. */
  landed: number
  /** What the chain did with subjects of the ledger behind the compared blocks. */
  aheadSum: bigint
  /** What `landed` changed. */
  landedSum: bigint
}

/** What a comparison found. */
export interface ComparisonResult {
  readonly lines: readonly DifferenceLine[]
  readonly totals: ReadonlyMap<AssetId, Readonly<ComparisonTotals>>
}

/** Which share of all subjects a pass looks at: those whose hash is `part` modulo `of`. */
export interface Share {
  readonly part: number
  readonly of: number
}

/** Options of {@link TransferComparison}. */
export interface ComparisonOptions {
  /** Assets that are compared: of the others anybody may make as many as he likes. */
  readonly assets: ReadonlySet<AssetId>
  readonly share: Share
  readonly openMax: number
  readonly linesMax: number
  /** What a comparison before left open: those of the share go on. */
  readonly open?: readonly OpenSubject[] | undefined
}

interface Group {
  readonly asset: AssetId
  readonly subject: string
  chain: bigint | undefined
  ledger: bigint | undefined
  /** What of `chain` is behind the compared blocks. */
  ahead: bigint
  /** Whether some of `chain` is in the compared blocks. */
  isCompared: boolean
  payout: 'landed' | 'owed' | undefined
}

/**
 * Compares what the chain did to what we hold with what the ledger says, page by page in any order of the two sides. Does nothing but compare. What is equal on
 * both sides is forgotten at once, so that it holds the difference of what was read: at most `openMax` subjects and one page.
 */
export class TransferComparison {
  readonly #options: ComparisonOptions
  readonly #open = new Map<string, Group>()
  readonly #lines: DifferenceLine[] = []
  readonly #totals: ReadonlyMap<AssetId, ComparisonTotals>
  #chainOnly = 0
  #ledgerOnly = 0

  constructor(options: ComparisonOptions) {
    this.#options = options
    this.#totals = new Map([...options.assets].map((asset) => [asset, noTotals()]))
    for (const { asset, subject, chain, ledger } of options.open ?? []) {
      if (!this.isMine(subject) || !options.assets.has(asset)) continue
      const group = { asset, subject, chain, ledger, ahead: 0n, isCompared: chain !== undefined, payout: undefined }
      this.#open.set(keyOf(asset, subject), group)
      this.#count(group, 1)
    }
  }

  /** Whether more differs than may be held: what was found so far is then worth nothing, and the share must be split. */
  get isFull(): boolean {
    return this.#open.size > this.#options.openMax
  }

  /** Which side was read less far, as far as open subjects tell. */
  get behind(): 'chain' | 'ledger' {
    return this.#chainOnly > this.#ledgerOnly ? 'ledger' : 'chain'
  }

  /** Whether the ledger has said something that the chain has not. */
  get wantsChain(): boolean {
    return this.#open.size > this.#chainOnly
  }

  /** Whether the chain has said something that the ledger has not. */
  get wantsExplanation(): boolean {
    return this.#chainOnly > 0
  }

  /** How many subjects differ so far. */
  get openCount(): number {
    return this.#open.size
  }

  /** What differs so far, for a comparison that goes on from here: to be read when the compared blocks and the ledger were read, before anything explains it. */
  carried(): { readonly open: readonly OpenSubject[]; readonly unknown: readonly UnknownTransfer[]; readonly totals: ReadonlyMap<AssetId, { readonly matched: number; readonly unknown: number }> } {
    return {
      open: [...this.#open.values()].map(({ asset, subject, chain, ledger }) => ({ asset, subject, chain, ledger })),
      unknown: this.#lines.map(({ asset, subject, ledger }) => ({ asset, subject, ledger: ledger ?? 0n })),
      totals: new Map([...this.#totals].map(([asset, { matched, unknown }]) => [asset, { matched, unknown }])),
    }
  }

  /** Whether `subject` is of the share of this pass. */
  isMine(subject: string): boolean {
    const { part, of } = this.#options.share
    return of === 1 || hashOf(subject) % of === part
  }

  /** Takes a page of the chain: all transfers of each transaction in it. */
  addChain(movements: readonly Movement[]): void {
    this.#add(movements, (group, delta) => {
      group.chain = (group.chain ?? 0n) + delta
      group.isCompared = true
    })
  }

  /** Takes a page of blocks behind the compared ones: only what explains something that is open. */
  addChainAhead(movements: readonly Movement[]): void {
    this.#add(movements.filter(({ asset, subject }) => this.#open.has(keyOf(asset, subject))), (group, delta) => {
      group.chain = (group.chain ?? 0n) + delta
      group.ahead += delta
    })
  }

  /** Takes movements of the ledger. */
  addLedger(movements: readonly Movement[]): void {
    this.#add(movements, (group, delta) => {
      group.ledger = (group.ledger ?? 0n) + delta
    })
  }

  /** A transfer of the ledger that names no transaction. */
  addUnknown(asset: AssetId, transfer: string, delta: bigint): void {
    if (this.#options.assets.has(asset) && this.isMine(transfer)) this.#differs({ kind: 'unknown', asset, subject: transfer, chain: undefined, ledger: delta })
  }

  /** Whether the chain says something of a subject that the ledger says nothing of. */
  isOnlyOnChain(asset: AssetId, subject: string): boolean {
    const group = this.#open.get(keyOf(asset, subject))
    return group !== undefined && group.ledger === undefined
  }

  /** A payout names the transaction: the ledger will be told (`landed`), or should have been (`owed`). */
  explain(asset: AssetId, subject: string, payout: 'landed' | 'owed'): void {
    const group = this.#open.get(keyOf(asset, subject))
    if (group !== undefined) group.payout = payout
  }

  /** What differs, when both sides were read to their ends. Nothing may be added any more. */
  finish(): ComparisonResult {
    for (const group of this.#open.values()) {
      const { asset, subject, chain, ledger, ahead } = group
      const totals = this.#totalsOf(asset)
      totals.aheadSum += ahead
      if (chain !== undefined && ledger === undefined && group.payout === 'landed') {
        totals.landed++
        totals.landedSum += chain
        continue
      }
      this.#differs({ kind: kindOf(group), asset, subject, chain, ledger })
    }
    this.#open.clear()
    return { lines: this.#lines, totals: this.#totals }
  }

  #add(movements: readonly Movement[], change: (group: Group, delta: bigint) => void): void {
    const touched = new Set<Group>()
    for (const { asset, subject, delta } of movements) {
      if (!this.#options.assets.has(asset) || !this.isMine(subject)) continue
      const key = keyOf(asset, subject)
      const known = this.#open.get(key)
      const group = known ?? { asset, subject, chain: undefined, ledger: undefined, ahead: 0n, isCompared: false, payout: undefined }
      if (known === undefined) this.#open.set(key, group)
      else if (!touched.has(group)) this.#count(group, -1)
      touched.add(group)
      change(group, delta)
    }
    // Behind the whole page: two halves of one transaction may look equal to something in between.
    for (const group of touched) {
      if (isSettled(group)) this.#settle(group)
      else this.#count(group, 1)
    }
  }

  #settle({ asset, subject, ahead, isCompared }: Group): void {
    const totals = this.#totalsOf(asset)
    if (isCompared) totals.matched++
    else totals.ahead++
    totals.aheadSum += ahead
    this.#open.delete(keyOf(asset, subject))
  }

  #count({ chain, ledger }: Group, by: 1 | -1): void {
    if (ledger === undefined) this.#chainOnly += by
    else if (chain === undefined) this.#ledgerOnly += by
  }

  #differs(line: DifferenceLine): void {
    this.#totalsOf(line.asset)[line.kind]++
    if (this.#lines.length < this.#options.linesMax) this.#lines.push(line)
  }

  #totalsOf(asset: AssetId): ComparisonTotals {
    // Made for every asset that is compared, and nothing else is let in: a new one is for the type alone.
    return this.#totals.get(asset) ?? noTotals()
  }
}

/** Totals of nothing. */
export function noTotals(): ComparisonTotals {
  return { matched: 0, ahead: 0, landed: 0, missing_on_ledger: 0, missing_on_chain: 0, amount_differs: 0, unknown: 0, aheadSum: 0n, landedSum: 0n }
}

/** The two shares of a share. */
export function halvesOf({ part, of }: Share): readonly [Share, Share] {
  return [{ part, of: of * 2 }, { part: part + of, of: of * 2 }]
}

function isSettled({ chain, ledger }: Group): boolean {
  return ledger === undefined ? chain === 0n : chain === ledger
}

function kindOf({ subject, chain, ledger, payout }: Group): DifferenceKind {
  if (chain === undefined) return 'missing_on_chain'
  if (ledger !== undefined) return 'amount_differs'
  if (payout === 'owed') return 'missing_on_ledger'
  // What came in is booked by a rule, unless it is more than the ledger can hold; what went out only when a payout says so.
  return subject.includes(':') && chain <= AMOUNT_MAX ? 'missing_on_ledger' : 'unknown'
}

function keyOf(asset: AssetId, subject: string): string {
  return `${subject} ${asset}`
}

/** FNV-1a: spreads subjects, hides nothing. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
