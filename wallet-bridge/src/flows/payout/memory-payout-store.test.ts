import { MemoryPayoutStore } from './memory-payout-store.js'
import { describePayoutStore } from './payout-store.contract.js'

describePayoutStore({ name: 'memory', setup: async () => ({ payouts: new MemoryPayoutStore(), close: async () => undefined }) })
