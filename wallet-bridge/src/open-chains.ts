import { bytesOfHex, EvegramError, type Clock, type Random } from '@evegram/protocol'
import type { NamedSource } from './chain/agreed-chain.js'
import type { ChainAdapter } from './chain/chain-adapter.js'
import type { Signer } from './chain/signer.js'
import { isTaxedCoin, type ChainEntry } from './chains-file.js'
import type { WallyChainOptions } from './chain-work.js'
import { openKeyFile } from './keys/key-file.js'
import { seedSigner } from './keys/seed-signer.js'

/** Environment variables that the file of chains names. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What adapters have from the machine. */
export interface ChainSystem {
  readonly clock: Clock
  readonly random: Random
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** A configured chain, ready for `createWally`. Throws `invalid.config` for a key, variable or address that is none. Asks no endpoint. */
export async function openChain(entry: ChainEntry, environment: Environment, system: ChainSystem): Promise<WallyChainOptions> {
  const sources: NamedSource[] = []
  for (const { name, url } of entry.endpoints) {
    sources.push({ name, adapter: await adapterOf(entry, typeof url === 'string' ? url : valueOf(url.variable, environment), system) })
  }
  const [first] = sources
  if (first === undefined) throw new EvegramError('invalid.config', { operation: 'open chain' })
  const addressesOf = (texts: readonly string[]) => new Set(texts.map((text) => first.adapter.parseAddress(text)))
  const { assets, feeReserve, feeFrom, holdHours, allowed, denied, cold, beginsAt, reconcileMinutes, coinTaxMax: taxPpm } = entry
  return {
    sources, signer: signerOf(entry, environment), cold: addressesOf(cold), beginsAt, reconcileEveryMs: reconcileMinutes * MINUTE_MS,
    policy: {
      assets: new Map(assets.map(({ asset, payoutMin, payoutMax, accountDayMax, approvalAbove, topUpBelow }) =>
        [asset, { payoutMin, payoutMax, accountDayMax, approvalAbove, topUpBelow, ...(isTaxedCoin(asset) ? { taxPpm } : {}) }])),
      denied: addressesOf(denied), allowed: allowed === undefined ? undefined : addressesOf(allowed), holdMs: holdHours * HOUR_MS, feeReserve, feeFrom,
    },
    assets: assets.map(({ asset: id, symbol, decimals, depositMin, foundingDayMax }) => ({ id, symbol, decimals, depositMin, foundingDayMax })),
  }
}

/** The SDK of a chain is loaded only where that chain is configured. */
async function adapterOf({ chain, identity, assets, computeUnitPrice }: ChainEntry, url: string, { clock, random }: ChainSystem): Promise<ChainAdapter> {
  switch (chain) {
    case 'solana': {
      const { SolanaChainAdapter } = await import('./chain/solana/index.js')
      return new SolanaChainAdapter({ url, genesisHash: identity, random, computeUnitPrice })
    }
    case 'ton': {
      const { TonChainAdapter, TONCOIN } = await import('./chain/ton/index.js')
      return new TonChainAdapter({ url, initHash: identity, clock, random, jettons: assets.filter(({ asset }) => asset !== TONCOIN).map(({ asset }) => asset.slice('ton/'.length)) })
    }
    case 'terra': {
      const { TerraChainAdapter } = await import('./chain/terra/index.js')
      return new TerraChainAdapter({
        url, chainId: identity, random, tokens: assets.map(({ asset }) => asset.slice('terra/'.length)).filter((token) => token.startsWith('terra1')),
      })
    }
  }
}

function signerOf({ chain, key }: ChainEntry, environment: Environment): Signer {
  const algorithm = chain === 'terra' ? 'secp256k1' : 'ed25519'
  const signer = 'file' in key ? openKeyFile(key.file, valueOf(key.passphrase, environment)) : seedSigner(algorithm, seedIn(key.seed, environment))
  if (signer.algorithm === algorithm) return signer
  throw new EvegramError('invalid.config', { operation: 'open key', advice: `The key of ${chain} must be one of ${algorithm}.` })
}

function seedIn(variable: string, environment: Environment): Uint8Array {
  const text = valueOf(variable, environment)
  if (!/^[0-9a-f]{64}$/.test(text)) throw new EvegramError('invalid.config', { operation: 'open key', advice: `${variable} must hold 32 bytes in lower-case hex.` })
  return bytesOfHex(text)
}

function valueOf(variable: string, environment: Environment): string {
  const value = environment[variable]
  if (value !== undefined && value !== '') return value
  throw new EvegramError('invalid.config', { operation: 'open chain', advice: `The file of EVEGRAM_WALLY_CHAINS names ${variable}, which is not set.` })
}
