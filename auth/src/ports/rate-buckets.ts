import type { TakeResult } from '@evegram/platform'

/** One kind of limit. */
export interface RateRule {
  /** Unique among the rules: buckets of different rules are different. Lower-case letters and dots. */
  readonly name: string
  /** Tokens of a full bucket: the burst that is allowed. */
  readonly capacity: number
  /** Time in which one token comes back. */
  readonly refillMs: number
  /** Keys that one process remembers at once; beyond it the key that was used longest ago is forgotten. */
  readonly keysMax: number
}

/**
 * Token buckets, one per rule and key; a bucket that was never used is full. Volatile: they may be forgotten at any time, so a limit slows down and
 * never decides what may happen. Processes that share the buckets share the limits. Never rejects: a limit that cannot be asked is
 * kept by each process for itself.
 */
export interface RateBuckets {
  /** Takes one token if it is there. */
  take(rule: RateRule, key: string): Promise<TakeResult>
}
