import { EvegramError } from '@evegram/protocol'
import { AMOUNT_MAX, ZERO, type Amount } from './amount.js'
import { hasFlag, type AccountOpening, type LedgerAccount } from './account.js'
import { expiryTransferId, type LedgerAccountId, type TransferId } from './ids.js'
import { balancesAfter } from './post-transfer.js'
import {
  isDone, TRANSFER_STATUSES, type CloseAccountResult, type OpenAccountResult, type TransferResult,
} from './transfer-status.js'
import type { Submission, Transfer, TransferRequest } from './transfer.js'

/** What the ledger holds, as far as a decision looks at it. */
export interface LedgerView {
  account(id: LedgerAccountId): LedgerAccount | undefined
  transfer(id: TransferId): Transfer | undefined
  /** The transfer that ended a pending one. */
  ending(pending: TransferId): Transfer | undefined
}

/** Where the next change stands. */
export interface LedgerPlace {
  /** Number of the next event. */
  readonly number: number
  /** Time of the ledger, ms since 1970. */
  readonly nowMs: number
}

/** What was decided. */
export interface Decision {
  /** A list for each submission, a result for each of its transfers. */
  readonly results: readonly (readonly TransferResult[])[]
  /** What is to be stored, in this order, numbered without a gap. */
  readonly transfers: readonly Transfer[]
}

/** What the checks look at: a request, with what it means in the ledger as it is at this point. */
interface Question {
  readonly request: TransferRequest
  readonly known: Transfer | undefined
  /** Whether it takes money that no reservation holds yet. */
  readonly begins: boolean
  readonly debitId: LedgerAccountId | undefined
  readonly creditId: LedgerAccountId | undefined
  readonly debit: LedgerAccount | undefined
  readonly credit: LedgerAccount | undefined
  readonly amount: Amount
  readonly pending: Transfer | undefined
  readonly ending: Transfer | undefined
  readonly nowMs: number
}

type Check = (question: Question) => boolean

/** Whether each answer applies, whatever else does: {@link TRANSFER_STATUSES} says which one is given. */
const CHECKS: Readonly<Record<Exclude<(typeof TRANSFER_STATUSES)[number][0], 'created'>, Check>> = {
  exists_with_different_fields: ({ request, known }) => known !== undefined && !isSame(request, known),
  exists: ({ known }) => known !== undefined,
  accounts_must_differ: ({ begins, debitId, creditId }) => begins && debitId === creditId,
  amount_must_not_be_zero: ({ request, amount }) => request.kind !== 'void' && amount === 0n,
  debit_account_not_found: ({ begins, debit }) => begins && debit === undefined,
  credit_account_not_found: ({ begins, credit }) => begins && credit === undefined,
  assets_must_be_equal: ({ begins, debit, credit }) => begins && debit?.asset !== credit?.asset,
  pending_not_found: ({ begins, pending }) => !begins && pending === undefined,
  not_pending: ({ begins, pending }) => !begins && pending?.kind !== 'pending',
  already_posted: ({ ending }) => ending?.kind === 'post',
  already_voided: ({ ending }) => ending?.kind === 'void',
  expired: ({ ending, pending, nowMs }) => ending?.kind === 'expire' || isOver(pending?.expiresAtMs, nowMs),
  exceeds_pending_amount: ({ begins, amount, pending }) => !begins && pending !== undefined && amount > pending.amount,
  debit_account_closed: ({ begins, debit }) => begins && debit?.closed === true,
  credit_account_closed: ({ begins, credit }) => begins && credit?.closed === true,
  expires_in_the_past: ({ request, nowMs }) => request.kind === 'pending' && isOver(request.expiresAtMs, nowMs),
  // What is reserved counts: a post can then never fail for want of digits.
  exceeds_amount_max: ({ begins, amount, debit, credit }) => begins && (
    (debit !== undefined && debit.debitsPending + debit.debitsPosted + amount > AMOUNT_MAX) ||
    (credit !== undefined && credit.creditsPending + credit.creditsPosted + amount > AMOUNT_MAX)
  ),
  exceeds_credits: ({ begins, amount, debit }) => begins && debit !== undefined && hasFlag(debit, 'debits_must_not_exceed_credits') &&
    debit.debitsPending + debit.debitsPosted + amount > debit.creditsPosted,
  exceeds_debits: ({ begins, amount, credit }) => begins && credit !== undefined && hasFlag(credit, 'credits_must_not_exceed_debits') &&
    credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted,
  // Given to the others of a group, never found by looking at one transfer.
  linked_failed: () => false,
}

