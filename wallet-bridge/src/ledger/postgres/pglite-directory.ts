import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'

/** What PGlite calls a tar with gzip. */
const SNAPSHOT_TYPE = 'application/x-gzip'

/** The directory of PGlite in the folder of an embedded ledger. */
export const PGLITE_DIRECTORY = 'pgdata'
/** Is there while the directory is being made: one beside it is not whole, and holds nothing that was acknowledged. */
const MAKING = `${PGLITE_DIRECTORY}.making`

/**
 * Opens the PGlite directory in `folder`, made when it is not there; with a snapshot it begins with what is in that. One whose making was cut short is made anew. Files
 * are their owner's alone. The caller holds the lock of the folder: two of them on one directory destroy it. Rejects with what PGlite says.
 */
export async function openPgliteDirectory(folder: string, snapshot?: Uint8Array): Promise<PGlite> {
  const directory = join(folder, PGLITE_DIRECTORY)
  const making = join(folder, MAKING)
  if (existsSync(making)) rmSync(directory, { recursive: true, force: true })
  if (!existsSync(directory)) writeFileSync(making, '', { mode: 0o600, flush: true })
  const client = await createPglite(directory, snapshot)
  keepToOwner(directory)
  rmSync(making, { force: true })
  return client
}

/** PGlite in memory; with a snapshot it begins with what is in that. */
export function openPgliteInMemory(snapshot?: Uint8Array): Promise<PGlite> {
  return createPglite('memory://', snapshot)
}

async function createPglite(place: string, snapshot: Uint8Array | undefined): Promise<PGlite> {
  // Only now: it takes its time to load, and a process with a PostgreSQL of its own never needs it.
  const { PGlite: Pglite } = await import('@electric-sql/pglite')
  return Pglite.create(place, snapshot === undefined ? {} : { loadDataDir: new Blob([Uint8Array.from(snapshot)], { type: SNAPSHOT_TYPE }) })
}

/** All that is committed in `client`, between two statements, as {@link openPgliteDirectory} takes it. */
export async function snapshotOf(client: PGlite): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await client.dumpDataDir('gzip')).arrayBuffer())
}

/** PGlite gives the files that it begins with to everybody, whatever the umask of the process is. */
function keepToOwner(folder: string): void {
  const within = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  for (const path of [folder, ...within]) chmodSync(path, statSync(path).mode & 0o700)
}
