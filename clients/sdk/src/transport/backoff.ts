import { unitInterval, type Random } from '@evegram/protocol'

/** Waits between attempts; units last. */
export const BACKOFF = {
  /** The first wait is drawn below this; each further one below twice as much. */
  baseMs: 250,
  capMs: 30_000,
  /** Window of the first wait when the server asked for patience. */
  laterMs: 5_000,
  /** A connection that lived this long makes the next attempt the first one again. */
  stableMs: 10_000,
} as const

/** What the next wait depends on. */
export interface BackoffInput {
  /** Attempts since the last stable connection, from 0. */
  readonly attempt: number
  /** The server asked for patience. */
  readonly later: boolean
  /** What the server named, as a floor. */
  readonly retryAfterMs?: number
}

/**
 * Full jitter: uniform in [0, min(cap, base * 2^attempt)), so that clients which lost a server together do not come back together.
 * Added to what the server asked for.
 */
export function backoffMs({ attempt, later, retryAfterMs }: BackoffInput, random: Random): number {
  const windowMs = Math.min(BACKOFF.capMs, Math.max(later ? BACKOFF.laterMs : 0, BACKOFF.baseMs * 2 ** Math.min(attempt, 20)))
  return Math.floor((retryAfterMs ?? 0) + unitInterval(random) * windowMs)
}
