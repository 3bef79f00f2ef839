import type { Logger, Metrics } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import type { ChainName } from './chain/chain-adapter.js'

/** Alarms of one kind that are remembered for operators; of more the oldest are forgotten, so that a kind that repeats itself hides no other. They stay in the log. */
export const ALARMS_OF_KIND_MAX = 32

/** What an alarm can be about. docs/wally-api.md shows this table. */
export const ALARM_KINDS = [
  ['sources_disagree', 'Sources of a chain state different facts. Nothing moves on what they disagree about.'],
  ['deposit', 'Something came in that no rule books: see the reason and the suspense accounts.'],
  ['top_up', 'The hot wallet holds less than its bound, or too little for a payout.'],
  ['fee_above_reserve', 'A payout waits because the network asks for more than was reserved.'],
  ['needs_operator', 'A payout ended otherwise than it could have been meant: decide it.'],
  ['drift', 'Chain and ledger differ: read the reconciliation.'],
  ['reconciliation_failed', 'Chain and ledger could not be compared for some time.'],
  ['lease_lost', 'This process stopped working on a chain because its lease ended.'],
  ['ledger_damaged', 'Verifying the ledger found a difference.'],
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

/** Tells alarms in the log, counts them, and remembers the newest for operators. */
export class Alarms {
  readonly #clock: Pick<Clock, 'now'>
  readonly #log: Logger
  readonly #told: ReturnType<Metrics['counter']>
  /** By kind, in the order of their last time. */
  readonly #kept = new Map<AlarmKind, Map<string, Alarm>>()

  constructor({ clock, log, metrics }: { readonly clock: Pick<Clock, 'now'>; readonly log: Logger; readonly metrics: Metrics }) {
    this.#clock = clock
    this.#log = log
    this.#told = metrics.counter({ name: 'wally_alarms_total', help: 'What operators must look at', labels: ['kind', 'chain'] })
  }

  /** Tells. Never throws. */
  raise(facts: AlarmFacts): void {
    const key = JSON.stringify([facts.kind, facts.chain, facts.subject, facts.reason])
    const nowMs = this.#clock.now()
    const kept = this.#kept.get(facts.kind) ?? new Map<string, Alarm>()
    const before = kept.get(key)
    kept.delete(key)
    this.#kept.set(facts.kind, kept.set(key, { ...facts, firstMs: before?.firstMs ?? nowMs, lastMs: nowMs, times: (before?.times ?? 0) + 1 }))
    for (const oldest of kept.keys()) {
      if (kept.size <= ALARMS_OF_KIND_MAX) break
      kept.delete(oldest)
    }
    this.#told.add(1, { kind: facts.kind, chain: facts.chain ?? 'none' })
    this.#log.error({ alarm: facts.kind, chain: facts.chain, subject: facts.subject, reason: facts.reason }, 'an operator must look at this')
  }

  /** What is remembered, the newest first. */
  list(): readonly Alarm[] {
    return [...this.#kept.values()].flatMap((kept) => [...kept.values()]).sort((left, right) => right.lastMs - left.lastMs)
  }
}
