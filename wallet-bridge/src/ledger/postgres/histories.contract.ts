import { ManualClock } from '@evegram/platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { histories } from '../../measure/histories/history.js'
import { runHistory } from '../../measure/histories/run-history.js'
import { MemoryLedger } from '../memory/ledger-store.js'
import { verifyLedger } from '../verify.js'
import { freshLedger, type LedgerServer } from './fresh-ledger.fixture.js'

/** The long form: npm run ledger:histories. */
const HISTORIES = 12

/** Random histories, which every store must answer alike. */
export function describeLedgerHistories(name: string, server: () => LedgerServer): void {
  describe(`random histories: ${name}`, () => {
    it('are answered as in memory, and are replayed to the same balances', async () => {
      const clock = new ManualClock()
      const subject = await freshLedger(server(), clock)
      const store = await subject.open()
      let runs = 0
      await fc.assert(fc.asyncProperty(histories, async (history) => {
        const history0 = `h${String(runs++)}`
        const memoryClock = new ManualClock(clock.now())
        const memory = new MemoryLedger({ clock: memoryClock, ledger: '00'.repeat(16) }).connect()
        expect(await runHistory(store, clock, history0, history)).toEqual(await runHistory(memory, memoryClock, history0, history))
      }), { numRuns: HISTORIES, endOnFailure: true })
      expect(await verifyLedger(store)).toMatchObject({ status: 'sound' })
      await store.close()
      await subject.close()
    }, 120_000)
  })
}
