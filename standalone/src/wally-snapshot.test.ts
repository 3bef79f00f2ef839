import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock, systemRandom } from '@evegram/platform'
import { parseChainName, PlayNetwork } from '@evegram/wallet-bridge'
import { embeddedDatabase, openPostgresLedger, postgresLedger, PostgresChainIdentities, PostgresPayoutStore } from '@evegram/wallet-bridge/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldersIn } from './data-folder.js'
import { LEDGER_FILE, restoreSnapshot, takeSnapshotOffline } from './wally-snapshot.js'

const [clock, random] = [new ManualClock(), systemRandom()]
const chains = [parseChainName('simulated'), parseChainName('solana')]

describe('a snapshot of ledger and chain', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-snapshot-'))
  const made = join(folder, 'made')
  beforeAll(async () => {
    const source = foldersIn(join(folder, 'source'))
    await (await PlayNetwork.open({ folder: source.chainDir, clock, random })).close()
    const database = await embeddedDatabase(source.ledgerDir)
    await (await openPostgresLedger({ database, clock, random, synced: false })).close()
    for (const chain of chains) await new PostgresChainIdentities(database).claim(chain, 'one')
    await database.close()
    await takeSnapshotOffline(source, made)
  }, 120_000)
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

  it('comes back with payouts paused on every chain that went on without it, and says why', async () => {
    const restored = foldersIn(join(folder, 'restored'))
    expect(await restoreSnapshot(made, restored)).toEqual(['solana'])
    const database = await embeddedDatabase(restored.ledgerDir)
    const payouts = new PostgresPayoutStore(postgresLedger({ database, clock }), database)
    expect(await Promise.all(chains.map((chain) => payouts.pausedFor(chain)))).toEqual([undefined, 'restored'])
    await database.close()
  }, 120_000)

  it('is refused when it lacks the ledger', async () => {
    rmSync(join(made, LEDGER_FILE))
    await expect(restoreSnapshot(made, foldersIn(join(folder, 'empty')))).rejects.toMatchObject({ code: 'invalid.argument' })
  })
})
