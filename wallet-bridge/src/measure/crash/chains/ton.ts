import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { systemClock, systemRandom } from '@evegram/platform'
import { simulatedSigner } from '../../../chain/simulated/signer.js'
import { TonChainAdapter, TONCOIN, validSecondsOf } from '../../../chain/ton/index.js'
import { serveTonDevnet } from '../../../chain/ton/devnet/index.js'
import type { CrashChain } from '../crash-chain.js'

const BLOCK_MS = 300
/** Short, so that what was lost is over soon and is signed again. */
const TIMEOUT_SECONDS = 16

/** @ton/sandbox behind toncenter v2. */
export const tonCrashChain: CrashChain = {
  asset: TONCOIN,
  amountMin: 50_000_000n,
  feeMax: 100_000_000n,
  validMs: validSecondsOf(TIMEOUT_SECONDS) * 1_000,
  finalMs: 20 * BLOCK_MS,
  broadcastMark: '"sendBoc"',
  lateOf256: 16,
  signerOf: simulatedSigner,
  sourceOf: (url) => new TonChainAdapter({ url, clock: systemClock(), random: systemRandom(), timeoutSeconds: TIMEOUT_SECONDS }),

  async serve() {
    const server = await serveTonDevnet({ clock: systemClock(), random: systemRandom(), port: 0, blockMs: BLOCK_MS })
    const second = await server.another()
    return {
      endpoints: [server.url, second.url],
      fund: (address, amount) => server.chain.faucet.give(Address.parse(address), amount),
      close: async () => {
        await second.close()
        await server.close()
      },
    }
  },

  async held(endpoint, addresses) {
    const client = new TonClient({ endpoint })
    const held: bigint[] = []
    for (const address of addresses) held.push(await client.getBalance(Address.parse(address)))
    return held
  },
}
