import type { Alarm, AlarmKind } from '../alarm.js'

/** Alarms of one kind that are remembered; of more the oldest are forgotten, so that a kind that repeats itself hides no other. They stay in the log. */
export const ALARMS_OF_KIND_MAX = 32
/** How long an alarm is remembered after it came last. */
export const ALARM_KEPT_MS = 30 * 86_400_000
/** Alarms of one call of {@link AlarmStore.add}. */
export const ALARMS_ADDED_MAX = 512

/**
 * What somebody must look at, for all processes and restarts.
 *
 * - The same alarm (kind, chain, subject and reason) is kept once: times add up, the first and the last time are those of all of them.
 * - Of each kind the newest {@link ALARMS_OF_KIND_MAX} are kept, each for {@link ALARM_KEPT_MS} after its last time; one that comes again later begins anew.
 * - Resolved = durable. What rejects with `unavailable.store` may have been kept: added again it counts twice, which costs nothing but the number.
 */
export interface AlarmStore {
  /** Adds what was raised. Rejects `invalid.argument` for more than {@link ALARMS_ADDED_MAX}, `unavailable.store`. */
  add(raised: readonly Alarm[], nowMs: number): Promise<void>
  /** What is remembered, the newest first. Rejects `unavailable.store`. */
  list(nowMs: number): Promise<readonly Alarm[]>
}

/** What is kept of `alarms`, the newest first. Pure: the rule of all stores. */
export function keptAlarms(alarms: readonly Alarm[], nowMs: number): readonly Alarm[] {
  const counts = new Map<AlarmKind, number>()
  return alarms.filter(({ lastMs }) => lastMs > nowMs - ALARM_KEPT_MS).sort(newestFirst).filter(({ kind }) => {
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    return count <= ALARMS_OF_KIND_MAX
  })
}

function newestFirst(left: Alarm, right: Alarm): number {
  return right.lastMs - left.lastMs
}
