import type { Clock } from '@evegram/protocol'
import type { Logger } from '../../log.js'
import type { Counter, Metrics } from '../../metrics.js'

/** After a failure Redis is not asked for so long: a server that hangs would cost every request its whole wait. */
const REST_MS = 1_000

/** What {@link WhileAway} needs. */
export interface WhileAwayParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Who decides, the first part of the counter's name: `auth`. */
  readonly service: string
  /** What is shared over Redis, for metrics and log lines: `rates`, `proofs`. */
  readonly what: string
}

/** Asks Redis, and tells its caller when to decide alone. */
export class WhileAway {
  readonly #parts: WhileAwayParts
  readonly #alone: Counter
  #restUntilMs = Number.NEGATIVE_INFINITY
  #away = false

  constructor(parts: WhileAwayParts) {
    this.#parts = parts
    this.#alone = parts.metrics.counter({
      name: `${parts.service}_decided_alone_total`, help: 'What one process decided alone because Redis did not answer', labels: ['what'],
    })
  }

  /** The answer of Redis; undefined while it is away, which is counted. Never rejects. */
  async ask<Answer>(work: () => Promise<Answer>): Promise<Answer | undefined> {
    const { clock, log, what } = this.#parts
    if (clock.monotonicMs() >= this.#restUntilMs) {
      try {
        const answer = await work()
        if (this.#away) log.info({ what }, 'shared over Redis again')
        this.#away = false
        return answer
      } catch (cause) {
        this.#restUntilMs = clock.monotonicMs() + REST_MS
        if (!this.#away) log.warn({ err: cause, what }, 'Redis does not answer: each process decides alone until it does')
        this.#away = true
      }
    }
    this.#alone.add(1, { what })
    return undefined
  }
}
