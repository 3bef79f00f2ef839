import { CborFields, decodeCbor, encodeCbor } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'

/** Limits of healing (identity.md section 6), all durable. */
export const HEALING_LIMITS = {
  /** Requests for one message, and answers to one device for one message. */
  perMessage: 3,
  /** Requests of this device, and answers to one device, in an hour. */
  perHour: 50,
  /** Session resets for one peer device in an hour. */
  resetsPerHour: 5,
  /** Messages older than this are neither asked for nor sent again. */
  keptMs: 7 * 24 * 3_600_000,
  hourMs: 3_600_000,
} as const

/** Prefix of uses in table `healing`. */
export const ALLOWANCE_PREFIX = 'l/'

function readUses(row: Uint8Array): number[] {
  const fields = new CborFields(decodeCbor(row, 65_536), 'client.store')
  return fields.list('uses', 4_096).map((use) => (typeof use === 'number' ? use : fields.fail('use')))
}

/** Whether none of the uses in a row counts any more, whatever its window is. */
export function isSpent(row: Uint8Array, nowMs: number): boolean {
  return readUses(row).every((use) => nowMs - use > HEALING_LIMITS.keptMs)
}

/** Uses of `name` in the last `windowMs`. */
async function recentUses(source: Pick<Transaction, 'get'>, name: string, windowMs: number, nowMs: number): Promise<number[]> {
  const row = await source.get('healing', `${ALLOWANCE_PREFIX}${name}`)
  const uses = row === undefined ? [] : readUses(row)
  // A use from the future was noted before the clock was put right: it counts as one of now.
  return uses.map((use) => Math.min(use, nowMs)).filter((use) => nowMs - use < windowMs)
}

/** Whether {@link takeAllowance} would take one. */
export async function hasAllowance(source: Pick<Transaction, 'get'>, name: string, max: number, windowMs: number, nowMs: number): Promise<boolean> {
  return (await recentUses(source, name, windowMs, nowMs)).length < max
}

/** Takes one of `max` uses of `name` in the last `windowMs`; false when they are used up. The use is part of `tx`. */
export async function takeAllowance(tx: Transaction, name: string, max: number, windowMs: number, nowMs: number): Promise<boolean> {
  const recent = await recentUses(tx, name, windowMs, nowMs)
  if (recent.length >= max) return false
  tx.put('healing', `${ALLOWANCE_PREFIX}${name}`, encodeCbor({ uses: [...recent, nowMs] }))
  return true
}
