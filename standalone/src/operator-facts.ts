import type { Clock } from '@evegram/protocol'
import type { Alarm, ChainStatus, LedgerAccountId, LedgerStore, Wally, WallyAsset } from '@evegram/wallet-bridge'

/** Accounts of one page of the ledger, and pages that are added up: of a larger ledger the first of them. */
const PAGE_ACCOUNTS = 1_000
const PAGES_MAX = 20
/** Adding up reads much of the ledger: whoever asks within this time is told the same. */
const FACTS_KEPT_MS = 3_000

/** What one asset stands at, in its smallest unit. */
export interface AssetFacts {
  readonly asset: WallyAsset
  /** What the ledger says that our addresses hold. */
  readonly custody: bigint
  /** What we owe to people, reserved money included. */
  readonly users: bigint
  /** Of that: what is reserved. */
  readonly reserved: bigint
  /** What came in and belongs to nobody yet. */
  readonly suspense: bigint
}

/** What the page for operators shows. */
export interface OperatorFacts {
  readonly nowMs: number
  /** Events of the ledger. */
  readonly events: number
  readonly assets: readonly AssetFacts[]
  /** Whether sums are of all accounts. */
  readonly isWhole: boolean
  readonly chains: readonly ChainStatus[]
  readonly lags: Wally['lags']
  readonly alarms: readonly Alarm[]
}

/** Reads what the page for operators shows, and changes nothing. Rejects `unavailable.store`. */
export async function operatorFacts(wally: Wally, ledger: Pick<LedgerStore, 'accountsAfter' | 'head'>, clock: Pick<Clock, 'now'>): Promise<OperatorFacts> {
  const sums = new Map([...wally.assets.values()].map((asset) => [asset.id, { asset, custody: 0n, users: 0n, reserved: 0n, suspense: 0n }]))
  let after: LedgerAccountId | undefined
  let isWhole = false
  for (let page = 0; page < PAGES_MAX && !isWhole; page++) {
    const { accounts } = await ledger.accountsAfter(after, PAGE_ACCOUNTS)
    for (const { asset, kind, debitsPosted, creditsPosted, debitsPending } of accounts) {
      const sum = sums.get(asset)
      if (sum === undefined) continue
      if (kind === 'hot' || kind === 'cold') sum.custody += debitsPosted - creditsPosted
      if (kind === 'suspense') sum.suspense += creditsPosted - debitsPosted
      if (kind === 'user' || kind === 'escrow' || kind === 'campaign') {
        sum.users += creditsPosted - debitsPosted
        sum.reserved += debitsPending
      }
    }
    after = accounts.at(-1)?.id
    isWhole = accounts.length < PAGE_ACCOUNTS
  }
  const { number } = await ledger.head()
  return {
    nowMs: clock.now(), events: number, assets: [...sums.values()], isWhole, chains: [...wally.chains.values()].map(({ status }) => status), lags: { ...wally.lags }, alarms: await wally.alarms.list(),
  }
}

/** `read`, asked at most once every {@link FACTS_KEPT_MS} however many ask; what it rejects is not kept. */
export function keptFacts(read: () => Promise<OperatorFacts>, clock: Pick<Clock, 'now'>): () => Promise<OperatorFacts> {
  let kept: { readonly atMs: number; readonly facts: Promise<OperatorFacts> } | undefined
  return () => {
    const nowMs = clock.now()
    if (kept !== undefined && nowMs >= kept.atMs && nowMs - kept.atMs < FACTS_KEPT_MS) return kept.facts
    const asked = { atMs: nowMs, facts: read() }
    kept = asked
    return asked.facts.catch((failure: unknown) => {
      if (kept === asked) kept = undefined
      throw failure
    })
  }
}
