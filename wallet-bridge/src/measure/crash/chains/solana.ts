import { Connection, PublicKey } from '@solana/web3.js'
import { systemClock, systemRandom } from '@evegram/platform'
import { simulatedSigner } from '../../../chain/simulated/signer.js'
import { SolanaChainAdapter } from '../../../chain/solana/adapter.js'
import { SOL } from '../../../chain/solana/address.js'
import { serveSolanaDevnet } from '../../../chain/solana/devnet/index.js'
import type { CrashChain } from '../crash-chain.js'

/** A block hash is over after 150 of them: in 9 s. */
const SLOT_MS = 60
const BLOCKHASH_SLOTS = 150
const FINALIZED_AFTER = 12
/** Addresses of one request (getMultipleAccounts). */
const ADDRESSES_MAX = 100

/** litesvm behind the JSON-RPC of a node. */
export const solanaCrashChain: CrashChain = {
  asset: SOL,
  // An account that holds less than its rent cannot be opened.
  amountMin: 1_000_000n,
  feeMax: 10_000n,
  validMs: BLOCKHASH_SLOTS * SLOT_MS,
  finalMs: 2 * FINALIZED_AFTER * SLOT_MS,
  broadcastMark: '"sendTransaction"',
  lateOf256: 32,
  signerOf: simulatedSigner,
  sourceOf: (url) => new SolanaChainAdapter({ url, random: systemRandom() }),

  async serve() {
    const server = await serveSolanaDevnet({ clock: systemClock(), random: systemRandom(), port: 0, slotMs: SLOT_MS, finalizedAfter: FINALIZED_AFTER })
    const second = await server.another()
    return {
      endpoints: [server.url, second.url],
      fund: async (address, amount) => { server.chain.airdrop(address, amount) },
      close: async () => {
        await second.close()
        await server.close()
      },
    }
  },

  async held(endpoint, addresses) {
    const connection = new Connection(endpoint, 'finalized')
    const held: bigint[] = []
    for (let from = 0; from < addresses.length; from += ADDRESSES_MAX) {
      const accounts = await connection.getMultipleAccountsInfo(addresses.slice(from, from + ADDRESSES_MAX).map((address) => new PublicKey(address)))
      held.push(...accounts.map((account) => BigInt(account?.lamports ?? 0)))
    }
    return held
  },
}
