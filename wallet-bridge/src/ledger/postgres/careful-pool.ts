import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type pg from 'pg'

/**
 * A pool that gives no connection to anybody on which something failed without the server saying so. Such a statement may still run, or have run, in a
 * transaction that is still open: whoever came next on that connection would commit it, or a half of it, with its own.
 */
export class CarefulPool implements PostgresPool {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async connect(): Promise<PostgresPoolClient> {
    return new CarefulClient(await this.#pool.connect())
  }

  async end(): Promise<void> {
    await this.#pool.end()
  }
}

class CarefulClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  #failure: { readonly cause: unknown } | undefined

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  query<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>
  query<Row>(statement: string | PostgresCursor<Row>, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    if (typeof statement !== 'string') throw new TypeError('the ledger reads page by page, not by cursors')
    return this.#run<Row>(statement, parameters)
  }

  release(): void {
    this.#client.release(this.#failure !== undefined)
  }

  async #run<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>> {
    // A rollback would wait as long as the statement before it, and end nothing: closing the connection does.
    if (this.#failure !== undefined) throw this.#failure.cause
    try {
      // The driver cannot know the type of a row; who wrote the statement says it.
      return (await this.#client.query(statement, [...parameters])) as unknown as PostgresQueryResult<Row>
    } catch (cause) {
      if (!hasSqlState(cause)) this.#failure = { cause }
      throw cause
    }
  }
}

/** Whether a failure is an answer of the server: then the connection is in step with it. */
function hasSqlState(failure: unknown): boolean {
  return failure instanceof Error && 'code' in failure && typeof failure.code === 'string' && /^[0-9A-Z]{5}$/.test(failure.code)
}
