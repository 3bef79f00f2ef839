import { secretCalled, type SecretStore } from '@evegram/auth'
import { EvegramError, type Random } from '@evegram/protocol'
import {
  amountOf, requireLocalNetwork, simulatedSigner, ZERO, type AssetId, type ChainAdapter, type ChainName, type PlayDesk, type Signer, type WallyAsset, type WallyChainOptions,
} from '@evegram/wallet-bridge'
import { SOL, SOLANA, SolanaChainAdapter, solanaGenesisHash, SolanaPlayDesk } from '@evegram/wallet-bridge/solana'
import { LUNA, TERRA, TerraChainAdapter, TerraPlayDesk, terraPlaySigner } from '@evegram/wallet-bridge/terra'
import { TON, TONCOIN, TonChainAdapter, TonPlayDesk } from '@evegram/wallet-bridge/ton'
import { z } from 'zod'
import type { StandaloneConfig } from './config.js'

/** Until a local chain that does not answer is given up. */
const TIMEOUT_MS = 10_000
/** Bytes of an answer about who a chain is. */
const ANSWER_CHARACTERS_MAX = 65_536

/** A local chain, and which one it is. */
export interface LocalChain {
  readonly name: ChainName
  /** Another one whenever it was started anew. */
  readonly identity: string
  readonly adapter: ChainAdapter
  /** Its native asset, the one that the bridge holds. */
  readonly asset: WallyAsset
  readonly desk: PlayDesk
  readonly options: WallyChainOptions
}

/** What {@link localChains} needs. */
export interface LocalChainsParts {
  readonly config: Pick<StandaloneConfig, 'solana' | 'ton' | 'terra'>
  /** Where the keys of the hot wallets are. */
  readonly secrets: SecretStore
  readonly random: Random
}

/** What differs between local chains. */
interface Local {
  readonly identity: string
  readonly adapter: ChainAdapter
  readonly desk: PlayDesk
  readonly signer: Signer
  readonly asset: Pick<WallyAsset, 'symbol' | 'decimals'> & { readonly id: AssetId }
  readonly feeReserve: { readonly fixed: bigint; readonly ppm: number }
}

/**
 * The local chains of the real SDKs that settings name. All they hold is play money. Rejects `unavailable.chain` when one does not answer, `invalid.config` when what
 * answers is a shared network.
 */
export async function localChains({ config: { solana, ton, terra }, secrets, random }: LocalChainsParts): Promise<readonly LocalChain[]> {
  const seed = (name: string): Promise<Uint8Array> => secretCalled(`wally-hot-${name}`, secrets, random)
  return [
    ...(solana === undefined ? [] : [chainOf(await localSolana(solana, await seed('solana'), random))]),
    ...(ton === undefined ? [] : [chainOf(await localTon(ton, await seed('ton'), random))]),
    ...(terra === undefined ? [] : [chainOf(await localTerra(terra, await seed('terra'), random))]),
  ]
}

function chainOf({ identity, adapter, desk, signer, asset: { id, symbol, decimals }, feeReserve }: Local): LocalChain {
  const whole = 10n ** BigInt(decimals)
  const asset = { id, symbol, decimals, depositMin: amountOf(1n), foundingDayMax: ZERO }
  return {
    name: adapter.chain,
    identity, adapter, asset, desk,
    options: {
      // One node: whatever it says is believed.
      sources: [{ name: 'local', adapter }],
      signer,
      assets: [asset],
      policy: {
        // The hot wallet holds what people paid in and nothing else: there is no bound below which somebody would have to fill it up.
        assets: new Map([[asset.id, {
          payoutMin: amountOf(1n), payoutMax: amountOf(1_000n * whole), accountDayMax: amountOf(10_000n * whole), approvalAbove: amountOf(500n * whole), topUpBelow: ZERO,
        }]]),
        denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(feeReserve.fixed), ppm: feeReserve.ppm }, feeFrom: 'account',
      },
    },
  }
}

async function localSolana(url: string, seed: Uint8Array, random: Random): Promise<Local> {
  const genesisHash = await solanaGenesisHash({ url, timeoutMs: TIMEOUT_MS })
  requireLocalNetwork(SOLANA, genesisHash)
  return {
    identity: genesisHash,
    desk: new SolanaPlayDesk(url, genesisHash),
    adapter: new SolanaChainAdapter({ url, genesisHash, random }),
    signer: simulatedSigner(seed),
    asset: { id: SOL, symbol: 'SOL', decimals: 9 },
    feeReserve: { fixed: 20_000n, ppm: 0 },
  }
}

const masterchainInfo = z.object({ result: z.object({ init: z.object({ root_hash: z.string().min(1).max(128) }) }) })

async function localTon(url: string, seed: Uint8Array, random: Random): Promise<Local> {
  const { result: { init: { root_hash: initHash } } } = await ask(url, masterchainInfo, { jsonrpc: '2.0', id: 1, method: 'getMasterchainInfo', params: {} })
  requireLocalNetwork(TON, initHash)
  return {
    identity: initHash,
    desk: new TonPlayDesk(url, initHash),
    adapter: new TonChainAdapter({ url, initHash, random }),
    signer: simulatedSigner(seed),
    asset: { id: TONCOIN, symbol: 'TON', decimals: 9 },
    // Gas of the wallet, which its first payment puts onto the chain, and what goes along.
    feeReserve: { fixed: 500_000_000n, ppm: 0 },
  }
}

/** What the local chain says of itself; the hash of its first block is forgotten after some hours. */
const terraFaucet = z.object({ address: z.string().min(1).max(128), chain_id: z.string().min(1).max(64) })

async function localTerra(url: string, seed: Uint8Array, random: Random): Promise<Local> {
  const { address, chain_id: chainId } = await ask(`${url.replace(/\/+$/, '')}/faucet`, terraFaucet)
  requireLocalNetwork(TERRA, chainId)
  return {
    identity: `${chainId} ${address}`,
    desk: new TerraPlayDesk(url, chainId),
    adapter: new TerraChainAdapter({ url, chainId, random }),
    signer: terraPlaySigner(seed),
    asset: { id: LUNA, symbol: 'LUNC', decimals: 6 },
    // Gas, and twice the burn tax of 0.5 %.
    feeReserve: { fixed: 50_000_000n, ppm: 10_000 },
  }
}

/** Asks a local chain who it is. Rejects `unavailable.chain` for no answer and for one that is none. */
async function ask<Answer>(url: string, answer: z.ZodType<Answer>, body?: object): Promise<Answer> {
  try {
    const response = await fetch(url, {
      redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (text.length > ANSWER_CHARACTERS_MAX) throw new Error('too long')
    return answer.parse(JSON.parse(text))
  } catch (cause) {
    throw new EvegramError('unavailable.chain', { operation: 'ask a local chain who it is', cause })
  }
}
