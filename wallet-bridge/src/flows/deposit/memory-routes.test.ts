import { describeDepositRoutes } from './deposit-routes.contract.js'
import { MemoryRoutes } from './memory-routes.js'

describeDepositRoutes({ name: 'memory', setup: async () => ({ routes: new MemoryRoutes(), close: async () => undefined }) })
