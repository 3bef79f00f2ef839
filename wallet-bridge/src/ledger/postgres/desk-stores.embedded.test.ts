import { afterAll, beforeAll } from 'vitest'
import { describeDeskStores } from './desk-stores.contract.js'
import { embeddedServer, type LedgerServer } from './fresh-ledger.fixture.js'

let server: LedgerServer
beforeAll(async () => { server = await embeddedServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

describeDeskStores('PGlite', () => server)
