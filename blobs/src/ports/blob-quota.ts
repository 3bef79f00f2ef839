import type { AccountId } from '@evegram/protocol'

/** Whether an account may store that much more, or after how many ms it may. */
export type QuotaResult = { readonly status: 'taken' } | { readonly status: 'full'; readonly retryAfterMs: number }

/**
 * What each account may store within a day: bytes and blobs, both as buckets that fill up again over a day. It may forget (a restart, a lost Redis): then an
 * account gets a full bucket; it never grants more than a bucket holds at once.
 */
export interface BlobQuota {
  /** Takes one blob of `bytes`. */
  take(account: AccountId, bytes: number): Promise<QuotaResult>
  /** Gives back what was taken for a blob that was not stored after all. */
  giveBack(account: AccountId, bytes: number): Promise<void>
}
