import { unitInterval, type Random } from '@evegram/protocol'

/** Wait before the first try to connect again, before jitter. */
const BACKOFF_FIRST_MS = 100
/** Longest wait between two tries: an outage ends for a node at most this long after it ended for the server, and the time of one try. */
export const BACKOFF_MAX_MS = 2_000

/** Wait before try number `attempt` (from 0): doubles up to {@link BACKOFF_MAX_MS}, of which half is random so that nodes do not come back together. */
export function backoffMs(attempt: number, random: Random): number {
  const fullMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16))
  return fullMs / 2 + (fullMs / 2) * unitInterval(random)
}
