import type { ManualClock } from '@evegram/platform'
import { keepsFlags, type AccountOpening, type LedgerAccount } from '../../ledger/account.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { isDone, type TransferResult } from '../../ledger/transfer-status.js'
import type { Submission, TransferRequest } from '../../ledger/transfer.js'
import { accountAt, accountsOf, fundingOf, submissionOf, type History } from './history.js'

/** What came of a history: the same for every store of a ledger. */
export interface HistoryOutcome {
  /** What each step was answered, numbers of events counted from the first of the history. */
  readonly answers: readonly unknown[]
  readonly accounts: readonly (LedgerAccount | undefined)[]
  /** Statuses that were given, for a count of what the histories reach. */
  readonly statuses: ReadonlySet<string>
}

/** Longer than any reservation of a history. */
const AFTER_ALL_MS = 1_000
const EXPIRE_ALL = 1_024

/**
 * Runs a history named `name` and throws {@link BrokenPromise} when the ledger breaks one on the way: a flag, a balance that does not fit the other side,
 * a linked group that was done in part, an id that is not known afterwards.
 */
export async function runHistory(store: LedgerStore, clock: ManualClock, name: string, history: History): Promise<HistoryOutcome> {
  const openings = accountsOf(name)
  const first = (await store.head()).number
  const answers: unknown[] = [await store.openAccounts(openings.slice(0, -2))]
  await store.submit(fundingOf(name, openings))
  const statuses = new Set<string>()
  const submitted: (readonly Submission[])[] = []
  const done: TransferRequest[] = []
  for (const step of history) {
    switch (step.kind) {
      case 'submit':
      case 'repeat': {
        const submissions = step.kind === 'submit' ? step.submissions.map((submission) => submissionOf(name, openings, submission, clock.now())) : submitted.at(-1 - step.back)
        if (submissions === undefined) break
        submitted.push(submissions)
        const answered = await Promise.all(submissions.map((submission) => store.submit(submission)))
        for (const [index, submission] of submissions.entries()) {
          const results = answered[index] ?? []
          checkLinked(submission, results)
          for (const { status } of results) statuses.add(status)
          done.push(...submission.transfers.filter((_, at) => isDoneAt(results, at)))
        }
        answers.push(answered.map((results) => results.map((result) => ('number' in result ? { ...result, number: result.number - first } : result))))
        break
      }
      case 'close': answers.push(await store.closeAccount(accountAt(openings, step.account).id)); break
      case 'open': answers.push(await store.openAccounts([accountAt(openings, step.account)])); break
      case 'wait': clock.advance(step.ms); break
      case 'expire': answers.push(await store.expire(step.limit)); break
    }
    checkBalances(await accountsNow(store, openings))
  }
  const head = await store.head()
  for (const request of done) {
    const [result] = await store.submit({ transfers: [request], linked: false })
    if (result?.status !== 'exists') broken(`a transfer that was done is answered ${result?.status ?? 'nothing'}`)
  }
  if ((await store.head()).number !== head.number) broken('a transfer was done again')
  // What is reserved for a time is released, so that nothing of it reaches into the next history of this ledger.
  clock.advance(AFTER_ALL_MS)
  answers.push(await store.expire(EXPIRE_ALL))
  const accounts = await store.accounts(openings.map(({ id }) => id))
  checkBalances(accounts)
  return { answers, accounts, statuses }
}

/** A ledger did what it must not. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

function broken(what: string): never {
  throw new BrokenPromise(what)
}

async function accountsNow(store: LedgerStore, openings: readonly AccountOpening[]): Promise<readonly (LedgerAccount | undefined)[]> {
  return store.accounts(openings.map(({ id }) => id))
}

function checkBalances(accounts: readonly (LedgerAccount | undefined)[]): void {
  const sums = new Map<string, { pending: bigint; posted: bigint }>()
  for (const account of accounts) {
    if (account === undefined) continue
    const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account
    if ([debitsPending, debitsPosted, creditsPending, creditsPosted].some((balance) => balance < 0n)) broken('a balance is negative')
    if (!keepsFlags(account, account)) broken(`a flag of an account of kind ${account.kind} is broken`)
    if (account.closed && (debitsPending + creditsPending > 0n || debitsPosted !== creditsPosted)) broken('a closed account holds something')
    const sum = sums.get(account.asset) ?? { pending: 0n, posted: 0n }
    sums.set(account.asset, { pending: sum.pending + debitsPending - creditsPending, posted: sum.posted + debitsPosted - creditsPosted })
  }
  for (const { pending, posted } of sums.values()) if (pending !== 0n || posted !== 0n) broken('the postings do not sum to zero')
}

function checkLinked({ linked, transfers }: Submission, results: readonly TransferResult[]): void {
  if (results.length !== transfers.length) broken('not every transfer was answered')
  if (!linked) return
  const created = results.filter(({ status }) => status === 'created').length
  if (created !== 0 && created !== results.length) broken('a linked group was done in part')
}

function isDoneAt(results: readonly TransferResult[], index: number): boolean {
  const result = results[index]
  return result !== undefined && isDone(result)
}
