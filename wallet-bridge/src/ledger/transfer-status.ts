/**
 * What can become of one transfer, in the order of precedence: where several apply, the first is the answer. The decision runs down this list, the tests
 * and docs/ledger.md are made of it. A refused transfer leaves no trace, and its id stays free.
 */
export const TRANSFER_STATUSES = [
  ['exists_with_different_fields', 'The id belongs to a transfer with other fields: nothing was done. Somebody made a mistake, or squats an id.'],
  ['exists', 'The same transfer is in the ledger already: nothing was done, all is well.'],
  ['accounts_must_differ', 'Debit and credit are one account.'],
  ['amount_must_not_be_zero', 'Nothing would be moved.'],
  ['debit_account_not_found', 'There is no account to debit under this id.'],
  ['credit_account_not_found', 'There is no account to credit under this id.'],
  ['assets_must_be_equal', 'The two accounts count different assets.'],
  ['pending_not_found', 'There is no transfer under the id that is to be posted or voided.'],
  ['not_pending', 'The transfer that is to be posted or voided was never pending.'],
  ['already_posted', 'The pending transfer was posted.'],
  ['already_voided', 'The pending transfer was voided.'],
  ['expired', 'The time of the pending transfer is over, whether it was released yet or not.'],
  ['exceeds_pending_amount', 'More is to be posted than was reserved.'],
  ['debit_account_closed', 'The account to debit was closed.'],
  ['credit_account_closed', 'The account to credit was closed.'],
  ['expires_in_the_past', 'The reservation would be over before it began.'],
  ['exceeds_amount_max', 'A balance would get more than 38 digits.'],
  ['exceeds_credits', 'The account to debit has less than that, what is reserved taken off.'],
  ['exceeds_debits', 'The account to credit would give more than it has, what is reserved taken off.'],
  ['linked_failed', 'Another transfer of the linked submission was refused, or was in the ledger without this one: none of it was done.'],
  ['created', 'It was done, and is stored.'],
] as const

/** What became of one transfer. */
export type TransferStatus = (typeof TRANSFER_STATUSES)[number][0]
/** Why a transfer was not done. */
export type TransferRefusal = Exclude<TransferStatus, 'created' | 'exists'>

/** The answer to one transfer. `number`: of its event, the first one's when it exists. */
export type TransferResult = { readonly status: 'created' | 'exists'; readonly number: number } | { readonly status: TransferRefusal }

/** The answer to the opening of one account. */
export type OpenAccountResult = 'created' | 'exists' | 'exists_with_different_fields'

/** The answer to the closing of an account: it must hold nothing, and nothing may be reserved on it. */
export type CloseAccountResult = 'closed' | 'already_closed' | 'account_not_found' | 'account_has_pending' | 'account_not_empty'

/** Whether the transfer is in the ledger now. */
export function isDone(result: TransferResult): result is Extract<TransferResult, { readonly number: number }> {
  return result.status === 'created' || result.status === 'exists'
}
