import type { Clock, Random } from '@evegram/protocol'
import { SimulatedChainAdapter } from './adapter.js'
import { SimulatedChain, type SimulatedChainOptions } from './chain.js'
import { SimulatedRpc } from './rpc.js'
import type { SimulatedRules } from './rules.js'
import { MemoryStorage, type SimulatedStorage } from './storage.js'

/** Options of {@link openSimulatedNetwork}. */
export interface SimulatedNetworkOptions {
  readonly rules: SimulatedRules
  readonly clock: Clock
  /** Draws the numbers that make payments different. */
  readonly random: Random
  /** Forgets everything at the end of the process when left out. */
  readonly storage?: SimulatedStorage | undefined
  /** Endpoints, 2 when left out: as many as must agree. */
  readonly endpoints?: number | undefined
  /** See {@link SimulatedChainOptions}. */
  readonly ed25519Verify?: SimulatedChainOptions['ed25519Verify']
}

/** One endpoint, with the adapter that asks it. */
export interface SimulatedEndpoint {
  readonly name: string
  readonly rpc: SimulatedRpc
  readonly adapter: SimulatedChainAdapter
}

/** A simulated chain with its endpoints. No block is made before `chain.start` or `chain.produceBlock`. */
export interface SimulatedNetwork {
  readonly chain: SimulatedChain
  readonly endpoints: readonly SimulatedEndpoint[]
}

/** Opens the chain in `storage` and gives it endpoints. Rejects what the storage rejects. */
export async function openSimulatedNetwork(options: SimulatedNetworkOptions): Promise<SimulatedNetwork> {
  const { rules, clock, random, storage = new MemoryStorage(), endpoints = 2, ed25519Verify } = options
  const chain = await SimulatedChain.open({ rules, clock, storage, ed25519Verify })
  const endpoint = (_: unknown, index: number): SimulatedEndpoint => {
    const rpc = new SimulatedRpc(chain)
    return { name: `endpoint-${String(index + 1)}`, rpc, adapter: new SimulatedChainAdapter({ rpc, rules, random }) }
  }
  return { chain, endpoints: Array.from({ length: endpoints }, endpoint) }
}
