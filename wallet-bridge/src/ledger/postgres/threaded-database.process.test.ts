import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { ManualClock, systemRandom } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openingOf } from '../account.js'
import { assetIdOf } from '../ids.js'
import { describeLedgerStore } from '../ledger-store.contract.js'
import { embeddedDatabase } from './database.js'
import { freshLedger } from './fresh-ledger.fixture.js'
import { openPostgresLedger, postgresLedger, preparePostgresLedger } from './ledger-store.js'
import { PGLITE_DIRECTORY } from './pglite-directory.js'
import { threadedDatabase, type ThreadedDatabase } from './threaded-database.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const parts = { clock: new ManualClock(), random: systemRandom(), synced: false }
const alice = openingOf('user', 'alice', assetIdOf('solana', 'sol'))
const folder = mkdtempSync(join(tmpdir(), 'evegram-thread-'))
const unavailable: unknown = expect.toSatisfy((failure) => isEvegramError(failure, 'unavailable.store'))
// A database is made here more than once.
vi.setConfig({ testTimeout: 240_000 })

let shared: ThreadedDatabase
/** Share of the time in which this thread was at work while the shared database was made. */
let busy = 1
beforeAll(async () => {
  // The thread runs what was built.
  await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'wallet-bridge'], { timeout: 400_000 })
  shared = threadedDatabase(join(folder, 'shared'))
  const before = performance.eventLoopUtilization()
  await shared.open()
  busy = performance.eventLoopUtilization(before).utilization
}, 480_000)
afterAll(async () => {
  await shared.close()
  rmSync(folder, { recursive: true, force: true })
})

describeLedgerStore({
  name: 'PGlite on a thread',
  setup: () => freshLedger({ synced: false, connect: async () => ({ queries: shared.queries, close: async () => undefined }), close: async () => undefined }),
})

describe('an embedded ledger on a thread', () => {
  it('tells what PostgreSQL refused by its code, and is there for others when it is closed', async () => {
    const place = join(folder, 'one')
    const database = threadedDatabase(place)
    const ledger = postgresLedger({ database, clock: parts.clock })
    await expect(ledger.head()).rejects.toThrow(unavailable)
    await database.open()
    await expect(sql`SELECT * FROM nothing`.execute(database.queries)).rejects.toMatchObject({ code: '42P01' })
    await preparePostgresLedger({ database, ...parts })
    await ledger.openAccounts([alice])
    const head = await ledger.head()
    await expect(embeddedDatabase(place)).rejects.toMatchObject({ code: 'conflict.data_in_use' })
    const snapshot = await database.snapshot()
    await ledger.close()
    await database.close()
    await expect(ledger.head()).rejects.toThrow(unavailable)
    for (const { parentPath, name } of readdirSync(place, { recursive: true, withFileTypes: true })) expect(statSync(join(parentPath, name)).mode & 0o077, name).toBe(0)
    for (const again of [await embeddedDatabase(place), await embeddedDatabase(join(folder, 'two'), { snapshot })]) {
      expect(await (await openPostgresLedger({ database: again, ...parts })).head()).toEqual(head)
      await again.close()
    }
  })

  it('that is closed while it is made leaves nothing that the next one trips over', async () => {
    const place = join(folder, 'cut')
    const cut = threadedDatabase(place)
    const opened = expect(cut.open()).rejects.toThrow(unavailable)
    // In the middle of it: the directory is there, and is not whole.
    await expect.poll(() => existsSync(join(place, PGLITE_DIRECTORY, 'base')), { timeout: 60_000, interval: 1 }).toBe(true)
    await cut.close()
    await opened
    // What it leaves depends on the moment; some of it looks whole to PGlite, and cannot be opened.
    writeFileSync(join(place, PGLITE_DIRECTORY, 'PG_VERSION'), '18\n')
    rmSync(join(place, PGLITE_DIRECTORY, 'global', 'pg_control'), { force: true })
    const next = threadedDatabase(place)
    await next.open()
    await preparePostgresLedger({ database: next, ...parts })
    await next.close()
    expect(readdirSync(place)).toEqual([PGLITE_DIRECTORY])
  })

  it('leaves the thread of the caller free while a database is made', () => {
    // Beside it this thread had next to nothing to do; in it PGlite keeps it busy nearly all the time.
    expect(busy).toBeLessThan(0.3)
  })
})
