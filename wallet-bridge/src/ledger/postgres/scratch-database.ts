import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database of its own on a running server, for a test or a measurement. */
export interface ScratchDatabase {
  readonly url: string
  /** Removes it, whoever is connected to it. */
  drop(): Promise<void>
}

/** Makes an empty database under a random name on the server of `url`, whose user may make databases. Rejects with the failure of the driver. */
export async function scratchDatabase(url: string): Promise<ScratchDatabase> {
  const name = `ledger_${randomBytes(8).toString('hex')}`
  await once(url, `CREATE DATABASE ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, drop: () => once(url, `DROP DATABASE ${name} WITH (FORCE)`) }
}

async function once(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
