import { EvegramError, type AccountId } from '@evegram/protocol'
import type { ChainName } from '../../chain/chain-adapter.js'
import type { Amount } from '../../ledger/amount.js'
import type { OperatorAct } from '../../ledger/event.js'
import type { Payout, PayoutId, PayoutTerms } from './payout.js'
import type { PayoutState } from './payout-states.js'

/** Payouts of one page. */
export const PAYOUTS_PAGE_MAX = 256

/** What the payouts of one account may come to. */
export interface PayoutBounds {
  /** Of the asset, by all payouts that were made since `sinceMs` and were not refused and did not fail, the new one included. */
  readonly amountMax: Amount
  readonly sinceMs: number
  /** Payouts of the account that have not ended, the new one included. */
  readonly openMax: number
}

/** What became of making a payout. `exists`: the same was asked for before. */
export type CreatePayoutResult =
  | { readonly status: 'created' | 'exists'; readonly payout: Payout }
  | { readonly status: 'exists_with_different_fields' }
  | { readonly status: 'day_limit' }
  | { readonly status: 'too_many_open' }

/** Which payouts to list. */
export interface PayoutsRequest {
  readonly chain: ChainName
  readonly states: readonly PayoutState[]
  /** Number of the payout behind which to begin. */
  readonly after: number
  /** 1 to {@link PAYOUTS_PAGE_MAX}. */
  readonly limit: number
}

/** Why payouts of a chain are paused: a person did it, or the ledger was restored from a backup and may know less than the chain. */
export type PauseReason = 'operator' | 'restored'

/**
 * Payouts and where they stand.
 *
 * - Resolved = durable: the signed bytes of a payment go out only after `replace` resolved. What rejects with `unavailable.store` may have been done: read.
 * - `create` counts and makes in one step: of payouts of one account that are made at once each counts those before it.
 * - `replace` is a compare-and-set: it succeeds for one of several that start from the same version. So is `attend`, for what a person does.
 * - What a person does stands in the audit trail of the ledger, in the same commit: neither is there without the other.
 * - A payout that has ended is never changed, and none is ever removed: an id is known for ever.
 * - Payouts and the ledger change in different transactions. That is harmless in every order of crashes, because the state says what is being asked of the
 *   ledger before it is asked (`reserving`, `settling`, `releasing`), and asking again under the same ids of transfers is answered `exists`.
 * - Who reads after something was resolved finds it.
 */
export interface PayoutStore {
  /** Makes a payout in the state `requested`, unless a bound forbids it. Rejects `unavailable.store`. */
  create(terms: PayoutTerms, bounds: PayoutBounds, nowMs: number): Promise<CreatePayoutResult>
  /** Replaces a payout whose version is `next.version - 1`. False: it has changed meanwhile, or is not there; nothing was done. Rejects `unavailable.store`. */
  replace(next: Payout): Promise<boolean>
  /** As `replace`, and `act` stands in the audit trail where it answers true. Rejects `unavailable.store`. */
  attend(next: Payout, act: OperatorAct): Promise<boolean>
  /** A payout. Rejects `unavailable.store`. */
  get(id: PayoutId): Promise<Payout | undefined>
  /** Payouts of a chain in some states, in the order of their numbers. Rejects `invalid.argument` for a limit out of bounds, `unavailable.store`. */
  list(request: PayoutsRequest): Promise<readonly Payout[]>
  /** Whether payouts of a chain are paused. Rejects `unavailable.store`. */
  isPaused(chain: ChainName): Promise<boolean>
  /** Why they are; undefined while they are not. Rejects `unavailable.store`. */
  pausedFor(chain: ChainName): Promise<PauseReason | undefined>
  /**
   * Pauses or resumes a chain, for all processes and restarts; a pause that is there keeps its reason. Where that changes something, `person` did it in the audit
   * trail. Rejects `unavailable.store`.
   */
  setPaused(chain: ChainName, isPaused: boolean, person: string): Promise<void>
}

/** What pausing or resuming comes to in the audit trail; undefined where nothing changes. `before`: why the chain was paused, if it was. Pure: the rule of all stores. */
export function pauseActOf(chain: ChainName, isPaused: boolean, before: PauseReason | undefined, person: string): OperatorAct | undefined {
  if ((before !== undefined) === isPaused) return undefined
  return { kind: 'operator_act', act: isPaused ? 'chain_paused' : 'chain_resumed', person, subject: `chain:${chain}`, words: before ?? 'not paused' }
}

/** What was asked for by one account, for its owner to see. Who reads after something was resolved finds it. */
export interface AccountPayouts {
  /** Payouts of an account before number `before` (undefined: all), the newest first, up to `limit`. Rejects `invalid.argument` for a limit out of bounds, `unavailable.store`. */
  ofAccount(account: AccountId, before: number | undefined, limit: number): Promise<readonly Payout[]>
}

/** Throws `invalid.argument` for a page that no store gives. */
export function checkPayoutsRequest({ limit, after }: Pick<PayoutsRequest, 'limit' | 'after'>): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > PAYOUTS_PAGE_MAX || !Number.isSafeInteger(after) || after < 0) {
    throw new EvegramError('invalid.argument', { operation: 'list payouts', details: { max: PAYOUTS_PAGE_MAX } })
  }
}
