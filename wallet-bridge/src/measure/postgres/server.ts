import { readFileSync } from 'node:fs'
import pg from 'pg'
import { parentOf } from '../ledger-bench/costs.js'

/** A PostgreSQL server, as a measurement names it. */
export interface MeasuredServer {
  readonly version: string
  /** The process that all others of the server are children of; undefined when it does not run on this machine. */
  readonly process: number | undefined
}

/** Asks the server at `url` who it is. Rejects with the failure of the driver. */
export async function measuredServer(url: string): Promise<MeasuredServer> {
  return withClient(url, async (client) => {
    const { rows: [facts] } = await client.query<{ pid: number; version: string }>("SELECT pg_backend_pid() AS pid, current_setting('server_version') AS version")
    if (facts === undefined) throw new Error('PostgreSQL did not say who it is')
    const parent = parentOf(facts.pid)
    return { version: facts.version, process: parent !== undefined && isPostgres(facts.pid) && isPostgres(parent) ? parent : undefined }
  })
}

/** Tells the planner of the tables at `url`, and leaves no cleaning to the time of a measurement. */
export async function settle(url: string): Promise<void> {
  await withClient(url, (client) => client.query('VACUUM ANALYZE'))
}

/** A server elsewhere, or in a container, has numbers of its own for its processes, which here mean nothing, or others. */
function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/comm`, 'utf8').trim() === 'postgres'
  } catch {
    return false
  }
}

async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
