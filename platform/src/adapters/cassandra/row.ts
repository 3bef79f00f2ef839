import { EvegramError } from '@evegram/protocol'

/** What can be bound to a statement. A bigint column takes a bigint; null writes a tombstone, so leave columns out instead. */
export type CassandraValue = string | number | bigint | boolean | Uint8Array | null | readonly CassandraValue[]

/**
 * One row, read by column name. The accessors throw `internal` for a column that is absent, null or of another type: what a statement selects is
 * known, so that is a fault of the program.
 */
export interface CassandraRow {
  /** A text column. */
  text(column: string): string
  /** An int, smallint or tinyint column. */
  integer(column: string): number
  /** A bigint or counter column. */
  big(column: string): bigint
  /** A blob column. */
  bytes(column: string): Uint8Array
  /** A boolean column. */
  flag(column: string): boolean
  /** Whether the column was selected and is not null. */
  has(column: string): boolean
}

/** A {@link CassandraRow} over the columns of a row of the driver. */
export class DriverRow implements CassandraRow {
  readonly #columns: Readonly<Record<string, unknown>>

  constructor(columns: Readonly<Record<string, unknown>>) {
    this.#columns = columns
  }

  text(column: string): string {
    const value = this.#columns[column]
    return typeof value === 'string' ? value : fail(column, 'text', value)
  }

  integer(column: string): number {
    const value = this.#columns[column]
    return typeof value === 'number' && Number.isInteger(value) ? value : fail(column, 'integer', value)
  }

  big(column: string): bigint {
    const value = this.#columns[column]
    return typeof value === 'bigint' ? value : fail(column, 'bigint', value)
  }

  bytes(column: string): Uint8Array {
    const value = this.#columns[column]
    // A view of the same bytes without the methods of Buffer, which behave differently from those of other byte arrays.
    return value instanceof Uint8Array ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : fail(column, 'blob', value)
  }

  flag(column: string): boolean {
    const value = this.#columns[column]
    return typeof value === 'boolean' ? value : fail(column, 'boolean', value)
  }

  has(column: string): boolean {
    return (this.#columns[column] ?? null) !== null
  }
}

function fail(column: string, expected: string, value: unknown): never {
  throw new EvegramError('internal', { operation: 'read column', details: { column, expected, found: value === null ? 'null' : typeof value } })
}
