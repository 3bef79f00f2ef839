import { afterAll, beforeAll } from 'vitest'
import { describeDepositRoutes, type RoutesSubject } from '../../flows/deposit/deposit-routes.contract.js'
import { PostgresRoutes } from './deposit-routes.js'
import { postgresServer, freshLedger, type LedgerServer } from './fresh-ledger.fixture.js'

let server: LedgerServer
beforeAll(async () => { server = await postgresServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

async function setup(): Promise<RoutesSubject> {
  const subject = await freshLedger(server)
  await subject.open()
  return { routes: new PostgresRoutes(await server.connect()), close: () => subject.close() }
}

describeDepositRoutes({ name: 'PostgreSQL', setup })
