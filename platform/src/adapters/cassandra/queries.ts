import type { CassandraConsistency } from './config.js'
import type { CassandraRow, CassandraValue } from './row.js'

/** One statement with its values. The CQL is a constant of the program; what comes from outside is bound. */
export interface CassandraStatement {
  readonly cql: string
  readonly values: readonly CassandraValue[]
}

/** What became of a conditional write: applied, or not, with the row that stands in its way (undefined where there is none). */
export type ConditionalResult = { readonly applied: true } | { readonly applied: false; readonly row: CassandraRow | undefined }

/** Options of a plain request. */
export interface RequestOptions {
  /**
   * Goes past the queue of the session, with a few others at a time: for the signs of life that decide whether a node may work at all. A queue
   * that is long because the store is slow would otherwise end them too.
   */
  readonly urgent?: boolean
}

/** Options of a plain read. */
export interface ReadOptions extends RequestOptions {
  /** Rows that one page of the driver brings. */
  readonly pageSize?: number
  /** Another consistency than that of the configuration. */
  readonly consistency?: CassandraConsistency
}

/**
 * Statements on one keyspace. All are prepared, sent to a replica of their partition, and held to the bounds of the configuration: too many at
 * once reject `limited.queue`. Failures reject `unavailable.store`; those of writes carry `details.outcome`: `refused` (surely not applied) or
 * `unknown` (perhaps applied, now or later).
 */
export interface CassandraQueries {
  /** All rows that the statement selects, so it must bound them itself: more than `READ_ROWS_MAX` reject `internal`. */
  read(cql: string, values: readonly CassandraValue[], options?: ReadOptions): Promise<readonly CassandraRow[]>
  /** As {@link read}, for selections without a bound: hands over row by row and keeps none. What `take` throws ends it and is thrown. */
  each(cql: string, values: readonly CassandraValue[], take: (row: CassandraRow) => void, options?: ReadOptions): Promise<void>
  /**
   * A linearizable read of one partition (LOCAL_SERIAL): sees every conditional write that was answered before, and completes those that a
   * majority took. One of unknown outcome that it does not see may still be applied while its coordinator works on it: rely on what is seen.
   */
  readSerial(cql: string, values: readonly CassandraValue[]): Promise<readonly CassandraRow[]>
  /** A write that may be applied several times without harm: another replica is asked when one is slow, and it is tried again. */
  write(cql: string, values: readonly CassandraValue[], options?: RequestOptions): Promise<void>
  /** Several writes of one partition as one: all of them are applied or none is; otherwise as {@link write}. */
  writeBatch(statements: readonly CassandraStatement[]): Promise<void>
  /** A conditional write (`IF …`), sent once. When it rejects with the outcome `unknown`, {@link readSerial} tells. */
  conditional(cql: string, values: readonly CassandraValue[]): Promise<ConditionalResult>
  /** Several conditional and other writes of one partition, applied together or not at all; otherwise as {@link conditional}. */
  conditionalBatch(statements: readonly CassandraStatement[]): Promise<ConditionalResult>
}
