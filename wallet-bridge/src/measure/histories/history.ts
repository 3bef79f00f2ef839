import fc from 'fast-check'
import { openingOf, type AccountOpening } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf, parsePurpose, payoutTransferId, type TransferId } from '../../ledger/ids.js'
import type { Submission, TransferRequest } from '../../ledger/transfer.js'

/** One thing that happens in a history. Accounts and transfers are named by small numbers, so that they meet often. */
export type HistoryStep =
  /** Submissions at once, which a store may join. */
  | { readonly kind: 'submit'; readonly submissions: readonly HistorySubmission[] }
  /** Submits what was submitted before, exactly, as after an answer that was lost. `back`: how many steps of submissions ago. */
  | { readonly kind: 'repeat'; readonly back: number }
  | { readonly kind: 'close'; readonly account: number }
  | { readonly kind: 'open'; readonly account: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'expire'; readonly limit: number }

/** A submission of a history. */
export interface HistorySubmission {
  readonly transfers: readonly HistoryTransfer[]
  readonly linked: boolean
}

/** A transfer of a history. */
export interface HistoryTransfer {
  readonly kind: TransferRequest['kind']
  readonly id: number
  readonly debit: number
  readonly credit: number
  readonly amount: number
  readonly pending: number
  /** ms from the time of the step; never when undefined. */
  readonly expiresInMs: number | undefined
}

/** What happens to one small ledger. */
export type History = readonly HistoryStep[]

const ACCOUNTS = 8
const IDS = 12
const FUNDING = 20n
const BACK_MAX = 3
const STEPS_MAX = 24
const AT_ONCE_MAX = 3
const SUBMISSION_TRANSFERS_MAX = 5
const WAIT_MS_MAX = 40

/** Fast-check's source of submissions. */
export const historySubmissions: fc.Arbitrary<HistorySubmission> = fc.record({
  linked: fc.boolean(),
  transfers: fc.array(fc.record({
    kind: fc.constantFrom<TransferRequest['kind'][]>('transfer', 'transfer', 'transfer', 'pending', 'pending', 'post', 'void'),
    id: fc.nat(IDS - 1), debit: fc.nat(ACCOUNTS - 1), credit: fc.nat(ACCOUNTS - 1), amount: fc.nat(9), pending: fc.nat(IDS - 1),
    expiresInMs: fc.option(fc.nat(WAIT_MS_MAX), { nil: undefined }),
  }), { minLength: 1, maxLength: SUBMISSION_TRANSFERS_MAX }),
})

/** Fast-check's source of histories: with ids that come again with the same and with other fields, holds, partial posts, voids, expiries, closed accounts. */
export const histories: fc.Arbitrary<History> = fc.array(fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('submit' as const), submissions: fc.array(historySubmissions, { minLength: 1, maxLength: AT_ONCE_MAX }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('repeat' as const), back: fc.nat(BACK_MAX) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), account: fc.nat(ACCOUNTS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('open' as const), account: fc.nat(ACCOUNTS - 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(WAIT_MS_MAX) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), limit: fc.integer({ min: 1, max: 8 }) }) },
), { minLength: 1, maxLength: STEPS_MAX })

/** The accounts of history `name`: its own, so that many can share one ledger. The last one counts another asset. */
export function accountsOf(name: string): readonly AccountOpening[] {
  const asset = assetIdOf('solana', 'sol')
  const kinds = ['equity', 'hot', 'cold', 'user', 'user', 'user', 'escrow'] as const
  return [...kinds.map((kind, index) => openingOf(kind, `${name}-${String(index)}`, asset)), openingOf('user', `${name}-7`, assetIdOf('ton', 'ton'))]
}

/** What some of the accounts begin with, so that there is something to reserve. */
export function fundingOf(name: string, accounts: readonly AccountOpening[]): Submission {
  return { linked: false, transfers: [1, 3, 4].map((index) => ({
    kind: 'transfer', id: idOf(name, IDS + index), debit: accountAt(accounts, index === 1 ? 1 : 0).id, credit: accountAt(accounts, index === 1 ? 0 : index).id,
    amount: amountOf(FUNDING), purpose,
  })) }
}

/** The id of transfer `id` of history `name`. */
export function idOf(name: string, id: number): TransferId {
  return payoutTransferId(`${name}-${String(id)}`)
}

/** What a submission of a history asks for, at `nowMs`. */
export function submissionOf(name: string, accounts: readonly AccountOpening[], { transfers, linked }: HistorySubmission, nowMs: number): Submission {
  const requests = transfers.map((transfer): TransferRequest => {
    const { kind, id, debit, credit, amount, pending, expiresInMs } = transfer
    switch (kind) {
      case 'transfer':
      case 'pending':
        return {
          kind, id: idOf(name, id), debit: accountAt(accounts, debit).id, credit: accountAt(accounts, credit).id, amount: amountOf(BigInt(amount)), purpose,
          // Without it a request is of the same kind as one that asks for nothing special.
          ...(kind === 'pending' && expiresInMs !== undefined ? { expiresAtMs: nowMs + expiresInMs } : {}),
        }
      case 'post':
        return { kind, id: idOf(name, id), pending: idOf(name, pending), ...(amount > 6 ? {} : { amount: amountOf(BigInt(amount)) }) }
      case 'void':
        return { kind, id: idOf(name, id), pending: idOf(name, pending) }
    }
  })
  // A linked submission names each id once: that is checked before any decision.
  const seen = new Set<TransferId>()
  return { linked, transfers: linked ? requests.filter(({ id }) => !seen.has(id) && seen.add(id)) : requests }
}

const purpose = parsePurpose('history')

/** The account that a number of a history names. */
export function accountAt(accounts: readonly AccountOpening[], index: number): AccountOpening {
  const account = accounts[index]
  if (account === undefined) throw new RangeError('no such account')
  return account
}
