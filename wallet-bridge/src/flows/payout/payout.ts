import { EvegramError, type AccountId } from '@evegram/protocol'
import type { ChainAddress, ChainName, ChainTxid, SignedPayment } from '../../chain/chain-adapter.js'
import type { Amount } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import type { PayoutReason } from './payout-reason.js'
import type { PayoutState } from './payout-states.js'

declare const brand: unique symbol

/** What a payout is known by, for ever: `<account>.<client id>`. Its transfers in the ledger are `p:<payout>` and `p:<payout>:<step>`. */
export type PayoutId = string & { readonly [brand]: 'PayoutId' }

const CLIENT_ID = /^[A-Za-z0-9_.-]{1,64}$/
const PAYOUT_ID = /^[0-9a-f]{32}\.[A-Za-z0-9_.-]{1,64}$/
const PERSON = /^[A-Za-z0-9_.@-]{1,64}$/

/** How often one payout is signed at most, each time only after the time before was proved to be over. */
export const SIGNATURES_PER_PAYOUT_MAX = 5

/** The id of a payout that `account` asked for under its own `clientId`. Throws `invalid.argument` unless that is 1 to 64 letters, digits, `_`, `.` and `-`. */
export function payoutIdOf(account: AccountId, clientId: string): PayoutId {
  if (!CLIENT_ID.test(clientId)) throw new EvegramError('invalid.argument', { operation: 'make payout id' })
  // The account has a fixed length: no client id reaches the payouts of another.
  return `${account}.${clientId}` as PayoutId
}

/** Brands a payout id. Throws `invalid.argument`. */
export function parsePayoutId(text: string): PayoutId {
  if (!PAYOUT_ID.test(text)) throw new EvegramError('invalid.argument', { operation: 'parse payout id' })
  return text as PayoutId
}

/** The id that the client chose. */
export function clientIdOf(id: PayoutId): string {
  return id.slice(id.indexOf('.') + 1)
}

/** Throws `invalid.argument` for what cannot name a person: 1 to 64 letters, digits, `_`, `.`, `@` and `-`. */
export function checkPerson(name: string): void {
  if (!PERSON.test(name)) throw new EvegramError('invalid.argument', { operation: 'name person' })
}

/** What is to be paid, to whom, for whom. Never changes. */
export interface PayoutTerms {
  readonly id: PayoutId
  readonly chain: ChainName
  /** Whose money it is. */
  readonly account: AccountId
  readonly asset: AssetId
  /** What is to arrive. */
  readonly amount: Amount
  readonly to: ChainAddress
  readonly memo: Uint8Array | undefined
  /** Reserved for the network and taxes, in the native asset; not 0. */
  readonly feeMax: Amount
  /** Reserved beside the amount for a tax in the asset itself; 0 where there is none, and for the native asset, whose tax is in `feeMax`. */
  readonly taxMax: Amount
  /** Who pays fee and tax. */
  readonly feeFrom: 'account' | 'house'
  /** Who asked: the account itself, or an operator by name. */
  readonly requestedBy: string
}

/** The terms that the asker chose. */
export type PayoutAsked = Pick<PayoutTerms, 'id' | 'chain' | 'account' | 'asset' | 'amount' | 'to' | 'memo'>

/** How a payout ended: what is booked. `fee` in the native asset, `tax` in the asset that was paid. `reason` of one that failed. */
export type PayoutOutcome =
  | { readonly status: 'paid'; readonly fee: Amount; readonly tax: Amount }
  | { readonly status: 'failed'; readonly fee: Amount; readonly tax: Amount; readonly reason: PayoutReason }

/** A payout as it stands. */
export interface Payout extends PayoutTerms {
  /** Its place in the order in which payouts were made. */
  readonly number: number
  /** Grows by one with every change. */
  readonly version: number
  /** Ms since 1970. */
  readonly createdMs: number
  readonly state: PayoutState
  readonly approvedBy: string | undefined
  /** Of one that was refused, failed or needs a person. */
  readonly reason: PayoutReason | undefined
  /** What was signed last and has not been proved to be over. */
  readonly payment: SignedPayment | undefined
  /** What was signed before, each proved to be in no block for ever. At most {@link SIGNATURES_PER_PAYOUT_MAX}. */
  readonly expired: readonly ChainTxid[]
  /** From `settling` on. */
  readonly outcome: PayoutOutcome | undefined
}

/** What of a payout may change. */
export type PayoutChange = Partial<Pick<Payout, 'approvedBy' | 'reason' | 'payment' | 'expired' | 'outcome'>>

/** The payout with `terms` as it begins. */
export function newPayout(terms: PayoutTerms, number: number, createdMs: number): Payout {
  return {
    ...terms, number, version: 1, createdMs, state: 'requested', approvedBy: undefined, reason: undefined, payment: undefined, expired: [], outcome: undefined,
  }
}

/** Whether somebody asks again for what was asked for before. Fees are ours and may have changed since. */
export function isSameAsk(left: PayoutAsked, right: PayoutAsked): boolean {
  return left.chain === right.chain && left.account === right.account && left.asset === right.asset && left.amount === right.amount && left.to === right.to &&
    Buffer.from(left.memo ?? []).equals(Buffer.from(right.memo ?? []))
}
