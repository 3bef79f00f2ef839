import type { CassandraQueries, CassandraRow, CassandraSession, CassandraValue, ConditionalResult } from '@evegram/platform/cassandra'
import { EvegramError, isEvegramError } from '@evegram/protocol'

/** How a write fails: `lost` never reached the store, `applied` did and its answer was lost. */
export type Fault = 'lost' | 'applied'

/** A session whose writes fail as told: `lost` never reached the store, `applied` did and its answer was lost. Both say that the outcome is unknown. */
export class FaultySession implements CassandraQueries {
  readonly #session: CassandraSession
  /** Asked for each write; undefined lets it through. */
  fault: (cql: string) => Fault | undefined = () => undefined
  reads = 0
  rowsRead = 0
  serialReads = 0
  /** Rows of each write, in order. */
  readonly writes: number[] = []

  constructor(session: CassandraSession) {
    this.#session = session
  }

  async read(...asked: Parameters<CassandraQueries['read']>): Promise<readonly CassandraRow[]> {
    this.reads++
    const rows = await this.#session.read(...asked)
    this.rowsRead += rows.length
    return rows
  }

  each(...[cql, values, take, options]: Parameters<CassandraQueries['each']>): Promise<void> {
    this.reads++
    return this.#session.each(cql, values, (row) => {
      this.rowsRead++
      take(row)
    }, options)
  }

  readSerial(cql: string, values: readonly CassandraValue[]): Promise<readonly CassandraRow[]> {
    this.serialReads++
    return this.#session.readSerial(cql, values)
  }

  write(...asked: Parameters<CassandraQueries['write']>): Promise<void> {
    this.writes.push(1)
    return this.#faulty(asked[0], () => this.#session.write(...asked))
  }

  writeBatch(statements: Parameters<CassandraQueries['writeBatch']>[0]): Promise<void> {
    this.writes.push(statements.length)
    return this.#faulty(statements[0]?.cql ?? '', () => this.#session.writeBatch(statements))
  }

  conditional(cql: string, values: readonly CassandraValue[]): Promise<ConditionalResult> {
    return this.#faulty(cql, () => this.#session.conditional(cql, values))
  }

  conditionalBatch(statements: Parameters<CassandraQueries['conditionalBatch']>[0]): Promise<ConditionalResult> {
    return this.#faulty(statements[0]?.cql ?? '', () => this.#session.conditionalBatch(statements))
  }

  async #faulty<Result>(cql: string, write: () => Promise<Result>): Promise<Result> {
    const fault = this.fault(cql)
    if (fault === undefined) return write()
    if (fault === 'applied') await write()
    throw new EvegramError('unavailable.store', { operation: 'write', details: { outcome: 'unknown' } })
  }
}

/** Fails the first write whose text holds `part`. */
export function once(part: string, fault: Fault): (cql: string) => Fault | undefined {
  let failed = false
  return (cql) => {
    if (failed || !cql.includes(part)) return undefined
    failed = true
    return fault
  }
}

/** `resolved`, or the code of the failure and what it says about the outcome. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'resolved'
  } catch (failure) {
    return isEvegramError(failure) ? `${failure.code} ${String(failure.details?.['outcome'])}` : String(failure)
  }
}
