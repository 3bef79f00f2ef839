import { ManualClock } from '@evegram/platform'
import { utf8, type Random } from '@evegram/protocol'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import type { ChainAdapter, ChainAddress, ChainTxid, SignedPayment } from '../chain-adapter.js'
import { countingRandom } from '../counting-random.js'
import type { Signer } from '../signer.js'
import { simulatedAddressOf } from './address.js'
import type { SimulatedChain } from './chain.js'
import { openSimulatedNetwork, type SimulatedNetwork } from './network.js'
import { simulatedRules, type SimulatedProfile, type SimulatedRules } from './rules.js'
import { simulatedSigner } from './signer.js'
import { MemoryStorage, type SimulatedStorage } from './storage.js'

export { countingRandom }

/** The address of somebody that no test has the key of. */
export function somebody(name: string): ChainAddress {
  return simulatedAddressOf(utf8(name))
}

/** A simulated network for tests, with two endpoints. */
export class SimulatedWorld {
  readonly clock: ManualClock
  readonly rules: SimulatedRules
  readonly network: SimulatedNetwork
  readonly storage: SimulatedStorage
  readonly random: Random

  private constructor(world: { readonly clock: ManualClock; readonly rules: SimulatedRules; readonly network: SimulatedNetwork; readonly storage: SimulatedStorage; readonly random: Random }) {
    this.clock = world.clock
    this.rules = world.rules
    this.network = world.network
    this.storage = world.storage
    this.random = world.random
  }

  static async open(profile: SimulatedProfile, storage: SimulatedStorage = new MemoryStorage(), changes: Partial<SimulatedRules> = {}): Promise<SimulatedWorld> {
    const [clock, rules, random] = [new ManualClock(), { ...simulatedRules(profile), ...changes }, countingRandom(profile)]
    return new SimulatedWorld({ clock, rules, storage, random, network: await openSimulatedNetwork({ rules, clock, random, storage }) })
  }

  get chain(): SimulatedChain {
    return this.network.chain
  }

  /** The adapter of one endpoint, counted from 0. */
  adapter(index = 0): ChainAdapter {
    return this.network.endpoints[index]!.adapter
  }

  async blocks(count = 1): Promise<void> {
    for (let block = 0; block < count; block++) {
      this.clock.advance(this.rules.blockMs)
      await this.chain.produceBlock()
    }
  }

  /** All that is in a block becomes final. */
  makeFinal(): Promise<void> {
    return this.blocks(this.rules.finalityBlocks + 2)
  }

  /** Passes the end of every payment signed before. */
  passExpiry(): Promise<void> {
    const blocks = this.rules.validity === 'second' ? this.rules.validFor * 1_000 / this.rules.blockMs : this.rules.validFor
    return this.blocks(Math.ceil(blocks) + this.rules.finalityBlocks + 2)
  }

  /** A stranger sends; in the next block. */
  fund(to: ChainAddress, amount: bigint, asset: AssetId = this.rules.nativeAsset, memo?: Uint8Array): ChainTxid {
    return this.chain.script({ from: somebody('stranger'), claims: [{ to, asset, amount }], changes: [{ address: to, asset, delta: amount }], memo })
  }

  /** A wallet that holds `amount`, final. */
  async wallet(amount: bigint): Promise<{ readonly signer: Signer; readonly address: ChainAddress }> {
    const signer = simulatedSigner(this.random.bytes(32))
    const address = simulatedAddressOf(signer.publicKey)
    if (amount > 0n) this.fund(address, amount)
    await this.makeFinal()
    return { signer, address }
  }

  /** Signs a payment of the native asset. */
  async sign(signer: Signer, outputs: readonly (readonly [ChainAddress, bigint])[], inFlight: readonly SignedPayment[] = []): Promise<SignedPayment> {
    const asset = this.rules.nativeAsset
    const answer = await this.adapter().sign(
      { outputs: outputs.map(([to, amount]) => ({ to, asset, amount: amountOf(amount) })), feeMax: amountOf(10n ** 12n), inFlight }, signer,
    )
    if (answer.status !== 'signed') throw new Error(answer.status)
    return answer.payment
  }

  /** What an address holds in the newest block. */
  held(address: ChainAddress, asset: AssetId = this.rules.nativeAsset): bigint {
    return this.chain.balanceAt(address, asset, this.chain.head.latest)!
  }
}
