import { existsSync } from 'node:fs'
import { copyFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { CHAIN_FILE, FileStorage, type ChainName } from '@evegram/wallet-bridge'
import { embeddedDatabase, pauseRestored } from '@evegram/wallet-bridge/postgres'
import { SIMULATED, type StandaloneWally } from './add-wally.js'
import type { DataFolder } from './data-folder.js'

/** Folder inside the data folder that holds the snapshot a backup asked for; the backup moves it away. */
export const SNAPSHOT_FOLDER = 'wally-snapshot'
/** The ledger in a snapshot: what PGlite dumps. */
export const LEDGER_FILE = 'ledger.tar.gz'

/** Puts ledger and chain of one moment into {@link SNAPSHOT_FOLDER}, whole or not at all. Rejects `conflict.busy` while another one is made, `unavailable.store`. */
export async function takeSnapshot(wally: Pick<StandaloneWally, 'snapshot'>, { path, chainDir }: Pick<DataFolder, 'path' | 'chainDir'>): Promise<void> {
  await wally.snapshot((snapshot) => writeSnapshot(snapshot, chainDir, join(path, SNAPSHOT_FOLDER)))
}

/** The same of a server that does not run. The caller holds the lock of the data folder. */
export async function takeSnapshotOffline({ ledgerDir, chainDir }: Pick<DataFolder, 'ledgerDir' | 'chainDir'>, to: string): Promise<void> {
  const database = await embeddedDatabase(ledgerDir)
  try {
    await writeSnapshot(await database.snapshot(), chainDir, to)
  } finally {
    await database.close()
  }
}

async function writeSnapshot(snapshot: Uint8Array, chainDir: string, to: string): Promise<void> {
  const draft = `${to}.new`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  const ledger = await open(join(draft, LEDGER_FILE), 'w', 0o600)
  try {
    await ledger.writeFile(snapshot)
    await ledger.sync()
  } finally {
    await ledger.close()
  }
  await copyFile(join(chainDir, CHAIN_FILE), join(draft, CHAIN_FILE))
  await rm(to, { recursive: true, force: true })
  await rename(draft, to)
}

/**
 * Makes the folders of ledger and chain of what {@link takeSnapshot} wrote. Payouts on every other chain that the ledger knows are paused: those chains went on, and
 * what they paid since would be paid again. Returns the chains that are paused. Rejects `invalid.argument` for a snapshot that lacks something, `unavailable.store`
 * for one that cannot be read, `incompatible.schema` for a ledger of a newer version.
 */
export async function restoreSnapshot(from: string, { ledgerDir, chainDir }: Pick<DataFolder, 'ledgerDir' | 'chainDir'>): Promise<readonly ChainName[]> {
  for (const name of [LEDGER_FILE, CHAIN_FILE]) {
    if (!existsSync(join(from, name))) throw new EvegramError('invalid.argument', { operation: 'restore ledger', advice: `The backup is not whole: ${join(from, name)} is missing.` })
  }
  const database = await embeddedDatabase(ledgerDir, { snapshot: await readFile(join(from, LEDGER_FILE)) })
  let paused: readonly ChainName[]
  try {
    paused = await pauseRestored({ database, clock: systemClock(), random: systemRandom(), synced: false }, [SIMULATED])
  } finally {
    await database.close()
  }
  await mkdir(chainDir, { recursive: true, mode: 0o700 })
  await copyFile(join(from, CHAIN_FILE), join(chainDir, CHAIN_FILE))
  // Reads it whole: a damaged copy is found now and not at the next start.
  await (await FileStorage.open(chainDir)).close()
  return paused
}
