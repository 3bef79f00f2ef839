import type { AccountId } from '@evegram/protocol'

/** An asset that the wallet bridge of a server holds. */
export interface WalletAsset {
  /** `<chain>/<token>`. */
  readonly asset: string
  readonly chain: string
  /** What people call it. */
  readonly symbol: string
  /** Decimal places that people see. */
  readonly decimals: number
  /** Fees of its chain are paid in it. */
  readonly native: boolean
  /** A deposit of less is put aside. */
  readonly depositMin: bigint
  /** Bounds of one withdrawal; absent: it cannot be withdrawn. */
  readonly withdrawal?: { readonly min: bigint; readonly max: bigint; readonly accountDayMax: bigint; readonly approvalAbove: bigint }
}

/** What the own account holds of one asset, in its smallest unit. */
export interface WalletBalance {
  readonly asset: string
  /** All of it. */
  readonly held: bigint
  /** Of that, reserved for withdrawals under way. */
  readonly reserved: bigint
  /** What can be sent or withdrawn now. */
  readonly available: bigint
}

/** What a line of the statement did: moved money at once, or reserved, paid and released it. */
export type StatementKind = 'transfer' | 'pending' | 'post' | 'void' | 'expire'

/** One line of the own statement. */
export interface StatementLine {
  readonly asset: string
  /** Its place: lines are sorted by it, with gaps. */
  readonly number: number
  /** Ms since 1970, server clock. */
  readonly atMs: number
  /** Id of the transfer: `u:<account>:<client id>` of what people send each other, `d:…` of a deposit, `p:…` of a withdrawal. */
  readonly transfer: string
  readonly kind: StatementKind
  /** `credit`: it came in. */
  readonly side: 'debit' | 'credit'
  readonly amount: bigint
  /** Held and available after it. */
  readonly heldAfter: bigint
  readonly availableAfter: bigint
  /** The person on the other side, as the server says; absent where there is none, and in lines that an earlier version took over. */
  readonly other?: AccountId
}

/** Where to pay on a chain, so that it arrives in the own account. */
export interface DepositPlace {
  readonly chain: string
  readonly address: string
  /** To be written into the memo, comment or text of the payment. */
  readonly memo: string
}

/** Money that is sent to another account of the server. */
export interface TransferTerms {
  /** 1 to 64 letters, digits, `_`, `.` and `-`; the same again is the same transfer, for ever. */
  readonly id: string
  readonly to: AccountId
  readonly asset: string
  readonly amount: bigint
}

/** Money that is to leave for a chain. */
export interface WithdrawalWish {
  readonly asset: string
  /** What is to arrive. */
  readonly amount: bigint
  /** As its chain writes it. */
  readonly to: string
  readonly memo?: string | undefined
}

/** What a withdrawal would be. Nothing is reserved. */
export interface WithdrawalQuote {
  readonly chain: string
  /** The destination in the one form that a proof must name: to be compared with the own one. */
  readonly to: string
  readonly feeAsset: string
  /** Reserved for the network at most. */
  readonly feeMax: bigint
  /** Reserved of the asset itself at most, beside the amount, for a tax in it. */
  readonly taxMax: bigint
  readonly feeFrom: 'account' | 'house'
  /** Waits so long after a device or wallet was added. */
  readonly holdMs: number
  readonly needsApproval: boolean
  /** Why it would be refused. */
  readonly refusal?: string
}

/** A withdrawal that is asked for. */
export interface WithdrawalRequest extends WithdrawalWish {
  /** As in {@link TransferTerms}. */
  readonly id: string
  /** Encoded wallet proof of purpose `withdraw`. */
  readonly proof: Uint8Array
}

/** A withdrawal as it stands. */
export interface Withdrawal {
  readonly id: string
  readonly chain: string
  readonly asset: string
  readonly amount: bigint
  readonly to: string
  /** Reserved for the network at most; of the account or of the server's house. */
  readonly feeMax: bigint
  /** Reserved of the asset itself at most, likewise, for a tax in it. */
  readonly taxMax: bigint
  readonly feeFrom: 'account' | 'house'
  /** What the network took, once it has ended. */
  readonly fee?: bigint
  /** What a tax took of the asset itself beside the amount, likewise. */
  readonly tax?: bigint
  /** As docs/payouts.md names them: `requested`, `held`, `reserved`, `signed`, `broadcast`, `paid`, `failed`, `refused`, … */
  readonly state: string
  /** Why it was refused or failed, or needs a person. */
  readonly reason?: string
  /** Transaction of the payment on the chain, as far as there is one. */
  readonly transaction?: string
  readonly createdAtMs: number
}

/** Whether nothing more will happen to a withdrawal: it was paid, failed or was refused. */
export function isEnded({ state }: Withdrawal): boolean {
  return state === 'paid' || state === 'failed' || state === 'refused'
}

/** Lines and withdrawals of one page at most. */
export const WALLY_PAGE_MAX = 100

/**
 * The wallet bridge of a server, for the own account. Answers are parsed strictly and bounded, and are the server's word alone. Rejects with the server's own code,
 * `timeout`, `unavailable.server`, or `invalid.response`.
 */
export interface WallyApi {
  assets(): Promise<readonly WalletAsset[]>
  balances(): Promise<readonly WalletBalance[]>
  /** Lines before number `before` (all: undefined), the newest first. */
  statement(asset: string, before: number | undefined, limit: number): Promise<readonly StatementLine[]>
  depositPlace(chain: string): Promise<DepositPlace>
  /** Moves money at once, once: the same again was done before. Rejects `conflict.request_differs`, `wallet.*`. */
  send(terms: TransferTerms): Promise<void>
  /** Rejects `invalid.address`, `wallet.asset_unknown`. */
  quote(wish: WithdrawalWish): Promise<WithdrawalQuote>
  /** The same id again is the same withdrawal, as it stands. Rejects `conflict.request_differs`, `wallet.*`. */
  withdraw(request: WithdrawalRequest): Promise<Withdrawal>
  /** The newest first. */
  withdrawals(limit: number): Promise<readonly Withdrawal[]>
  /** Rejects `not_found.resource`. */
  withdrawal(id: string): Promise<Withdrawal>
}
