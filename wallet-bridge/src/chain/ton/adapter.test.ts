import { describeChainAdapter, type ChainHarness, type HarnessAccount } from '../chain-adapter.contract.js'
import { simulatedSigner } from '../simulated/signer.js'
import { countingRandom } from '../simulated/simulated-world.contract.js'
import { accountOf, TONCOIN, tonAddressOf, tonJetton } from './address.js'
import { TonChainAdapter } from './adapter.js'
import { HIGHLOAD_TIMEOUT_SECONDS, highloadWallet } from './highload-wallet.js'
import { TonWorld } from './devnet/ton-world.js'

async function setup(): Promise<ChainHarness> {
  const world = await TonWorld.open()
  const random = countingRandom('accounts')
  const others: (() => Promise<void>)[] = []
  const account = async (): Promise<HarnessAccount> => {
    const signer = simulatedSigner(random.bytes(32))
    return { address: tonAddressOf(highloadWallet(signer.publicKey).address), signer }
  }
  const { address: somebody } = await account()
  const master = tonAddressOf(world.jetton)
  return {
    adapter: new TonChainAdapter({ url: world.server.url, random: countingRandom('adapter'), jettons: [master], initHash: world.chain.initHash }),
    another: async () => {
      const endpoint = await world.server.another()
      others.push(() => endpoint.close())
      return new TonChainAdapter({ url: endpoint.url, random: countingRandom('another'), jettons: [master] })
    },
    token: tonJetton(master),
    feeMax: 100_000_000n,
    badAddresses: [
      accountOf(somebody).toRawString(), accountOf(somebody).toString({ testOnly: true }), `${somebody.slice(0, 20)}${somebody[20] === 'A' ? 'B' : 'A'}${somebody.slice(21)}`,
      '-1:3333333333333333333333333333333333333333333333333333333333333333', 'UQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAJKZ',
    ],
    account,
    fund: async ({ to, asset, amount, memo }) => {
      if (asset === TONCOIN) await world.chain.faucet.give(accountOf(to), amount, memo === undefined ? undefined : Buffer.from(memo).toString('utf8'))
      else await world.chain.faucet.giveJetton({ to: accountOf(to), amount })
      await world.blocks(asset === TONCOIN ? 2 : 3)
    },
    makeBlock: () => world.blocks(),
    makeFinal: () => world.makeFinal(),
    passExpiry: async () => {
      world.pass(HIGHLOAD_TIMEOUT_SECONDS)
      await world.makeFinal()
    },
    dropBlock: async () => { await world.chain.dropNewestBlock() },
    cutSource: () => world.close(),
    close: async () => {
      for (const close of others) await close()
      await world.close()
    },
  }
}

describeChainAdapter({ name: 'ton, through the SDK to the local chain', setup, gaps: ['one_transaction'] })
