import { EvegramError, sleep, type Clock } from '@evegram/protocol'
import cassandra from 'cassandra-driver'
import type { Logger } from '../../log.js'
import type { Metrics } from '../../metrics.js'
import { systemRandom } from '../../random.js'
import { checkCassandraConfig, type CassandraConfig } from './config.js'
import { connectClient } from './connect.js'
import { mayBeApplied, readFailure, writeFailure } from './failures.js'
import { migrateSchema, type Migration } from './migrations.js'
import type { CassandraQueries, CassandraStatement, ConditionalResult, ReadOptions, RequestOptions } from './queries.js'
import { RequestGate } from '../../request-gate.js'
import { DriverRow, type CassandraRow, type CassandraValue } from './row.js'
import { sessionCounters, type SessionCounters } from './session-counters.js'

/** Requests that may wait for one of the `inFlightMax`; beyond it they are refused with `limited.queue`. */
export const QUEUED_MAX = 8_192
/** What a refused request wanted, in its error. */
const ASK = 'ask Cassandra'
/** Urgent requests that run at once, and that wait. */
const URGENT_MAX = { inFlightMax: 16, queuedMax: 256 } as const
/** Rows that one {@link CassandraQueries.read} may bring. */
export const READ_ROWS_MAX = 50_000
/** Default rows of a page. */
const PAGE_ROWS = 1_000
/** Tries of a serial read: it changes nothing, so one that failed is asked again. */
const SERIAL_READ_TRIES = 3
const SERIAL_READ_PAUSE_MS = 100
/** Time for a change of the schema: all nodes write it. */
const SCHEMA_TIMEOUT_MS = 30_000

/** What a session is connected with. */
export interface CassandraSessionParts {
  readonly log: Logger
  readonly clock: Clock
  /** How long to wait for the cluster before giving up. Default {@link CONNECT_WAIT_MS}. */
  readonly waitMs?: number
  /** Counts requests, failures, speculative executions, unknown outcomes and what is refused. */
  readonly metrics?: Metrics
}

/** A connection to one keyspace of a Cassandra cluster; see {@link CassandraQueries} for what its statements promise. */
export class CassandraSession implements CassandraQueries {
  readonly #client: cassandra.Client
  readonly #config: CassandraConfig
  readonly #parts: CassandraSessionParts
  readonly #counters: SessionCounters
  readonly #gate: RequestGate
  readonly #urgentGate: RequestGate
  #closed = false

