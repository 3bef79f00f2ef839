import type { Clock } from '@evegram/protocol'
import type { AgreedChain } from '../../chain/agreed-chain.js'
import type { Signer } from '../../chain/signer.js'
import type { AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import type { DepositRoutes } from '../deposit/deposit-routes.js'
import type { Payout, PayoutId, PayoutTerms } from './payout.js'
import type { PayoutPolicy } from './payout-policy.js'
import type { PayoutReason } from './payout-reason.js'
import type { PayoutState } from './payout-states.js'
import type { PayoutStore } from './payout-store.js'
import type { AccountChanges, WithdrawalProofs } from './withdrawal-proofs.js'

/** Something that a person must look at. Holds no amount and no address. May be told again, never not. */
export type PayoutAlarm =
  | { readonly kind: 'top_up'; readonly asset: AssetId }
  | { readonly kind: 'fee_above_reserve'; readonly payout: PayoutId }
  | { readonly kind: 'needs_operator'; readonly payout: PayoutId; readonly reason: PayoutReason }

/** Why a payout stands where it stands for now. */
export type PayoutWait =
  | 'hold' | 'paused' | 'top_up' | 'fee_above_reserve' | 'in_flight_full' | 'under_way' | 'disagreement' | 'chain_unavailable' | 'changed_elsewhere'

/** Where one payout came in a step. `wait`: undefined when it ended or needs a person. */
export interface PayoutProgress {
  readonly payout: PayoutId
  readonly state: PayoutState
  readonly wait: PayoutWait | undefined
}

/** What is asked for. `to` as the asker wrote it. */
export interface PayoutAsk extends Omit<PayoutTerms, 'chain' | 'to' | 'feeMax' | 'taxMax' | 'feeFrom' | 'memo'> {
  readonly to: string
  readonly memo?: Uint8Array | undefined
  /** Of the wallet: see {@link WithdrawalProofs}. */
  readonly proof: Uint8Array
}

/** The answer to an ask. `exists`: it was asked for before, and stands where it stands. */
export type PayoutAnswer =
  | { readonly status: 'created' | 'exists'; readonly payout: Payout }
  | { readonly status: 'exists_with_different_fields' }
  | { readonly status: 'refused'; readonly reason: PayoutReason }

/** The answer to a person. `too_late`: the payout stands where this cannot happen any more, or not yet. */
export type AttendAnswer = 'done' | 'not_found' | 'too_late' | 'same_person'

/** The chain as payouts use it. */
export type PayoutChain = Pick<AgreedChain, 'chain' | 'nativeAsset' | 'parseAddress' | 'addressOf' | 'balance' | 'sign' | 'broadcast' | 'lookUp'>

/** Parts of {@link PayoutFlow}. */
export interface PayoutFlowParts {
  readonly chain: PayoutChain
  /** The hot wallet. */
  readonly signer: Signer
  readonly ledger: Pick<LedgerStore, 'openAccounts' | 'submit'>
  readonly payouts: PayoutStore
  readonly policy: PayoutPolicy
  readonly proofs: WithdrawalProofs
  readonly changes: AccountChanges
  /** Which addresses are ours: nothing is paid to them. */
  readonly routes: Pick<DepositRoutes, 'routesOf'>
  readonly clock: Clock
  /** Hears what a person must look at. Must not throw. */
  readonly alarm: (alarm: PayoutAlarm) => void
}
