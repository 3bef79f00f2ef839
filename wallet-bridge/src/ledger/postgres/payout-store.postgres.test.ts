import { afterAll, beforeAll } from 'vitest'
import { describePayoutStore, type PayoutsSubject } from '../../flows/payout/payout-store.contract.js'
import { freshLedger, postgresServer, type LedgerServer } from './fresh-ledger.fixture.js'
import { PostgresPayoutStore } from './payout-store.js'

let server: LedgerServer
beforeAll(async () => { server = await postgresServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

async function setup(): Promise<PayoutsSubject> {
  const subject = await freshLedger(server)
  const ledger = await subject.open()
  return { payouts: new PostgresPayoutStore(ledger, await server.connect()), ledger, close: () => subject.close() }
}

describePayoutStore({ name: 'PostgreSQL', setup })
