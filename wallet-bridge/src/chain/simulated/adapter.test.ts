import { assetIdOf } from '../../ledger/ids.js'
import { describeChainAdapter, type ChainHarness } from '../chain-adapter.contract.js'
import { SimulatedChainAdapter } from './adapter.js'
import { SimulatedRpc } from './rpc.js'
import type { SimulatedProfile } from './rules.js'
import { countingRandom, SimulatedWorld } from './simulated-world.contract.js'

async function setup(profile: SimulatedProfile): Promise<ChainHarness> {
  const world = await SimulatedWorld.open(profile)
  const { rules, chain } = world
  return {
    adapter: world.adapter(),
    another: async () => new SimulatedChainAdapter({ rpc: new SimulatedRpc(chain), rules, random: countingRandom('another') }),
    token: assetIdOf(rules.chain, 'token'),
    feeMax: 200_000_000n,
    badAddresses: [`sim${'0'.repeat(48)}`],
    account: () => world.wallet(0n),
    fund: async ({ to, asset, amount, memo }) => {
      world.fund(to, amount, asset, memo)
      await world.blocks()
    },
    makeBlock: () => world.blocks(),
    makeFinal: () => world.makeFinal(),
    passExpiry: () => world.passExpiry(),
    dropBlock: async () => {
      chain.reorganise(1, 'forget')
    },
    cutSource: async () => {
      world.network.endpoints[0]!.rpc.faults.isDown = true
    },
    close: () => chain.stop(),
  }
}

for (const profile of ['solana', 'ton', 'terra'] as const) describeChainAdapter({ name: `simulated, after ${profile}`, setup: () => setup(profile) })
