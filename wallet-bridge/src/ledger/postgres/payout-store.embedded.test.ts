import { parseAccountId } from '@evegram/protocol'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describePayoutStore, type PayoutsSubject } from '../../flows/payout/payout-store.contract.js'
import { alice, PayoutWorld } from '../../flows/payout/payout-world.contract.js'
import { payoutIdOf } from '../../flows/payout/payout.js'
import { embeddedServer, freshLedger, type LedgerServer } from './fresh-ledger.fixture.js'
import { PostgresPayoutStore } from './payout-store.js'

let server: LedgerServer
beforeAll(async () => { server = await embeddedServer() }, 120_000)
afterAll(async () => { await server.close() }, 60_000)

async function setup(): Promise<PayoutsSubject> {
  const subject = await freshLedger(server)
  const ledger = await subject.open()
  return { payouts: new PostgresPayoutStore(ledger, await server.connect()), ledger, close: () => subject.close() }
}

describePayoutStore({ name: 'PGlite', setup })

describe('payouts in SQL', () => {
  it('are paid like those in memory', async () => {
    const subject = await setup()
    const world = await PayoutWorld.open('terra', subject.payouts)
    for (const [name, amount] of [['one', 1_000_000n], ['two', 2_000_000n], ['three', 9_000_000n]] as const) {
      await world.flow().request(world.ask(name, amount))
    }
    await world.run(world.flow(), 40)
    expect([await world.state('one'), await world.state('two'), await world.state('three')]).toEqual(['paid', 'paid', undefined])
    await world.audit()
    await subject.close()
  })

  it('keep what a wrong program would change', async () => {
    const subject = await setup()
    const world = await PayoutWorld.open('solana', subject.payouts)
    const flow = world.flow()
    await world.asked('one', 1_000n, flow)
    await flow.step()
    const { queries } = await server.connect()
    const refused: readonly (readonly [statement: string, why: string])[] = [
      ['DELETE FROM payouts', 'does not allow'],
      ['TRUNCATE payouts', 'does not allow'],
      ['UPDATE payouts SET amount = 2', 'grows by one'],
      ['UPDATE payouts SET version = version + 1, amount = 2', 'the terms of a payout stay'],
      [`UPDATE payouts SET version = version + 1, account = '${'b'.repeat(32)}'`, 'the terms of a payout stay'],
      ["UPDATE payouts SET version = version + 1, payment = '\\x00'", 'stays until it has expired'],
      ["UPDATE payouts SET version = version + 1, state = 'reserved', payment = NULL, txid = NULL", 'stays until it has expired'],
      ["UPDATE payouts SET version = version + 1, state = 'paid'", 'payouts_state'],
      ["UPDATE payouts SET version = version + 1, state = 'nowhere'", 'payouts_state'],
      ["UPDATE payouts SET version = version + 1, state = 'settling', outcome = 'paid', outcome_fee = fee_max + 1", 'payouts_fee_is_reserved'],
      [`UPDATE payouts SET version = version + 1, approved_by = '${alice}'`, 'payouts_other_approves'],
    ]
    for (const [statement, why] of refused) await expect(sql.raw(statement).execute(queries), statement).rejects.toThrow(why)
    await world.run(flow, 20)
    expect(await subject.payouts.get(payoutIdOf(parseAccountId(alice), 'one'))).toMatchObject({ state: 'paid' })
    await expect(sql.raw('UPDATE payouts SET version = version + 1').execute(queries)).rejects.toThrow('has ended stays')
    await subject.close()
  })
})
