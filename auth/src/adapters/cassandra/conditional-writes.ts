import { EvegramError, sleep, unitInterval, type Clock, type Random } from '@evegram/protocol'
import type { CassandraQueries, CassandraStatement, CassandraValue, ConditionalResult } from '@evegram/platform/cassandra'
import type { Logger } from '@evegram/platform'

/** Bytes of the name of a change. */
export const CHANGE_BYTES = 16

/** How long and how often one operation tries. */
export const TRIES = {
  /** Times that one conditional write of unknown outcome is sent again. */
  resendMax: 5,
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
 * something that no row ever is again once it was left. So a write of which nothing was heard is sent again as it is: when the first one was
 * applied, the second is refused by a row that carries its own change, and neither can be applied twice, however late.
 */
export class ConditionalWrites {
  readonly #parts: ConditionalWriteParts

  constructor(parts: ConditionalWriteParts) {
    this.#parts = parts
  }

  /** A name for a change that nobody has used. */
  change(): Uint8Array<ArrayBuffer> {
    return this.#parts.random.bytes(CHANGE_BYTES)
  }

  /** One conditional write. A row that is refused may carry the change of this very call: its first try was applied then. */
  one(cql: string, values: readonly CassandraValue[]): Promise<ConditionalResult> {
    return this.#send(() => this.#parts.session.conditional(cql, values))
  }

  /** Several of one partition, all or none; otherwise as {@link one}. */
  batch(statements: readonly CassandraStatement[]): Promise<ConditionalResult> {
    return this.#send(() => this.#parts.session.conditionalBatch(statements))
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
      await this.pause(tried)
    }
  }

  /** Waits before try number `tried` + 1; a random half keeps writers apart who met each other. */
  pause(tried: number): Promise<void> {
    const { clock, random } = this.#parts
    const longestMs = Math.min(TRIES.pauseMaxMs, TRIES.pauseFirstMs * 2 ** Math.min(tried - 1, 16))
    return sleep(clock, longestMs * (0.5 + unitInterval(random) / 2))
  }

  async #send(write: () => Promise<ConditionalResult>): Promise<ConditionalResult> {
    const endMs = this.#parts.clock.monotonicMs() + TRIES.operationMs
    for (let sent = 1; ; sent++) {
      try {
        return await write()
      } catch (failure) {
        if (!isUnknown(failure) || sent > TRIES.resendMax || this.#parts.clock.monotonicMs() >= endMs) throw failure
        await this.pause(sent)
      }
    }
  }
}

function isUnknown(failure: unknown): boolean {
  return failure instanceof EvegramError && failure.details?.['outcome'] === 'unknown'
}
