import { EvegramError } from '@evegram/protocol'

/** An end may be so many lifetimes of a payment away: one, and another for a source that is behind the one that signing asked. */
const LIFETIMES_MAX = 2

/**
 * Refuses the end of a payment that this source finds further away than honest signing makes it, in blocks or seconds: by a head, a time or a height that was
 * made up it would land never and be over never. Throws `unavailable.chain`.
 */
export function requireNearEnd({ end, newest, lifetime }: { readonly end: number; readonly newest: number; readonly lifetime: number }): void {
  if (end <= newest + LIFETIMES_MAX * lifetime) return
  throw new EvegramError('unavailable.chain', { operation: 'read expiry of payment', details: { problem: 'an end that is too far away' } })
}
