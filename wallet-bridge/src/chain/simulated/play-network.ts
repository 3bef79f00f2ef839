import { hexOf, EvegramError, type Clock, type Random } from '@evegram/protocol'
import { TokenBuckets } from '@evegram/platform'
import type { Amount } from '../../ledger/amount.js'
import { PAYMENT_MEMO_BYTES_MAX, type ChainAddress, type ChainTxid } from '../chain-adapter.js'
import type { NamedSource } from '../agreed-chain.js'
import { parseSimulatedAddress } from './address.js'
import type { SimulatedChain } from './chain.js'
import { FileStorage } from './file-storage.js'
import { openSimulatedNetwork, type SimulatedNetwork } from './network.js'
import { simulatedRules, type SimulatedRules } from './rules.js'

/** Digits behind the point of play money, as people write it. */
export const PLAY_DECIMALS = 6
/** What the faucet gives at once, in minor units. */
export const FAUCET_AMOUNT_MAX = 1_000_000_000n
/** Gifts of the faucet at once, and the time until the next one. */
const FAUCET_BURST = 100
const FAUCET_REFILL_MS = 100
/** A person should not have to wait: a payment is final in four seconds. */
const PLAY_RULES = { blockMs: 1_000, finalityBlocks: 3 } as const
const IDENTITY_KEY = 'identity'
const IDENTITY_BYTES = 16

/** Options of {@link PlayNetwork.open}. */
export interface PlayNetworkOptions {
  /** Where it keeps what is final. One process's at a time: the caller holds a lock. */
  readonly folder: string
  readonly clock: Clock
  readonly random: Random
}

/** What the faucet is asked for. */
export interface FaucetGift {
  /** As somebody wrote it. */
  readonly to: string
  /** Not 0, at most {@link FAUCET_AMOUNT_MAX}. */
  readonly amount: Amount
  readonly memo?: Uint8Array | undefined
}

/**
 * A simulated chain that runs by itself and is kept in a folder: play money for a server that people try. It has two endpoints, and a faucet that makes money from
 * nothing.
 */
export class PlayNetwork {
  /** Which chain this is: another folder holds another one. 32 hex digits. */
  readonly identity: string
  readonly #storage: FileStorage
  readonly #network: SimulatedNetwork
  readonly #gifts: TokenBuckets

  private constructor(parts: { readonly identity: string; readonly storage: FileStorage; readonly network: SimulatedNetwork; readonly clock: Clock }) {
    this.identity = parts.identity
    this.#storage = parts.storage
    this.#network = parts.network
    this.#gifts = new TokenBuckets(parts.clock, { capacity: FAUCET_BURST, refillMs: FAUCET_REFILL_MS, keysMax: 1 })
  }

  /** The chain in the folder, or a new one. No block is made yet. Rejects `unavailable.store`. */
  static async open({ folder, clock, random }: PlayNetworkOptions): Promise<PlayNetwork> {
    const storage = await FileStorage.open(folder)
    try {
      const kept = new Map(await storage.entries()).get(IDENTITY_KEY)
      const identity = kept ?? random.bytes(IDENTITY_BYTES)
      if (kept === undefined) await storage.put(IDENTITY_KEY, identity)
      const rules = { ...simulatedRules('solana'), ...PLAY_RULES }
      return new PlayNetwork({ identity: hexOf(identity), storage, network: await openSimulatedNetwork({ rules, clock, random, storage }), clock })
    } catch (failure) {
      await storage.close()
      throw failure
    }
  }

  /** How the chain behaves. */
  get rules(): SimulatedRules {
    return this.#network.chain.rules
  }

  /** Two sources, as a chain that money moves on should have. */
  get sources(): readonly NamedSource[] {
    return this.#network.endpoints
  }

  /** How far it is. */
  get head(): SimulatedChain['head'] {
    return this.#network.chain.head
  }

  /** Makes blocks from now on; `failed` hears why one could not be made. */
  start(failed: (error: unknown) => void): void {
    this.#network.chain.start(failed)
  }

  /** Resolved = no block is being made, and none is until the next start. */
  async stop(): Promise<void> {
    await this.#network.chain.stop()
  }

  /** Stops and closes its file. */
  async close(): Promise<void> {
    await this.stop()
    await this.#storage.close()
  }

  /**
   * Gives play money; it is in the next block. Throws `invalid.address`, `invalid.argument` for an amount or memo that is none, `limited.rate` and `limited.queue`
   * when too many ask.
   */
  give({ to, amount, memo }: FaucetGift): ChainTxid {
    const address = parseSimulatedAddress(to)
    if (amount === 0n || amount > FAUCET_AMOUNT_MAX || (memo?.length ?? 0) > PAYMENT_MEMO_BYTES_MAX) {
      throw new EvegramError('invalid.argument', { operation: 'give play money' })
    }
    const taken = this.#gifts.take('faucet')
    if (taken.status === 'limited') throw new EvegramError('limited.rate', { operation: 'give play money', retryAfterMs: taken.retryAfterMs })
    const asset = this.rules.nativeAsset
    return this.#network.chain.script({ claims: [{ to: address, asset, amount }], changes: [{ address, asset, delta: amount }], memo })
  }

  /** What an address holds, at the newest final block. Throws `invalid.address`. */
  balance(text: string): { readonly address: ChainAddress; readonly amount: bigint; readonly height: number } {
    const [address, { chain }] = [parseSimulatedAddress(text), this.#network]
    const height = chain.head.final
    // The newest final block is always known.
    return { address, amount: chain.balanceAt(address, this.rules.nativeAsset, height) ?? 0n, height }
  }
}
