import { parseChainName } from '../../chain/chain-adapter.js'
import { custodyOf } from '../../flows/deposit/deposit-flow.js'
import type { Payout } from '../../flows/payout/payout.js'
import { ENDED_STATES, isOneOf, PAYOUT_STATES } from '../../flows/payout/payout-states.js'
import { PAYOUTS_PAGE_MAX, type PayoutStore } from '../../flows/payout/payout-store.js'
import { openingOf, type LedgerAccount } from '../../ledger/account.js'
import type { AssetId, LedgerAccountId } from '../../ledger/ids.js'
import { LEDGER_PAGE_MAX, type LedgerStore } from '../../ledger/ledger-store.js'
import { verifyLedger } from '../../ledger/verify.js'
import type { PlannedPayout } from './crash-payouts.js'

/** Of so many payouts that could be paid one may end as one that was signed as often as it may be and never landed: the network keeps back what it is given. */
const NEVER_LANDED_ONE_IN = 50

/** What is compared at the end of a run. Balances in the order of `planned`, as the chain's own SDK read them. */
export interface AuditedFacts {
  readonly asset: AssetId
  readonly planned: readonly PlannedPayout[]
  /** What each account had at the beginning. */
  readonly funds: ReadonlyMap<string, bigint>
  readonly ledger: LedgerStore
  readonly payouts: Pick<PayoutStore, 'list'>
  readonly held: readonly bigint[]
  readonly hotHeld: bigint
}

/** What was found. */
export interface CrashAudit {
  /** How many payouts ended so, `paid` or a state with its reason. */
  readonly ends: Readonly<Record<string, number>>
  /** Recipients by what they got: nothing, exactly the amount, anything else. */
  readonly arrived: { readonly nothing: number; readonly once: number; readonly otherwise: number }
  readonly fees: bigint
  /** Everything that is not as it must be, in words. */
  readonly problems: readonly string[]
}

/** Compares what arrived on the chain with the payouts and the ledger. Rejects as the stores do. */
export async function auditPayouts({ asset, planned, funds, ledger, payouts, held, hotHeld }: AuditedFacts): Promise<CrashAudit> {
  const problems: string[] = []
  const expect = (isSo: boolean, otherwise: () => string): void => { if (!isSo) problems.push(otherwise()) }
  const found = new Map((await allPayouts(payouts, asset)).map((payout) => [payout.id, payout]))
  expect(found.size === planned.length, () => `${String(planned.length)} payouts were asked for, ${String(found.size)} are written down`)

  const [ends, arrived, left]: [Record<string, number>, { nothing: number; once: number; otherwise: number }, Map<string, bigint>] = [{}, { nothing: 0, once: 0, otherwise: 0 }, new Map(funds)]
  let fees = 0n
  let neverLanded = 0
  for (const [index, { id, account, amount, isAffordable }] of planned.entries()) {
    const [payout, got] = [found.get(id), held[index] ?? -1n]
    arrived[got === 0n ? 'nothing' : got === amount ? 'once' : 'otherwise']++
    if (payout === undefined) continue
    const end = payout.reason === undefined ? payout.state : `${payout.state}: ${payout.reason}`
    ends[end] = (ends[end] ?? 0) + 1
    expect(isOneOf(payout.state, ENDED_STATES), () => `${id} did not end: ${end}`)
    const isPaid = payout.state === 'paid'
    expect(got === (isPaid ? amount : 0n), () => `${id} is ${end}, and ${String(got)} of ${String(amount)} arrived`)
    expect(isAffordable || end === 'refused: balance_too_low', () => `${id} was more than there was, and is ${end}`)
    if (end === 'failed: never_landed') neverLanded++
    else expect(isPaid || !isAffordable, () => `${id} could be paid, and is ${end}`)
    const fee = payout.outcome?.fee ?? 0n
    fees += fee
    left.set(account, (left.get(account) ?? 0n) - fee - (isPaid ? amount : 0n))
  }

  const neverLandedMax = Math.floor(planned.filter(({ isAffordable }) => isAffordable).length / NEVER_LANDED_ONE_IN)
  expect(neverLanded <= neverLandedMax, () => `${String(neverLanded)} payouts never landed, more than ${String(neverLandedMax)}`)

  const accounts = await allAccounts(ledger)
  const sum = (of: (account: LedgerAccount) => bigint): bigint => [...accounts.values()].reduce((total, account) => total + of(account), 0n)
  expect(sum(({ debitsPosted, creditsPosted }) => debitsPosted - creditsPosted) === 0n, () => 'the sum of all postings is not 0')
  expect(sum(({ debitsPending, creditsPending }) => debitsPending + creditsPending) === 0n, () => 'something is still reserved')
  for (const [account, amount] of left) {
    const user = accounts.get(openingOf('user', account, asset).id)
    expect((user?.creditsPosted ?? 0n) - (user?.debitsPosted ?? 0n) === amount, () => `account ${account} has not what its payouts left`)
  }
  const custody = accounts.get(custodyOf(asset).id)
  const booked = (custody?.debitsPosted ?? 0n) - (custody?.creditsPosted ?? 0n)
  expect(booked === hotHeld, () => `the hot wallet holds ${String(hotHeld)}, the ledger says ${String(booked)}`)
  const verified = await verifyLedger(ledger)
  expect(verified.status === 'sound', () => `the ledger is damaged: ${verified.status === 'sound' ? '' : verified.detail}`)
  // A run in which nothing is paid shows nothing.
  expect(arrived.once > 0, () => 'nobody was paid')
  return { ends, arrived, fees, problems }
}

/** All payouts of the chain of an asset. Rejects `unavailable.store`. */
export async function allPayouts(payouts: Pick<PayoutStore, 'list'>, asset: AssetId): Promise<readonly Payout[]> {
  const [chain, states] = [parseChainName(asset.slice(0, asset.indexOf('/'))), PAYOUT_STATES.map(([state]) => state)]
  const all: Payout[] = []
  for (;;) {
    const page = await payouts.list({ chain, states, after: all.at(-1)?.number ?? 0, limit: PAYOUTS_PAGE_MAX })
    all.push(...page)
    if (page.length < PAYOUTS_PAGE_MAX) return all
  }
}

async function allAccounts(ledger: LedgerStore): Promise<ReadonlyMap<LedgerAccountId, LedgerAccount>> {
  const all = new Map<LedgerAccountId, LedgerAccount>()
  for (let after: LedgerAccountId | undefined; ;) {
    const { accounts } = await ledger.accountsAfter(after, LEDGER_PAGE_MAX)
    for (const account of accounts) all.set(account.id, account)
    after = accounts.at(-1)?.id
    if (accounts.length < LEDGER_PAGE_MAX) return all
  }
}
