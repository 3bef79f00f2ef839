import { EvegramError } from '@evegram/protocol'
import { ZERO, type Amount } from './amount.js'
import { ledgerAccountIdOf, type AssetId, type LedgerAccountId } from './ids.js'

/**
 * A rule that an account never breaks, pending transfers counted as if they were posted:
 * `debits_must_not_exceed_credits` for what we owe (what a user holds), `credits_must_not_exceed_debits` for what we own (a hot wallet).
 */
export type AccountFlag = 'debits_must_not_exceed_credits' | 'credits_must_not_exceed_debits'

/** What an account stands for, and the flags that this kind always has. */
export const ACCOUNT_KINDS = {
  /** What a user holds. */
  user: ['debits_must_not_exceed_credits'],
  /** Money locked between two parties. */
  escrow: ['debits_must_not_exceed_credits'],
  /** Money set aside for a campaign. */
  campaign: ['debits_must_not_exceed_credits'],
  /** Money that came in and belongs to nobody yet. */
  suspense: ['debits_must_not_exceed_credits'],
  /** A wallet of ours that signs by itself. */
  hot: ['credits_must_not_exceed_debits'],
  /** A wallet of ours that people sign for. */
  cold: ['credits_must_not_exceed_debits'],
  /** Network fees and taxes that we paid. */
  fees: ['credits_must_not_exceed_debits'],
  /** The operator's own money: may be below zero, which is a loss. */
  equity: [],
} as const satisfies Record<string, readonly AccountFlag[]>

/** What an account stands for. */
export type AccountKind = keyof typeof ACCOUNT_KINDS

/** What has been moved over an account, and what is reserved to be: four sums, each only of its own side. */
export interface Balances {
  readonly debitsPending: Amount
  readonly debitsPosted: Amount
  readonly creditsPending: Amount
  readonly creditsPosted: Amount
}

/** What an account is, from its opening on. */
export interface AccountOpening {
  readonly id: LedgerAccountId
  readonly asset: AssetId
  readonly kind: AccountKind
  readonly flags: readonly AccountFlag[]
}

/** An account with what is in it. */
export interface LedgerAccount extends AccountOpening, Balances {
  /** Takes no new transfers; for good. */
  readonly closed: boolean
}

/** Balances of an account that nothing was moved over. */
export const NO_BALANCES: Balances = { debitsPending: ZERO, debitsPosted: ZERO, creditsPending: ZERO, creditsPosted: ZERO }

/** The opening of the one account of `kind`, `owner` and `asset`, with the flags of its kind. Throws `invalid.argument` for an owner that no id takes. */
export function openingOf(kind: AccountKind, owner: string, asset: AssetId): AccountOpening {
  return { id: ledgerAccountIdOf(kind, owner, asset), asset, kind, flags: ACCOUNT_KINDS[kind] }
}

/** Brands the name of a kind. Throws `invalid.argument`. */
export function parseAccountKind(text: string): AccountKind {
  if (!Object.hasOwn(ACCOUNT_KINDS, text)) throw new EvegramError('invalid.argument', { operation: 'parse account kind' })
  // Own keys of the table are exactly the kinds.
  return text as AccountKind
}

/** Whether an account has `flag`. */
export function hasFlag(account: AccountOpening, flag: AccountFlag): boolean {
  return account.flags.includes(flag)
}

/** Whether balances keep the flags of their account. */
export function keepsFlags(account: AccountOpening, balances: Balances): boolean {
  const { debitsPending, debitsPosted, creditsPending, creditsPosted } = balances
  if (hasFlag(account, 'debits_must_not_exceed_credits') && debitsPending + debitsPosted > creditsPosted) return false
  return !hasFlag(account, 'credits_must_not_exceed_debits') || creditsPending + creditsPosted <= debitsPosted
}
