import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock, systemRandom } from '@evegram/platform'
import { serviceAddresses, TcpProxy } from '@evegram/platform/testing'
import { isEvegramError } from '@evegram/protocol'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openingOf } from '../account.js'
import { amountOf } from '../amount.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../ids.js'
import type { Submission } from '../transfer.js'
import { verifyLedger } from '../verify.js'
import { embeddedDatabase, postgresDatabase } from './database.js'
import { openPostgresLedger } from './ledger-store.js'
import { scratchDatabase, type ScratchDatabase } from './scratch-database.js'

const asset = assetIdOf('solana', 'sol')
const [hot, alice] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset)]
const submissionOf = (name: string): Submission => ({ linked: false, transfers: [
  { kind: 'transfer', id: payoutTransferId(name), debit: hot.id, credit: alice.id, amount: amountOf(1n), purpose: parsePurpose('test') },
] })

describe('a PGlite directory', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-ledger-')) })
  afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

  it('has everything when it is opened again, and is not opened while another process holds it', async () => {
    const [clock, random] = [new ManualClock(), systemRandom()]
    const first = await embeddedDatabase(folder)
    // PGlite never syncs: it is refused where a server that does is asked for.
    await expect(openPostgresLedger({ database: first, clock, random, synced: true })).rejects.toSatisfy((failure) => isEvegramError(failure, 'invalid.config'))
    const store = await openPostgresLedger({ database: first, clock, random, synced: false })
    await store.openAccounts([hot, alice])
    await store.submit(submissionOf('a'))
    const head = await store.head()
    await store.close()
    await first.close()
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    try {
      writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: other.pid, startedAt: '' }))
      await expect(embeddedDatabase(folder)).rejects.toSatisfy((failure) => isEvegramError(failure, 'conflict.data_in_use'))
    } finally {
      other.kill('SIGKILL')
      await new Promise((resolve) => { other.once('exit', resolve) })
    }
    const second = await embeddedDatabase(folder)
    const again = await openPostgresLedger({ database: second, clock, random, synced: false })
    expect(await again.head()).toEqual(head)
    expect(await again.submit(submissionOf('a'))).toEqual([{ status: 'exists', number: 3 }])
    await again.close()
    await second.close()
  }, 120_000)
})

describe('a PostgreSQL server', () => {
  let scratch: ScratchDatabase
  beforeEach(async () => { scratch = await scratchDatabase(serviceAddresses('postgres')[0] ?? '') })
  afterEach(async () => { await scratch.drop() })

  it('that does not answer is an error that may be tried again, and tells by the id what was done', async () => {
    const proxy = await TcpProxy.to(scratch.url.replace(/^postgres:/, 'tcp:'))
    const url = new URL(scratch.url)
    url.host = proxy.place
    const database = postgresDatabase(url.href)
    const store = await openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: true })
    await store.openAccounts([hot, alice])
    await store.submit(submissionOf('a'))
    proxy.refuse()
    const unavailable: unknown = expect.toSatisfy((failure) => isEvegramError(failure, 'unavailable.store'))
    await expect(store.submit(submissionOf('b'))).rejects.toThrow(unavailable)
    await expect(store.head()).rejects.toThrow(unavailable)
    proxy.heal()
    expect(await store.submit(submissionOf('a'))).toEqual([{ status: 'exists', number: 3 }])
    expect(await store.submit(submissionOf('b'))).toMatchObject([{ number: 4 }])
    await store.close()
    await database.close()
    await proxy.close()
  })

  it('that stands still in the middle of a commit leaves nothing half done for whoever comes next', async () => {
    const database = postgresDatabase(scratch.url, { connectionsMax: 1, statementTimeoutMs: 500 })
    const store = await openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: true })
    await store.openAccounts([hot, alice])
    const blocker = postgresDatabase(scratch.url)
    let free: () => void = () => undefined
    const freed = new Promise<void>((resolve) => { free = resolve })
    let blocked: Promise<void> = Promise.resolve()
    await new Promise<void>((resolve) => {
      blocked = blocker.queries.transaction().execute(async (transaction) => {
        await sql`LOCK TABLE ledger_transfers IN SHARE MODE`.execute(transaction)
        resolve()
        await freed
      })
    })
    // The transfer waits for the lock, longer than the ledger does; its event is never sent.
    await expect(store.submit(submissionOf('a'))).rejects.toSatisfy((failure) => isEvegramError(failure, 'unavailable.store'))
    free()
    await blocked
    expect(await store.submit(submissionOf('b'))).toEqual([{ status: 'created', number: 3 }])
    expect(await verifyLedger(store)).toMatchObject({ status: 'sound', head: { number: 3 } })
    await store.close()
    await database.close()
    await blocker.close()
  })

  it('makes one ledger for processes that start together', async () => {
    const databases = [1, 2, 3, 4].map(() => postgresDatabase(scratch.url, { connectionsMax: 2 }))
    const stores = await Promise.all(databases.map((database) => openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: true })))
    expect(new Set(await Promise.all(stores.map(async (store) => (await store.head()).ledger))).size).toBe(1)
    for (const store of stores) await store.close()
    for (const database of databases) await database.close()
  })
})
