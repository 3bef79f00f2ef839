import { ManualClock } from '@evegram/platform'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { MemoryRoutes } from '../deposit/memory-routes.js'
import { MemoryPayoutStore } from '../payout/memory-payout-store.js'
import { describeReconciliation } from './reconcile-flow.contract.js'

describeReconciliation('memory', async () => {
  const ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) })
  return {
    ledger: ledger.connect(), payouts: new MemoryPayoutStore(ledger), routes: new MemoryRoutes(),
    close: async () => undefined,
  }
})
