import { EvegramError } from '@evegram/protocol'
import type { AuthQueries } from '../adapters/cassandra/conditional-writes.js'

/**
 * What happens at one statement of a process. `dies before` and `dies after` it: nothing is asked from then on. `lost` and `unheard`: that one
 * statement is not applied, or is, and its outcome is unknown; the process goes on.
 */
export type Failure = 'dies before' | 'dies after' | 'lost' | 'unheard'

/** A session over another one that fails at statement number `at`, counted from 1. */
export class FailingSession implements AuthQueries {
  readonly #inner: AuthQueries
  readonly #at: number
  readonly #failure: Failure
  #asked = 0
  #dead = false

  constructor(inner: AuthQueries, at: number, failure: Failure) {
    this.#inner = inner
    this.#at = at
    this.#failure = failure
  }

  /** Whether the failure happened. */
  get failed(): boolean {
    return this.#asked >= this.#at
  }

  read: AuthQueries['read'] = (cql, values, options) => this.#ask(() => this.#inner.read(cql, values, options))
  readSerial: AuthQueries['readSerial'] = (cql, values) => this.#ask(() => this.#inner.readSerial(cql, values))
  write: AuthQueries['write'] = (cql, values) => this.#ask(() => this.#inner.write(cql, values))
  conditional: AuthQueries['conditional'] = (cql, values) => this.#ask(() => this.#inner.conditional(cql, values), true)
  conditionalBatch: AuthQueries['conditionalBatch'] = (statements) => this.#ask(() => this.#inner.conditionalBatch(statements), true)

  async #ask<Result>(statement: () => Promise<Result>, isConditional = false): Promise<Result> {
    const fails = !this.#dead && ++this.#asked === this.#at
    if (fails && this.#failure.startsWith('dies')) this.#dead = true
    const isKept = fails && (this.#failure === 'dies after' || this.#failure === 'unheard')
    if (isKept && isConditional) await statement()
    if (this.#dead) throw new Error('planted: the process died')
    // A read or a plain write that fails is tried again by the session itself: only conditional writes end unknown.
    if (fails && isConditional) throw new EvegramError('unavailable.store', { operation: 'write', details: { outcome: 'unknown' } })
    return statement()
  }
}
