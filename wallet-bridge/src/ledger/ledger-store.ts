import { EvegramError } from '@evegram/protocol'
import type { AccountOpening, LedgerAccount } from './account.js'
import type { LedgerEvent, LedgerHead } from './event.js'
import type { LedgerAccountId, TransferId } from './ids.js'
import type { CloseAccountResult, OpenAccountResult, TransferResult } from './transfer-status.js'
import type { Submission, Transfer } from './transfer.js'

/** Items of one read or one opening. */
export const LEDGER_PAGE_MAX = 1_024
/** Pending transfers that one call of {@link LedgerStore.expire} ends. */
export const EXPIRIES_MAX = 1_024

/** Accounts as they are behind event `number`. */
export interface AccountPage {
  readonly accounts: readonly LedgerAccount[]
  readonly number: number
}

/**
 * Accounts and transfers, in double entry: what one account is debited, another is credited.
 *
 * - Resolved = durable, with its event, in one commit. What rejects with `unavailable.store` or `timeout` may have been done: submit it again under the
 *   same ids, which tells. `limited.queue`: nothing was done.
 * - One order: all changes are as if made one after the other, in the order of their events, which are numbered 1, 2, 3, … without a gap. Calls that
 *   overlap have no order among themselves. A call sees all that was resolved before it began.
 * - Each transfer is decided by `decideTransfers`: every store gives the same results.
 * - No flag of an account is ever broken, whatever runs at once, in however many processes.
 * - An id is known for ever. A refused transfer leaves no trace.
 * - The time of the ledger is that of the clock it was given, and never goes back.
 */
export interface LedgerStore {
  /** Opens accounts, each by itself; a result for each. Rejects `invalid.argument` for more than {@link LEDGER_PAGE_MAX}. */
  openAccounts(openings: readonly AccountOpening[]): Promise<readonly OpenAccountResult[]>
  /** Closes an account that holds nothing, for good. */
  closeAccount(id: LedgerAccountId): Promise<CloseAccountResult>
  /** Decides and stores transfers; a result for each, in their order. Rejects `invalid.argument` (see `checkSubmission`), `limited.queue`, `unavailable.store`. */
  submit(submission: Submission): Promise<readonly TransferResult[]>
  /** Ends pending transfers whose time is over, the oldest times first, up to `limit` of them; how many. Call again while it returns `limit`. */
  expire(limit: number): Promise<number>
  /** The accounts of `ids`, in their order. */
  accounts(ids: readonly LedgerAccountId[]): Promise<readonly (LedgerAccount | undefined)[]>
  /** Accounts behind `after` in the order of their ids, up to `limit`, all as of one moment. */
  accountsAfter(after: LedgerAccountId | undefined, limit: number): Promise<AccountPage>
  /** The transfers of `ids`, in their order. */
  transfers(ids: readonly TransferId[]): Promise<readonly (Transfer | undefined)[]>
  /** Ids of pending transfers that nothing ended, behind `after` in their order, up to `limit`. */
  openPendings(after: TransferId | undefined, limit: number): Promise<readonly TransferId[]>
  /** The newest event. */
  head(): Promise<LedgerHead>
  /** Events behind number `after`, in order, up to `limit`. */
  events(after: number, limit: number): Promise<readonly LedgerEvent[]>
  /** The number of the event that a reader of events has dealt with; 0 for a name not seen before. */
  cursor(name: string): Promise<number>
  /** Moves a cursor, if it still stands at `from`: of several that move it at once one succeeds. */
  moveCursor(name: string, from: number, to: number): Promise<boolean>
  /** Ends it. Resolved = what was submitted is done or refused; later calls reject `unavailable.store`. */
  close(): Promise<void>
}

/** Throws `invalid.argument` unless `count` items may be asked for at once. */
export function checkPage(count: number, max: number = LEDGER_PAGE_MAX): void {
  if (!Number.isSafeInteger(count) || count < 0 || count > max) throw new EvegramError('invalid.argument', { operation: 'read ledger', details: { max } })
}

const CURSOR_NAME = /^[a-z][a-z0-9_-]{0,63}$/

/** Throws `invalid.argument` for a name that no cursor has: 1 to 64 small letters, digits, `_` and `-`. */
export function checkCursorName(name: string): void {
  if (!CURSOR_NAME.test(name)) throw new EvegramError('invalid.argument', { operation: 'name cursor' })
}
