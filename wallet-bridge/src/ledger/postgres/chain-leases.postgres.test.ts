import { serviceAddresses } from '@evegram/platform/testing'
import { sql } from 'kysely'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseChainName } from '../../chain/chain-adapter.js'
import { describeChainLeases } from '../../ports/chain-leases.contract.js'
import { PostgresChainLeases } from './chain-leases.js'
import { postgresDatabase, type LedgerDatabase } from './database.js'
import { scratchDatabase, type ScratchDatabase } from './scratch-database.js'

let scratch: ScratchDatabase
beforeAll(async () => {
  scratch = await scratchDatabase(serviceAddresses('postgres')[0] ?? '')
})
afterAll(async () => {
  await scratch.drop()
})

describeChainLeases({
  name: 'postgres',
  setup: async () => {
    const databases = [postgresDatabase(scratch.url), postgresDatabase(scratch.url)] as const
    return {
      one: new PostgresChainLeases(databases[0]), other: new PostgresChainLeases(databases[1]),
      close: async () => { for (const database of databases) await database.close() },
    }
  },
})

describe('a lease in PostgreSQL', () => {
  const ton = parseChainName('ton')

  it('ends with its connection, and the next process gets it', async () => {
    const databases: readonly [LedgerDatabase, LedgerDatabase] = [postgresDatabase(scratch.url), postgresDatabase(scratch.url)]
    const lease = await new PostgresChainLeases(databases[0]).acquire(ton)
    expect(await lease?.isHeld()).toBe(true)
    await sql`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
      .execute(databases[1].queries)
    expect(await lease?.isHeld()).toBe(false)
    const next = await new PostgresChainLeases(databases[1]).acquire(ton)
    expect(await next?.isHeld()).toBe(true)
    // The first says no for ever, and can still be given up.
    await lease?.release()
    expect(await lease?.isHeld()).toBe(false)
    expect(await next?.isHeld()).toBe(true)
    await next?.release()
    for (const database of databases) await database.close()
  })

  it('ends by itself when its process says nothing any more, though the connection stands', async () => {
    const [silent, other] = [postgresDatabase(scratch.url, { idleSessionMs: 500 }), postgresDatabase(scratch.url)]
    const lease = await new PostgresChainLeases(silent).acquire(ton)
    const leases = new PostgresChainLeases(other)
    // As long as it asks it keeps it.
    for (let look = 0; look < 4; look++) {
      await delay(200)
      expect([await lease?.isHeld(), await leases.acquire(ton)]).toEqual([true, undefined])
    }
    const next = await vi.waitUntil(() => leases.acquire(ton), { timeout: 10_000, interval: 100 })
    expect([await lease?.isHeld(), await next.isHeld()]).toEqual([false, true])
    await next.release()
    for (const database of [silent, other]) await database.close()
  })

  it('is not to be had from a server that does not answer', async () => {
    const nowhere = postgresDatabase('postgres://127.0.0.1:1/none')
    await expect(new PostgresChainLeases(nowhere).acquire(ton)).rejects.toMatchObject({ code: 'unavailable.store' })
    await nowhere.close()
  })
})
