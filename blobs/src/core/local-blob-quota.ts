import { TokenBuckets } from '@evegram/platform'
import type { AccountId, Clock } from '@evegram/protocol'
import type { BlobQuota, QuotaResult } from '../ports/blob-quota.js'

/** What one account may store within a day. */
export interface QuotaRules {
  readonly bytesPerDay: number
  readonly blobsPerDay: number
}

const DAY_MS = 24 * 3_600_000
/** Accounts remembered at once; beyond it the one that stored longest ago gets full buckets again. */
const ACCOUNTS_MAX = 100_000

/** {@link BlobQuota} of one process. A restart fills every bucket. */
export class LocalBlobQuota implements BlobQuota {
  readonly #bytes: TokenBuckets
  readonly #blobs: TokenBuckets

  constructor(clock: Clock, { bytesPerDay, blobsPerDay }: QuotaRules) {
    this.#bytes = new TokenBuckets(clock, { capacity: bytesPerDay, refillMs: DAY_MS / bytesPerDay, keysMax: ACCOUNTS_MAX })
    this.#blobs = new TokenBuckets(clock, { capacity: blobsPerDay, refillMs: DAY_MS / blobsPerDay, keysMax: ACCOUNTS_MAX })
  }

  take(account: AccountId, bytes: number): Promise<QuotaResult> {
    const one = this.#blobs.take(account)
    const room = this.#bytes.take(account, bytes)
    if (one.status === 'taken' && room.status === 'taken') return Promise.resolve({ status: 'taken' })
    // Both or neither.
    if (one.status === 'taken') this.#blobs.giveBack(account)
    if (room.status === 'taken') this.#bytes.giveBack(account, bytes)
    return Promise.resolve({ status: 'full', retryAfterMs: Math.max(one.status === 'limited' ? one.retryAfterMs : 0, room.status === 'limited' ? room.retryAfterMs : 0) })
  }

  giveBack(account: AccountId, bytes: number): Promise<void> {
    this.#blobs.giveBack(account)
    this.#bytes.giveBack(account, bytes)
    return Promise.resolve()
  }
}
