import { Client, types } from 'cassandra-driver'
import type { DurabilityStore } from '../store.js'

const REQUEST_TIMEOUT_MS = 5_000
const READ_TIMEOUT_MS = 60_000

/** Rows of a table that is replicated to all nodes, written and read at LOCAL_QUORUM. */
export class CassandraRows implements DurabilityStore {
  #client: Client | undefined
  readonly #nodes: number

  constructor(nodes: number) {
    this.#nodes = nodes
  }

  async open(addresses: readonly string[]): Promise<void> {
    this.#client = new Client({
      contactPoints: [...addresses], localDataCenter: 'datacenter1', socketOptions: { readTimeout: REQUEST_TIMEOUT_MS },
      queryOptions: { consistency: types.consistencies.localQuorum, prepare: true, isIdempotent: true },
    })
    await this.#client.connect()
    await this.#execute(`CREATE KEYSPACE IF NOT EXISTS durability WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': ${String(this.#nodes)}}`, [], false)
    await this.#execute('CREATE TABLE IF NOT EXISTS durability.written (id text PRIMARY KEY, body blob)', [], false)
  }

  async write(id: string): Promise<void> {
    await this.#execute('INSERT INTO durability.written (id, body) VALUES (?, ?)', [id, Buffer.alloc(300)])
  }

  async readAll(): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    let pageState: string | undefined
    do {
      const page = await this.#opened.execute('SELECT id FROM durability.written', [], {
        prepare: true, fetchSize: 5_000, readTimeout: READ_TIMEOUT_MS, ...(pageState === undefined ? {} : { pageState }),
      })
      // The table was made above: its one column is a text.
      for (const row of page.rows) found.set(String(row['id']), 1)
      pageState = page.pageState ?? undefined
    } while (pageState !== undefined)
    return found
  }

  async close(): Promise<void> {
    await this.#client?.shutdown()
  }

  get #opened(): Client {
    if (this.#client === undefined) throw new Error('not open')
    return this.#client
  }

  async #execute(query: string, values: readonly unknown[], prepare = true): Promise<void> {
    await this.#opened.execute(query, [...values], { prepare })
  }
}
