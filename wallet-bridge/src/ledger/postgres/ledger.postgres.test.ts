import { afterAll, beforeAll } from 'vitest'
import { describeLedgerStore } from '../ledger-store.contract.js'
import { describeStatementStore } from '../statement-store.contract.js'
import { postgresServer, freshLedger, freshStatements, type LedgerServer } from './fresh-ledger.fixture.js'
import { describeLedgerHistories } from './histories.contract.js'
import { describeLedgerSchema } from './schema.contract.js'

let server: LedgerServer
beforeAll(async () => { server = await postgresServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

describeLedgerStore({ name: 'PostgreSQL', setup: () => freshLedger(server) })
describeStatementStore({ name: 'PostgreSQL', setup: () => freshStatements(server) })
describeLedgerSchema('PostgreSQL', () => server)
describeLedgerHistories('PostgreSQL', () => server)
