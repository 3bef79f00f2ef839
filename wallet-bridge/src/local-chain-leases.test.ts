import { LocalChainLeases } from './local-chain-leases.js'
import { describeChainLeases } from './ports/chain-leases.contract.js'

describeChainLeases({
  name: 'in process',
  setup: async () => {
    const leases = new LocalChainLeases()
    return { one: leases, other: leases, close: async () => undefined }
  },
})
