import { secretCalled, type SecretStore } from '@evegram/auth'
import type { Random } from '@evegram/protocol'
import { amountOf, parseChainName, simulatedSigner, ZERO, type ChainName, type WallyChainOptions } from '@evegram/wallet-bridge'
import { SOL, SolanaChainAdapter, solanaGenesisHash } from '@evegram/wallet-bridge/solana'
import type { StandaloneConfig } from './config.js'

/** A local chain, and which one it is. */
export interface LocalChain {
  readonly name: ChainName
  /** Another one whenever it was started anew. */
  readonly identity: string
  readonly options: WallyChainOptions
}

/** What {@link localChains} needs. */
export interface LocalChainsParts {
  readonly config: Pick<StandaloneConfig, 'solana'>
  /** Where the keys of the hot wallets are. */
  readonly secrets: SecretStore
  readonly random: Random
}

/** The local chains of the real SDKs that settings name. All they hold is play money. Rejects `unavailable.chain` when one does not answer. */
export async function localChains({ config, secrets, random }: LocalChainsParts): Promise<readonly LocalChain[]> {
  return config.solana === undefined ? [] : [await localSolana(config.solana, await secretCalled('wally-hot-solana', secrets, random), random)]
}

async function localSolana(url: string, seed: Uint8Array, random: Random): Promise<LocalChain> {
  const genesisHash = await solanaGenesisHash({ url })
  const [lamports, sols] = [1n, 1_000_000_000n]
  return {
    name: parseChainName('solana'),
    identity: genesisHash,
    options: {
      // One node: whatever it says is believed.
      sources: [{ name: 'local', adapter: new SolanaChainAdapter({ url, genesisHash, random }) }],
      signer: simulatedSigner(seed),
      assets: [{ id: SOL, symbol: 'SOL', decimals: 9, depositMin: amountOf(lamports), foundingDayMax: ZERO }],
      policy: {
        assets: new Map([[SOL, {
          payoutMin: amountOf(lamports), payoutMax: amountOf(1_000n * sols), accountDayMax: amountOf(10_000n * sols), approvalAbove: amountOf(500n * sols), topUpBelow: ZERO,
        }]]),
        denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 0 }, feeFrom: 'account',
      },
    },
  }
}
