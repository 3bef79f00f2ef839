import { parseAccountId } from '@evegram/protocol'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDepositRoutes, type RoutesSubject } from '../../flows/deposit/deposit-routes.contract.js'
import { countingRandom } from '../../chain/simulated/simulated-world.contract.js'
import { newDepositCode } from '../../flows/deposit/deposit-code.js'
import { PostgresRoutes } from './deposit-routes.js'
import { embeddedServer, freshLedger, type LedgerServer } from './fresh-ledger.fixture.js'

let server: LedgerServer
beforeAll(async () => { server = await embeddedServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

async function setup(): Promise<RoutesSubject> {
  const subject = await freshLedger(server)
  await subject.open()
  return { routes: new PostgresRoutes(await server.connect()), close: () => subject.close() }
}

describeDepositRoutes({ name: 'PGlite', setup })

describe('routes of deposits in SQL', () => {
  it('are for ever, also for a program that would change them', async () => {
    const subject = await setup()
    await subject.routes.giveCode(newDepositCode(countingRandom('sql')), parseAccountId('1'.repeat(32)))
    const { queries } = await server.connect()
    for (const statement of [`UPDATE deposit_codes SET account = '${'2'.repeat(32)}'`, 'DELETE FROM deposit_codes', 'TRUNCATE deposit_codes', 'DELETE FROM deposit_addresses']) {
      await expect(sql.raw(statement).execute(queries), statement).rejects.toThrow('for ever')
    }
    await subject.close()
  })
})