/**
 * What becomes of submissions, one after the other, each on top of what those before it did. Pure: the same view, submissions and place give the same
 * decision everywhere, which is why stores of every kind agree. `view` is only read.
 */
export function decideTransfers(view: LedgerView, submissions: readonly Submission[], place: LedgerPlace): Decision {
  const draft = new Draft(view, place)
  return { results: submissions.map((submission) => decideSubmission(draft, submission)), transfers: draft.transfers }
}

/** Ends every pending transfer of `due` whose time is over and that nothing ended yet. */
export function decideExpiries(view: LedgerView, due: readonly TransferId[], place: LedgerPlace): readonly Transfer[] {
  const draft = new Draft(view, place)
  for (const id of due) {
    const pending = draft.transfer(id)
    if (pending?.kind !== 'pending' || !isOver(pending.expiresAtMs, place.nowMs) || draft.ending(id) !== undefined) continue
    draft.add({ ...endOf(pending, ZERO), id: expiryTransferId(id), kind: 'expire' })
  }
  return draft.transfers
}

/** What becomes of openings, one after the other; `opened` is to be stored. */
export function decideOpenings(view: LedgerView, openings: readonly AccountOpening[]): {
  readonly results: readonly OpenAccountResult[]
  readonly opened: readonly AccountOpening[]
} {
  const opened = new Map<LedgerAccountId, AccountOpening>()
  const results = openings.map((opening): OpenAccountResult => {
    const known = view.account(opening.id) ?? opened.get(opening.id)
    if (known !== undefined) return isSameOpening(opening, known) ? 'exists' : 'exists_with_different_fields'
    const { id, asset, kind, flags } = opening
    opened.set(id, { id, asset, kind, flags })
    return 'created'
  })
  return { results, opened: [...opened.values()] }
}

/** Whether an account may be closed. */
export function decideClosing(account: LedgerAccount | undefined): CloseAccountResult {
  if (account === undefined) return 'account_not_found'
  if (account.closed) return 'already_closed'
  if (account.debitsPending > 0n || account.creditsPending > 0n) return 'account_has_pending'
  return account.debitsPosted === account.creditsPosted ? 'closed' : 'account_not_empty'
}

function decideSubmission(draft: Draft, { transfers, linked }: Submission): readonly TransferResult[] {
  if (!linked) return transfers.map((request) => decideOne(draft, request))
  draft.begin()
  const results: TransferResult[] = []
  for (const request of transfers) {
    const result = decideOne(draft, request)
    results.push(result)
    if (!isDone(result)) break
  }
  const refused = results.some((result) => !isDone(result))
  // Some in the ledger and some not is another group than the one that was stored.
  const mixed = !refused && results.some(({ status }) => status === 'exists') && results.some(({ status }) => status === 'created')
  if (!refused && !mixed) return results
  draft.undo()
  return transfers.map((_request, index) => {
    const result = results[index]
    if (result === undefined || result.status === 'created' || (refused && result.status === 'exists')) return { status: 'linked_failed' }
    return result
  })
}

function decideOne(draft: Draft, request: TransferRequest): TransferResult {
  const question = questionOf(draft, request)
  for (const [status] of TRANSFER_STATUSES) {
    if (status === 'created') break
    if (!CHECKS[status](question)) continue
    if (status !== 'exists') return { status }
    if (question.known !== undefined) return { status, number: question.known.number }
  }
  return { status: 'created', number: draft.add(transferOf(question)) }
}

function questionOf(draft: Draft, request: TransferRequest): Question {
  const { nowMs } = draft.place
  const known = draft.transfer(request.id)
  if (request.kind === 'transfer' || request.kind === 'pending') {
    const { debit, credit, amount } = request
    return {
      request, known, begins: true, debitId: debit, creditId: credit, debit: draft.account(debit), credit: draft.account(credit), amount,
      pending: undefined, ending: undefined, nowMs,
    }
  }
  const pending = draft.transfer(request.pending)
  return {
    request, known, begins: false, debitId: pending?.debit, creditId: pending?.credit, debit: undefined, credit: undefined,
    // Zero is refused for a post: of one without an amount whose pending transfer is missing the refusal says that instead.
    amount: request.kind === 'void' ? ZERO : request.amount ?? pending?.amount ?? AMOUNT_MAX,
    pending, ending: draft.ending(request.pending), nowMs,
  }
}

