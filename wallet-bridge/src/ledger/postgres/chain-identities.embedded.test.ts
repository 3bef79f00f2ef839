import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseChainName } from '../../chain/chain-adapter.js'
import { PostgresChainIdentities } from './chain-identities.js'
import { embeddedServer, freshLedger, type LedgerServer } from './fresh-ledger.fixture.js'

let server: LedgerServer
beforeAll(async () => { server = await embeddedServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

describe('PostgresChainIdentities', () => {
  it('remembers the first chain of each name for ever, also against a program that would change it', async () => {
    const subject = await freshLedger(server)
    await subject.open()
    const database = await server.connect()
    const identities = new PostgresChainIdentities(database)
    const [solana, ton] = [parseChainName('solana'), parseChainName('ton')]
    const claims = await Promise.all(['one', 'other', 'one'].map((identity) => identities.claim(solana, identity)))
    expect(new Set(claims).size).toBe(1)
    expect(await identities.claim(ton, 'other')).toBe('other')
    expect(await new PostgresChainIdentities(database).claim(solana, 'third')).toBe(claims[0])
    for (const statement of ["UPDATE chain_identities SET identity = 'x'", 'DELETE FROM chain_identities', 'TRUNCATE chain_identities']) {
      await expect(sql.raw(statement).execute(database.queries), statement).rejects.toThrow('for ever')
    }
    await subject.close()
  })
})
