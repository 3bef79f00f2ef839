import { bech32 } from '@scure/base'
import { textOf } from '@evegram/protocol'
import { describeChainAdapter, type ChainHarness, type HarnessAccount } from '../chain-adapter.contract.js'
import { countingRandom } from '../simulated/simulated-world.contract.js'
import { LUNA, parseTerraAddress, terraToken } from './address.js'
import { TerraChainAdapter } from './adapter.js'
import { TerraWorld } from './devnet/terra-world.js'

const TIMEOUT_BLOCKS = 20

async function setup(): Promise<ChainHarness> {
  const world = await TerraWorld.open()
  const others: (() => Promise<void>)[] = []
  const adapterAt = (url: string, name: string): TerraChainAdapter =>
    new TerraChainAdapter({ url, chainId: world.chain.chainId, random: countingRandom(name), tokens: [world.token], timeoutBlocks: TIMEOUT_BLOCKS })
  const account = async (): Promise<HarnessAccount> => {
    const { address, signer } = world.account()
    return { address: parseTerraAddress(address), signer }
  }
  const { address: somebody } = await account()
  return {
    adapter: adapterAt(world.server.url, 'adapter'),
    another: async () => {
      const endpoint = await world.server.another()
      others.push(() => endpoint.close())
      return adapterAt(endpoint.url, 'another')
    },
    token: terraToken(world.token),
    // The tax is part of it: 0.5 % of what a test pays at most.
    feeMax: 100_000_000n,
    badAddresses: [
      somebody.toUpperCase(), `${somebody.slice(0, -1)}${somebody.endsWith('q') ? 'p' : 'q'}`, world.token, bech32.encodeFromBytes('cosmos', new Uint8Array(20).fill(7)),
      bech32.encodeFromBytes('terra', new Uint8Array(20)),
      bech32.encodeFromBytes('terra', new Uint8Array(21)), bech32.encodeFromBytes('terravaloper', bech32.fromWords(bech32.decode(`terra1${somebody.slice(6)}`).words)),
    ],
    account,
    fund: async ({ to, asset, amount, memo }) => {
      const message = asset === LUNA ? world.pay(to, { uluna: String(amount) }) : world.giveToken(to, amount)
      // Gas, and the tax beside it: else less would arrive.
      await world.send([message], { fee: { uluna: String(12_000_000n + amount / 100n) }, ...(memo === undefined ? {} : { memo: textOf(memo) }) })
      world.blocks()
    },
    makeBlock: async () => { world.blocks() },
    // A block is final when the next one names it.
    makeFinal: async () => { world.blocks(2) },
    passExpiry: async () => { world.blocks(TIMEOUT_BLOCKS + 2) },
    cutSource: () => world.close(),
    close: async () => {
      for (const close of others) await close()
      await world.close()
    },
  }
}

// What is in a block of Tendermint stays: there is none to take away.
describeChainAdapter({ name: 'terra, through the SDK to the local chain', setup, gaps: ['reorganisation'] })
