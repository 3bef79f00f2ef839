import { LCDClient } from '@terra-money/terra.js'
import { systemClock, systemRandom } from '@evegram/platform'
import { LUNA, TerraChainAdapter, terraPlaySigner } from '../../../chain/terra/index.js'
import { serveTerraDevnet } from '../../../chain/terra/devnet/index.js'
import type { CrashChain } from '../crash-chain.js'

const CHAIN_ID = 'crash-1'
const BLOCK_MS = 200
/** In how many blocks a payment may land: 10 s. */
const TIMEOUT_BLOCKS = 50

/** The LCD of a node that imitates today's network, with its burn tax. */
export const terraCrashChain: CrashChain = {
  asset: LUNA,
  amountMin: 1_000_000n,
  // Gas for one message, and the tax.
  feeMax: 8_000_000n,
  validMs: TIMEOUT_BLOCKS * BLOCK_MS,
  finalMs: 10 * BLOCK_MS,
  broadcastMark: '/cosmos/tx/v1beta1/txs',
  // Payments behind one that does not come wait for it, since an account numbers them.
  lateOf256: 4,
  signerOf: terraPlaySigner,
  sourceOf: (url) => new TerraChainAdapter({ url, chainId: CHAIN_ID, random: systemRandom(), timeoutBlocks: TIMEOUT_BLOCKS }),

  async serve() {
    const server = await serveTerraDevnet({ clock: systemClock(), random: systemRandom(), port: 0, blockMs: BLOCK_MS, chainId: CHAIN_ID })
    const second = await server.another()
    return {
      endpoints: [server.url, second.url],
      fund: async (address, amount) => { await server.chain.give(address, 'uluna', amount) },
      close: async () => {
        await second.close()
        await server.close()
      },
    }
  },

  async held(endpoint, addresses) {
    const lcd = new LCDClient({ URL: endpoint, chainID: CHAIN_ID, isClassic: true })
    const held: bigint[] = []
    for (const address of addresses) {
      const [coins] = await lcd.bank.balance(address)
      held.push(BigInt(coins.get('uluna')?.amount.toFixed() ?? 0))
    }
    return held
  },
}
