import type { ChainName } from './chain/chain-adapter.js'

/** What an alarm can be about. docs/wally-api.md shows this table. */
export const ALARM_KINDS = [
  ['sources_disagree', 'Sources of a chain state different facts. Nothing moves on what they disagree about.'],
  ['deposit', 'Something came in that no rule books: see the reason and the suspense accounts.'],
  ['top_up', 'The hot wallet holds less than its bound, or too little for a payout.'],
  ['fee_above_reserve', 'A payout waits because the network asks for more than was reserved.'],
  ['needs_operator', 'A payout ended otherwise than it could have been meant: decide it.'],
  ['drift', 'Chain and ledger differ: read the reconciliation.'],
  ['reconciliation_failed', 'Chain and ledger could not be compared for some time.'],
  ['stray_reservation', 'Money was reserved for a payout that had ended, by a process that came too late. It was released.'],
  ['lease_lost', 'This process stopped working on a chain because its lease ended.'],
  ['ledger_damaged', 'Verifying the ledger found a difference, or a comparison found another past than the one before.'],
] as const

/** What an alarm is about. */
export type AlarmKind = (typeof ALARM_KINDS)[number][0]

/** What is told. Holds no amount and no address: a payout, a transfer or an asset by its id. */
export interface AlarmFacts {
  readonly kind: AlarmKind
  readonly chain: ChainName | undefined
  /** Id of what it is about. */
  readonly subject: string | undefined
  /** In a word, where the kind does not say all. */
  readonly reason: string | undefined
}

/** An alarm as operators see it. The same that comes again counts up. */
export interface Alarm extends AlarmFacts {
  readonly firstMs: number
  readonly lastMs: number
  readonly times: number
}

/** What makes two alarms the same. */
export function alarmKeyOf({ kind, chain, subject, reason }: AlarmFacts): string {
  return JSON.stringify([kind, chain, subject, reason])
}

/** One alarm of two that are the same. */
export function addedAlarm(known: Alarm | undefined, more: Alarm): Alarm {
  if (known === undefined) return more
  return { ...more, firstMs: Math.min(known.firstMs, more.firstMs), lastMs: Math.max(known.lastMs, more.lastMs), times: known.times + more.times }
}