/** The transfer that a question without objections asks for. */
function transferOf({ request, debit, amount, pending }: Question): NewTransfer {
  if (request.kind === 'transfer' || request.kind === 'pending') {
    if (debit === undefined) throw new EvegramError('internal', { operation: 'decide transfer' })
    return {
      id: request.id, kind: request.kind, debit: request.debit, credit: request.credit, asset: debit.asset, amount, purpose: request.purpose,
      expiresAtMs: request.kind === 'pending' ? request.expiresAtMs : undefined, ends: undefined,
    }
  }
  if (pending === undefined) throw new EvegramError('internal', { operation: 'decide transfer' })
  return { ...endOf(pending, amount), id: request.id, kind: request.kind }
}

type NewTransfer = Omit<Transfer, 'number' | 'atMs'>

function endOf({ id, debit, credit, asset, amount, purpose }: Transfer, moved: Amount): Omit<NewTransfer, 'id' | 'kind'> {
  return { debit, credit, asset, amount: moved, purpose, expiresAtMs: undefined, ends: { pending: id, reserved: amount } }
}

function isSame(request: TransferRequest, known: Transfer): boolean {
  if (request.kind !== known.kind) return false
  switch (request.kind) {
    case 'transfer':
    case 'pending':
      return request.debit === known.debit && request.credit === known.credit && request.amount === known.amount && request.purpose === known.purpose &&
        (request.kind === 'transfer' || request.expiresAtMs === known.expiresAtMs)
    case 'post':
      return request.pending === known.ends?.pending && (request.amount ?? known.ends.reserved) === known.amount
    case 'void':
      return request.pending === known.ends?.pending
  }
}

function isSameOpening(opening: AccountOpening, known: AccountOpening): boolean {
  return opening.asset === known.asset && opening.kind === known.kind && opening.flags.length === known.flags.length &&
    opening.flags.every((flag) => known.flags.includes(flag))
}

function isOver(expiresAtMs: number | undefined, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs >= expiresAtMs
}

/** The ledger as it would be: what was decided lies on top of the view, and can be taken back to where a group began. */
class Draft implements LedgerView {
  readonly place: LedgerPlace
  readonly transfers: Transfer[] = []
  readonly #view: LedgerView
  readonly #accounts = new Map<LedgerAccountId, LedgerAccount>()
  readonly #byId = new Map<TransferId, Transfer>()
  readonly #endings = new Map<TransferId, Transfer>()
  #groupStart = 0
  /** Accounts as they were when the group began, as far as it changed them. */
  #before: Map<LedgerAccountId, LedgerAccount> | undefined

  constructor(view: LedgerView, place: LedgerPlace) {
    this.#view = view
    this.place = place
  }

  account(id: LedgerAccountId): LedgerAccount | undefined {
    return this.#accounts.get(id) ?? this.#view.account(id)
  }

  transfer(id: TransferId): Transfer | undefined {
    return this.#byId.get(id) ?? this.#view.transfer(id)
  }

  ending(pending: TransferId): Transfer | undefined {
    return this.#endings.get(pending) ?? this.#view.ending(pending)
  }

  /** Adds a transfer and returns its number. */
  add(fields: NewTransfer): number {
    const number = this.place.number + this.transfers.length
    const transfer: Transfer = { ...fields, number, atMs: this.place.nowMs }
    this.transfers.push(transfer)
    this.#byId.set(transfer.id, transfer)
    if (transfer.ends !== undefined) this.#endings.set(transfer.ends.pending, transfer)
    for (const side of ['debit', 'credit'] as const) {
      const account = this.account(transfer[side])
      if (account === undefined) throw new EvegramError('internal', { operation: 'decide transfer', details: { problem: 'an account of a pending transfer is missing' } })
      if (this.#before?.has(account.id) === false) this.#before.set(account.id, account)
      this.#accounts.set(account.id, { ...account, ...balancesAfter(account, side, transfer) })
    }
    return number
  }

  /** From here on {@link undo} takes everything back. */
  begin(): void {
    this.#groupStart = this.transfers.length
    this.#before = new Map()
  }

  undo(): void {
    for (const transfer of this.transfers.splice(this.#groupStart)) {
      this.#byId.delete(transfer.id)
      if (transfer.ends !== undefined) this.#endings.delete(transfer.ends.pending)
    }
    for (const [id, account] of this.#before ?? []) this.#accounts.set(id, account)
    this.#before = undefined
  }
}
