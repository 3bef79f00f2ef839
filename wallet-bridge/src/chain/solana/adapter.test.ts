import { PublicKey } from '@solana/web3.js'
import { describeChainAdapter, type ChainHarness, type HarnessAccount } from '../chain-adapter.contract.js'
import { simulatedSigner } from '../simulated/signer.js'
import { parseSolanaAddress, SOL, solanaAddressOf, solanaToken } from './address.js'
import { SolanaChainAdapter } from './adapter.js'
import { BLOCKHASH_AGE_MAX } from './devnet/chain.js'
import { associatedTokenAddress } from './instructions.js'
import { countingRandom, memo, SolanaWorld } from './devnet/solana-world.js'

/**
 * Solana has no checksum: about half of all texts of the right length are addresses. The suite cuts one short and wants it refused, so the harness gives out
 * accounts whose shortened address is none.
 */
function refusesShortened(address: string): boolean {
  try {
    parseSolanaAddress(address.slice(0, -1))
    return false
  } catch {
    return true
  }
}

async function setup(): Promise<ChainHarness> {
  const world = await SolanaWorld.open()
  const token = await world.mint()
  await world.connection.requestAirdrop(world.stranger.publicKey, 1_000_000_000_000)
  world.makeFinal()
  const random = countingRandom('accounts')
  const others: (() => Promise<void>)[] = []
  const account = async (): Promise<HarnessAccount> => {
    for (;;) {
      const signer = simulatedSigner(random.bytes(32))
      const address = solanaAddressOf(signer.publicKey)
      if (refusesShortened(address)) return { address, signer }
    }
  }
  const { address: somebody } = await account()
  return {
    adapter: new SolanaChainAdapter({ url: world.server.url, random: countingRandom('adapter'), genesisHash: world.chain.genesisHash }),
    another: async () => {
      const endpoint = await world.server.another()
      others.push(() => endpoint.close())
      return new SolanaChainAdapter({ url: endpoint.url, random: countingRandom('another') })
    },
    token: solanaToken(token.mint.toBase58()),
    feeMax: 10_000_000n,
    badAddresses: [
      '11111111111111111111111111111111', `0${somebody.slice(1)}`, `${somebody}1`, `1${somebody}`,
      associatedTokenAddress(new PublicKey(somebody), token.mint, token.program).toBase58(),
    ],
    account,
    fund: async ({ to, asset, amount, memo: text }) => {
      const recipient = new PublicKey(to)
      const instructions = asset === SOL ? [world.pay(recipient, amount)] : world.give(token, recipient, amount)
      await world.send(text === undefined ? instructions : [...instructions, memo(text)])
      world.blocks()
    },
    makeBlock: async () => { world.blocks() },
    makeFinal: async () => { world.makeFinal() },
    passExpiry: async () => { world.blocks(BLOCKHASH_AGE_MAX + 5) },
    dropBlock: async () => { world.chain.dropNewestBlock() },
    cutSource: () => world.close(),
    close: async () => {
      for (const close of others) await close()
      await world.close()
    },
  }
}

describeChainAdapter({ name: 'solana, through the SDK to the local chain', setup })
