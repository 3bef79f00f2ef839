import { afterAll, beforeAll } from 'vitest'
import { freshStores, postgresServer, type LedgerServer } from '../../ledger/postgres/fresh-ledger.fixture.js'
import { describeReconciliationInRounds } from './reconcile-rounds.contract.js'

let server: LedgerServer
beforeAll(async () => { server = await postgresServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

describeReconciliationInRounds('PostgreSQL', () => freshStores(server))
