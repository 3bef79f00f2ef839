import { ManualClock } from '@evegram/platform'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { MemoryPayoutStore } from './memory-payout-store.js'
import { describePayoutStore } from './payout-store.contract.js'

describePayoutStore({
  name: 'memory',
  setup: async () => {
    const ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) })
    return { payouts: new MemoryPayoutStore(ledger), ledger: ledger.connect(), close: async () => undefined }
  },
})
