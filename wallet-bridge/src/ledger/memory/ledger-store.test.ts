import { ManualClock } from '@evegram/platform'
import { describeLedgerStore } from '../ledger-store.contract.js'
import { MemoryLedger } from './ledger-store.js'

describeLedgerStore({
  name: 'memory',
  setup: async () => {
    const clock = new ManualClock()
    const ledger = new MemoryLedger({ clock, ledger: '00'.repeat(16) })
    return { clock, open: async () => ledger.connect(), close: async () => undefined }
  },
})
