import { ManualClock } from '@evegram/platform'
import { describeStatementStore } from '../statement-store.contract.js'
import { MemoryLedger } from './ledger-store.js'
import { MemoryStatementStore } from './statement-store.js'

describeStatementStore({
  name: 'memory',
  setup: async () => ({
    ledger: new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) }).connect(), statements: new MemoryStatementStore(), close: async () => undefined,
  }),
})
