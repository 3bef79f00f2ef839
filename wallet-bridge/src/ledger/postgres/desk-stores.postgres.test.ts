import { afterAll, beforeAll } from 'vitest'
import { describeDeskStores } from './desk-stores.contract.js'
import { postgresServer, type LedgerServer } from './fresh-ledger.fixture.js'

let server: LedgerServer
beforeAll(async () => { server = await postgresServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

describeDeskStores('PostgreSQL', () => server)
