import { EvegramError, sleep, unitInterval, type Clock, type Random } from '@evegram/protocol'
import type { CassandraQueries, CassandraRow, CassandraStatement, CassandraValue, ConditionalResult } from '@evegram/platform/cassandra'
import type { Logger } from '@evegram/platform'
import { hedged } from './hedged.js'
import { RecentLatency } from './recent-latency.js'

/** Bytes of the name of a change. */
export const CHANGE_BYTES = 16

/** How long and how often one operation tries. */
export const TRIES = {
  /** Times that one conditional write or serial read is sent, at most: again when its outcome is unknown. */
  sendsMax: 6,
  /**
   * Without an answer for so long, then twice as long, it is sent once more beside: but no sooner than so many times what answers take now. Two
   * of one kind compete for the row, so a store that is slow for everybody must not be asked twice.
   */
  hedgeMs: 500,
  hedgeMedians: 4,
  /** From then on an operation that others came between gives up. */
  operationMs: 15_000,
  /** Pause before a try again, doubling from the first to the longest, each with a random half. */
  pauseFirstMs: 10,
  pauseMaxMs: 500,
} as const

/** What the stores ask of a session. */
export type AuthQueries = Pick<CassandraQueries, 'read' | 'readSerial' | 'write' | 'conditional' | 'conditionalBatch'>

/** What conditional writes need. */
export interface ConditionalWriteParts {
  readonly session: AuthQueries
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * Conditional writes whose outcome becomes known. Each names itself by a fresh change id in the row that it writes, and its condition is
 * something that no row ever is again once it was left. So a write of which nothing was heard is sent again as it is, even while the first is on
 * its way: when one was applied, the others are refused by a row that carries their own change, and none is applied twice, however late.
 */
export class ConditionalWrites {
  readonly #parts: ConditionalWriteParts
  readonly #latency = new RecentLatency()

  constructor(parts: ConditionalWriteParts) {
    this.#parts = parts
  }

  /** A name for a change that nobody has used. */
  change(): Uint8Array<ArrayBuffer> {
    return this.#parts.random.bytes(CHANGE_BYTES)
  }

  /** One conditional write. A row that is refused may carry the change of this very call: its first try was applied then. */
  one(cql: string, values: readonly CassandraValue[]): Promise<ConditionalResult> {
    return this.#send(() => this.#parts.session.conditional(cql, values), isUnknown)
  }

  /** Several of one partition, all or none; otherwise as {@link one}. */
  batch(statements: readonly CassandraStatement[]): Promise<ConditionalResult> {
    return this.#send(() => this.#parts.session.conditionalBatch(statements), isUnknown)
  }

  /** A linearizable read of one partition, beside itself when nothing is heard. */
  readSerial(cql: string, values: readonly CassandraValue[]): Promise<readonly CassandraRow[]> {
    // The session tries a failed one again by itself.
    return this.#send(() => this.#parts.session.readSerial(cql, values), () => false)
  }

  /**
   * Tries until one attempt has a result; undefined says that something came between. Rejects with `unavailable.store` once
   * `TRIES.operationMs` have passed.
   */
  async until<Result>(operation: string, attempt: () => Promise<Result | undefined>): Promise<Result> {
    const { clock } = this.#parts
    const endMs = clock.monotonicMs() + TRIES.operationMs
    for (let tried = 1; ; tried++) {
      const result = await attempt()
      if (result !== undefined) return result
      if (clock.monotonicMs() >= endMs) {
        this.#parts.log.warn({ operation, tried }, 'an operation gave up: other writers came between every time')
        throw new EvegramError('unavailable.store', { operation, details: { reason: 'contention', tried } })
      }
      await sleep(clock, this.#pauseMs(tried))
    }
  }

  #send<Answer>(ask: () => Promise<Answer>, isWorthAnother: (failure: unknown) => boolean): Promise<Answer> {
    const { clock } = this.#parts
    return hedged(clock, {
      afterMs: Math.max(TRIES.hedgeMs, TRIES.hedgeMedians * this.#latency.medianMs), pauseMs: (asked) => this.#pauseMs(asked),
      asksMax: TRIES.sendsMax, giveUpMs: TRIES.operationMs, isWorthAnother,
    }, async () => {
      const fromMs = clock.monotonicMs()
      const answer = await ask()
      this.#latency.add(clock.monotonicMs() - fromMs)
      return answer
    })
  }

  /** A random half keeps writers apart who met each other. */
  #pauseMs(tried: number): number {
    const longestMs = Math.min(TRIES.pauseMaxMs, TRIES.pauseFirstMs * 2 ** Math.min(tried - 1, 16))
    return longestMs * (0.5 + unitInterval(this.#parts.random) / 2)
  }
}

function isUnknown(failure: unknown): boolean {
  return failure instanceof EvegramError && failure.details?.['outcome'] === 'unknown'
}
