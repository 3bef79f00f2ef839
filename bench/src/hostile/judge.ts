import type { Attempt } from '../attempt.js'

/** What an honest pair of devices saw while something else happened. Latencies from send to delivery in ms. */
export interface CanaryWindow {
  readonly sent: number
  readonly delivered: number
  /** Sockets that were closed, refusals: none may come. */
  readonly faults: readonly string[]
  readonly p50Ms: number
  /** Messages that are still on their way count with their age. */
  readonly p99Ms: number
}

/** Memory of the server process. */
export interface MemoryWindow {
  readonly baseMiB: number
  readonly peakMiB: number
}

/** Time that server and honest devices wanted to run and no core was free, in ms: the attacker shares their machine here, as it would not elsewhere. */
export type WaitedMs = number

/** What no attack may do to others. */
export const HOSTILE_BOUNDS = {
  /** The p99 of honest devices stays below the larger of this and `canaryFactor` times the p99 in peace, and the time that no core was free. */
  canaryP99MsMax: 250,
  canaryFactor: 5,
  /** Resident memory of the server above what it was before the first attack. */
  memoryGrowthMiBMax: 192,
} as const

/** The verdict on one case: nothing in `breaches` means that it held. */
export function judgeCase(
  attempts: readonly Attempt[], canary: CanaryWindow, baseline: CanaryWindow, memory: MemoryWindow, waitedMs: WaitedMs,
): readonly string[] {
  const breaches: string[] = []
  if (attempts.length === 0) breaches.push('nothing was attempted')
  for (const { what, expected, got } of attempts) {
    if (got !== expected) breaches.push(`${what}: expected ${expected}, got ${got}`)
  }
  for (const fault of canary.faults) breaches.push(`an honest device: ${fault}`)
  if (canary.sent === 0 || canary.delivered === 0) breaches.push('honest devices exchanged nothing')
  const allowedMs = Math.max(HOSTILE_BOUNDS.canaryP99MsMax, HOSTILE_BOUNDS.canaryFactor * baseline.p99Ms) + waitedMs
  if (canary.p99Ms > allowedMs) breaches.push(`honest messages took ${canary.p99Ms.toFixed(0)} ms (p99), allowed are ${allowedMs.toFixed(0)}`)
  const growthMiB = memory.peakMiB - memory.baseMiB
  if (growthMiB > HOSTILE_BOUNDS.memoryGrowthMiBMax) {
    breaches.push(`the server grew by ${growthMiB.toFixed(0)} MiB, allowed are ${String(HOSTILE_BOUNDS.memoryGrowthMiBMax)}`)
  }
  return breaches
}
