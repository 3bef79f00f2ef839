import { EvegramError } from '@evegram/protocol'
import type { Amount } from './amount.js'
import type { AssetId, LedgerAccountId, Purpose, TransferId } from './ids.js'

/** Transfers of one submission. */
export const SUBMISSION_TRANSFERS_MAX = 1_024

/** What is asked of the ledger. `transfer` moves at once; `pending` reserves; `post` and `void` end a reservation, each once. */
export type TransferRequest = MovingRequest | ReservingRequest | PostRequest | VoidRequest

/** Moves `amount` from one account to another: `debit` is debited, `credit` credited. */
export interface MovingRequest {
  readonly kind: 'transfer'
  readonly id: TransferId
  readonly debit: LedgerAccountId
  readonly credit: LedgerAccountId
  readonly amount: Amount
  readonly purpose: Purpose
}

/** Reserves `amount` on both accounts until it is posted, voided or expires. */
export interface ReservingRequest extends Omit<MovingRequest, 'kind'> {
  readonly kind: 'pending'
  /** Time of the ledger, in ms since 1970, from which on it can only expire. Never without: what is on its way to a chain must not be released by time. */
  readonly expiresAtMs?: number | undefined
}

/** Moves what was reserved, or a part of it: the rest is released. */
export interface PostRequest {
  readonly kind: 'post'
  readonly id: TransferId
  readonly pending: TransferId
  /** All of it when left out. */
  readonly amount?: Amount | undefined
}

/** Releases what was reserved. */
export interface VoidRequest {
  readonly kind: 'void'
  readonly id: TransferId
  readonly pending: TransferId
}

/** Transfers that are handed over together. `linked`: all of them happen, or none. Otherwise each stands for itself, in the order given. */
export interface Submission {
  readonly transfers: readonly TransferRequest[]
  readonly linked: boolean
}

/** A transfer of the ledger. Never changed and never removed. */
export interface Transfer {
  readonly id: TransferId
  /** As asked for; `expire` is made by the ledger alone. */
  readonly kind: TransferRequest['kind'] | 'expire'
  readonly debit: LedgerAccountId
  readonly credit: LedgerAccountId
  readonly asset: AssetId
  /** Moved, or reserved by `pending`; 0 for `void` and `expire`. */
  readonly amount: Amount
  readonly purpose: Purpose
  /** Of `pending`: see {@link ReservingRequest}. */
  readonly expiresAtMs: number | undefined
  /** Of `post`, `void` and `expire`: what it ends, and how much that had reserved. */
  readonly ends: { readonly pending: TransferId; readonly reserved: Amount } | undefined
  /** Number of its event: the place in the order in which everything happened. */
  readonly number: number
  /** Time of the ledger at its commit, ms since 1970. Never goes back from one event to the next. */
  readonly atMs: number
}

/** Throws `invalid.argument` for a submission that no ledger takes: empty, too long, a time that is none, or linked with one id twice. */
export function checkSubmission({ transfers, linked }: Submission): void {
  const refuse = (problem: string): never => { throw new EvegramError('invalid.argument', { operation: 'submit transfers', details: { problem } }) }
  if (transfers.length === 0) refuse('no transfers')
  if (transfers.length > SUBMISSION_TRANSFERS_MAX) refuse(`more than ${String(SUBMISSION_TRANSFERS_MAX)} transfers`)
  if (linked && new Set(transfers.map(({ id }) => id)).size !== transfers.length) refuse('linked transfers with one id')
  for (const request of transfers) {
    if (request.kind !== 'pending' || request.expiresAtMs === undefined) continue
    if (!Number.isSafeInteger(request.expiresAtMs) || request.expiresAtMs < 0) refuse('time of expiry')
  }
}
