import { ManualClock } from '@evegram/platform'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { MemoryPayoutDecisions } from './memory-payout-decisions.js'
import { describePayoutDecisions } from './payout-decisions.contract.js'

describePayoutDecisions({
  name: 'memory',
  setup: async () => {
    const clock = new ManualClock()
    const ledger = new MemoryLedger({ clock, ledger: '00'.repeat(16) })
    const decisions = new MemoryPayoutDecisions(ledger)
    return { one: decisions, other: decisions, ledger: ledger.connect(), pass: (ms) => { clock.advance(ms) }, close: async () => undefined }
  },
})