  private constructor(client: cassandra.Client, config: CassandraConfig, parts: CassandraSessionParts) {
    this.#client = client
    this.#config = config
    this.#parts = parts
    this.#counters = sessionCounters(parts.metrics, { inFlight: () => this.#gate.inFlight, queued: () => this.#gate.queued })
    const onRefused = (): void => { this.#counters.refused.add() }
    this.#gate = new RequestGate({ inFlightMax: config.inFlightMax, queuedMax: QUEUED_MAX, operation: ASK, onRefused })
    this.#urgentGate = new RequestGate({ ...URGENT_MAX, operation: ASK, onRefused })
  }

  /**
   * Waits for the cluster, saying so in the log, makes the keyspace if it is absent, and connects. Throws `invalid.config`; rejects
   * `unavailable.store` when the cluster did not answer within `waitMs`.
   */
  static async connect(config: CassandraConfig, parts: CassandraSessionParts): Promise<CassandraSession> {
    checkCassandraConfig(config)
    return new CassandraSession(await connectClient(config, parts), config, parts)
  }

  /** The keyspace of this session. */
  get keyspace(): string {
    return this.#config.keyspace
  }

  /**
   * Brings the tables of `service` to the newest version. Processes that start together wait for each other. Rejects `incompatible.schema` for
   * tables of a newer version, `unavailable.store`.
   */
  async migrate(service: string, migrations: readonly Migration[]): Promise<void> {
    const session = {
      keyspace: this.keyspace,
      readSerial: (cql: string, values: readonly CassandraValue[]) => this.readSerial(cql, values),
      conditional: (cql: string, values: readonly CassandraValue[]) => this.conditional(cql, values),
      changeSchema: (cql: string) => this.#changeSchema(cql),
    }
    await migrateSchema({ session, clock: this.#parts.clock, random: systemRandom(), log: this.#parts.log }, service, migrations)
  }

  async read(cql: string, values: readonly CassandraValue[], options: ReadOptions = {}): Promise<readonly CassandraRow[]> {
    const rows: CassandraRow[] = []
    await this.each(cql, values, (row) => {
      if (rows.push(row) > READ_ROWS_MAX) throw new EvegramError('internal', { operation: 'read Cassandra', details: { rowsMax: READ_ROWS_MAX } })
    }, options)
    return rows
  }

  async each(cql: string, values: readonly CassandraValue[], take: (row: CassandraRow) => void, options: ReadOptions = {}): Promise<void> {
    const settings = {
      prepare: true, isIdempotent: true, autoPage: false, fetchSize: options.pageSize ?? PAGE_ROWS,
      consistency: cassandra.types.consistencies[consistencyName(options.consistency ?? this.#config.consistency)],
    }
    await this.#run('read', readFailure, async () => {
      for (let pageState: string | undefined; ;) {
        const page = await this.#client.execute(cql, bound(values), { ...settings, ...(pageState === undefined ? {} : { pageState }) })
        this.#countSpeculative(page)
        for (const row of page.rows) take(new DriverRow(row))
        // The driver says null on the last page, whatever its types say.
        const next = page.pageState as string | null | undefined
        if (next === null || next === undefined) return
        pageState = next
      }
    }, options)
  }

  async readSerial(cql: string, values: readonly CassandraValue[]): Promise<readonly CassandraRow[]> {
    // Not idempotent for the driver: a second one at the same time would only compete with the first.
    const settings = {
      prepare: true, isIdempotent: false, autoPage: false, fetchSize: PAGE_ROWS, consistency: cassandra.types.consistencies.localSerial,
      retry: NEVER_RETRIED,
    }
    for (let tried = 1; ; tried++) {
      try {
        return await this.#run('read_serial', readFailure, async () =>
          (await this.#client.execute(cql, bound(values), settings)).rows.map((row) => new DriverRow(row)))
      } catch (failure) {
        if (tried === SERIAL_READ_TRIES || this.#closed) throw failure
        await sleep(this.#parts.clock, SERIAL_READ_PAUSE_MS * tried)
      }
    }
  }

  async write(cql: string, values: readonly CassandraValue[], options: RequestOptions = {}): Promise<void> {
    await this.#run('write', writeFailure, async () => {
      this.#countSpeculative(await this.#client.execute(cql, bound(values), { prepare: true, isIdempotent: true, consistency: this.#consistency() }))
    }, options)
  }

  async writeBatch(statements: readonly CassandraStatement[]): Promise<void> {
    const queries = statements.map(({ cql, values }) => ({ query: cql, params: bound(values) }))
    await this.#run('write_batch', writeFailure, async () => {
      // Unlogged: one partition is one mutation, which is applied as a whole without a log of batches.
      this.#countSpeculative(await this.#client.batch(queries, { prepare: true, logged: false, isIdempotent: true, consistency: this.#consistency() }))
    })
  }

  async conditional(cql: string, values: readonly CassandraValue[]): Promise<ConditionalResult> {
    return this.#run('conditional', writeFailure, async () => conditionalResult(await this.#client.execute(cql, bound(values), this.#conditionalSettings())))
  }

  async conditionalBatch(statements: readonly CassandraStatement[]): Promise<ConditionalResult> {
    const queries = statements.map(({ cql, values }) => ({ query: cql, params: bound(values) }))
    return this.#run('conditional', writeFailure, async () =>
      conditionalResult(await this.#client.batch(queries, { ...this.#conditionalSettings(), logged: false })))
  }

  /** Ends all connections. Statements after it are refused; those on their way may be rejected with the outcome `unknown`. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#client.shutdown()
  }

  /** Requests that run now. */
  get inFlight(): number {
    return this.#gate.inFlight
  }

  #consistency(): cassandra.types.consistencies {
    return cassandra.types.consistencies[consistencyName(this.#config.consistency)]
  }

  #conditionalSettings(): cassandra.QueryOptions {
    return {
      prepare: true, isIdempotent: false, retry: NEVER_RETRIED, consistency: this.#consistency(),
      serialConsistency: cassandra.types.consistencies.localSerial,
    }
  }

  async #changeSchema(cql: string): Promise<void> {
    await this.#run('schema', writeFailure, async () => {
      const result = await this.#client.execute(cql, [], {
        prepare: false, isIdempotent: false, retry: NEVER_RETRIED, consistency: this.#consistency(), readTimeout: SCHEMA_TIMEOUT_MS,
      })
      // A field that the driver fills in and its types leave out.
      const { isSchemaInAgreement } = result.info as typeof result.info & { readonly isSchemaInAgreement?: boolean }
      if (isSchemaInAgreement !== true) throw new EvegramError('unavailable.store', { operation: 'wait until all Cassandra nodes agree on the schema' })
    })
  }

  async #run<Result>(
    kind: string, failureOf: typeof readFailure, request: () => Promise<Result>, { urgent = false }: RequestOptions = {},
  ): Promise<Result> {
    const counters = this.#counters
    const gate = urgent ? this.#urgentGate : this.#gate
    try {
      return await gate.run(async () => {
        if (this.#closed) throw new EvegramError('unavailable.store', { operation: 'ask Cassandra', details: { outcome: 'refused', closed: true } })
        counters.requests.add(1, { kind })
        return request()
      })
    } catch (cause) {
      counters.failures.add(1, { kind })
      const failure = failureOf(`${kind.replace('_', ' ')} in Cassandra`, cause)
      if (failureOf === writeFailure && mayBeApplied(failure)) counters.unknownOutcomes.add(1, { kind })
      throw failure
    }
  }

  #countSpeculative(result: cassandra.types.ResultSet): void {
    if (result.info.speculativeExecutions > 0) this.#counters.speculative.add(result.info.speculativeExecutions)
  }
}

