import { EvegramError } from '@evegram/protocol'
import { parseAccountKind, type AccountFlag, type LedgerAccount } from '../account.js'
import { parseAmount } from '../amount.js'
import { parseAssetId, parseLedgerAccountId, parsePurpose, parseTransferId } from '../ids.js'
import type { Transfer } from '../transfer.js'

/** A row of `ledger_accounts`; numbers as text, which both drivers read alike. */
export interface AccountRow {
  readonly id: string
  readonly asset: string
  readonly kind: string
  readonly debits_must_not_exceed_credits: boolean
  readonly credits_must_not_exceed_debits: boolean
  readonly closed: boolean
  readonly debits_pending: string
  readonly debits_posted: string
  readonly credits_pending: string
  readonly credits_posted: string
}

/** A row of `ledger_transfers`. */
export interface TransferRow {
  readonly id: string
  readonly number: string
  readonly kind: string
  readonly debit: string
  readonly credit: string
  readonly asset: string
  readonly amount: string
  readonly purpose: string
  readonly expires_at_ms: string | null
  readonly pending_id: string | null
  readonly reserved: string | null
  readonly at_ms: string
}

const KINDS = ['transfer', 'pending', 'post', 'void', 'expire'] as const

/** The account that a row holds. Throws `invalid.argument` for one that this program did not write. */
export function accountOf(row: AccountRow): LedgerAccount {
  const flags: AccountFlag[] = []
  if (row.debits_must_not_exceed_credits) flags.push('debits_must_not_exceed_credits')
  if (row.credits_must_not_exceed_debits) flags.push('credits_must_not_exceed_debits')
  return {
    id: parseLedgerAccountId(row.id), asset: parseAssetId(row.asset), kind: parseAccountKind(row.kind), flags, closed: row.closed,
    debitsPending: parseAmount(row.debits_pending), debitsPosted: parseAmount(row.debits_posted),
    creditsPending: parseAmount(row.credits_pending), creditsPosted: parseAmount(row.credits_posted),
  }
}

/** The transfer that a row holds. Throws `invalid.argument` and `internal` for one that this program did not write. */
export function transferOf(row: TransferRow): Transfer {
  return {
    id: parseTransferId(row.id), kind: kindOf(row.kind), debit: parseLedgerAccountId(row.debit), credit: parseLedgerAccountId(row.credit), asset: parseAssetId(row.asset),
    amount: parseAmount(row.amount), purpose: parsePurpose(row.purpose), expiresAtMs: row.expires_at_ms === null ? undefined : integerOf(row.expires_at_ms),
    ends: row.pending_id === null || row.reserved === null ? undefined : { pending: parseTransferId(row.pending_id), reserved: parseAmount(row.reserved) },
    number: integerOf(row.number), atMs: integerOf(row.at_ms),
  }
}

/** A `bigint` of the database. Throws `internal` beyond 2^53. */
export function integerOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new EvegramError('internal', { operation: 'read integer' })
  return value
}

/** The kind of a transfer. Throws `internal` for a word that is none. */
export function kindOf(text: string): Transfer['kind'] {
  const kind = KINDS.find((name) => name === text)
  if (kind === undefined) throw new EvegramError('internal', { operation: 'read transfer' })
  return kind
}
