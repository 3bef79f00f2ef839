import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { parsePayoutId } from '../../flows/payout/payout.js'
import { describePayoutDecisions, type DecisionsSubject } from '../../flows/payout/payout-decisions.contract.js'
import { describeCheckpoints } from '../../flows/reconcile/checkpoint.contract.js'
import { describeAlarmStore } from '../../ports/alarm-store.contract.js'
import { PostgresAlarmStore } from './alarm-store.js'
import { freshLedger, type FreshLedger, type LedgerServer } from './fresh-ledger.fixture.js'
import { PostgresPayoutDecisions } from './payout-decisions.js'
import { PostgresCheckpoints } from './reconcile-checkpoints.js'

/** The suites of what lies beside the ledger for operators, in SQL. */
export function describeDeskStores(name: string, server: () => LedgerServer): void {
  async function decisions(): Promise<DecisionsSubject & Pick<FreshLedger, 'connect'>> {
    const subject = await freshLedger(server())
    const [ledger, second] = [await subject.open(), await subject.open()]
    return {
      one: new PostgresPayoutDecisions(ledger, await subject.connect()), other: new PostgresPayoutDecisions(second, await subject.connect()), ledger,
      connect: () => subject.connect(), pass: (ms) => { subject.clock.advance(ms) }, close: () => subject.close(),
    }
  }
  describePayoutDecisions({ name, setup: decisions })
  describeAlarmStore({
    name,
    setup: async () => {
      const subject = await freshLedger(server())
      await subject.open()
      return { one: new PostgresAlarmStore(await subject.connect()), other: new PostgresAlarmStore(await subject.connect()), close: () => subject.close() }
    },
  })
  describeCheckpoints({
    name,
    setup: async () => {
      const subject = await freshLedger(server())
      await subject.open()
      return { checkpoints: new PostgresCheckpoints(await subject.connect()), close: () => subject.close() }
    },
  })

  describe(`what operators decided, in SQL: ${name}`, () => {
    it('stays, also against a program that would change it', async () => {
      const subject = await decisions()
      const { queries } = await subject.connect()
      const word = { payout: parsePayoutId(`${'a'.repeat(32)}.rent`), version: 7, words: 'paid', alone: false }
      await subject.one.say({ ...word, person: 'olga' })
      await subject.one.say({ ...word, person: 'oleg' })
      for (const statement of ["UPDATE payout_decisions SET words = 'failed'", 'UPDATE payout_decisions SET approved_by = NULL', 'UPDATE payout_decisions SET version = 6']) {
        await expect(sql.raw(statement).execute(queries), statement).rejects.toThrow('stays')
      }
      await subject.close()
    })
  })
}