/** For what is sent once: a second try could not be told from a second write. */
const NEVER_RETRIED = new cassandra.policies.retry.FallthroughRetryPolicy()

type ConsistencyName = 'localQuorum' | 'quorum' | 'eachQuorum' | 'all' | 'localOne' | 'one'

function consistencyName(consistency: CassandraConfig['consistency']): ConsistencyName {
  switch (consistency) {
    case 'LOCAL_QUORUM': return 'localQuorum'
    case 'QUORUM': return 'quorum'
    case 'EACH_QUORUM': return 'eachQuorum'
    case 'ALL': return 'all'
    case 'LOCAL_ONE': return 'localOne'
    case 'ONE': return 'one'
  }
}

/** Values as the driver takes them: bytes as Buffers over the same memory. */
function bound(values: readonly CassandraValue[]): unknown[] {
  return values.map(boundValue)
}

function boundValue(value: CassandraValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return Array.isArray(value) ? bound(value as readonly CassandraValue[]) : value
}

function conditionalResult(result: cassandra.types.ResultSet): ConditionalResult {
  if (result.wasApplied()) return { applied: true }
  // Beside `[applied]` a refusal shows the row that was found; a batch shows one for each of its rows that exists.
  const columns = result.columns.map(({ name }) => name).filter((name) => name !== APPLIED)
  const standing = result.rows.map((row) => new DriverRow(row)).find((row) => columns.some((column) => row.has(column)))
  return { applied: false, row: standing }
}

const APPLIED = '[applied]'
