/** The three chains whose wallets sign in. */
export type Chain = 'solana' | 'ton' | 'terra'
/** Which set of networks a server lives on; one server has one. */
export type Network = 'mainnet' | 'testnet'

/** Facts of one chain on one network. */
export interface ChainFacts {
  readonly chain: Chain
  readonly network: Network
  /** CAIP-2 namespace. */
  readonly namespace: string
  /** CAIP-2 reference, the `Chain ID` line of a proof text. */
  readonly reference: string
  /** What the first line of a proof text calls the account. */
  readonly title: string
}

const fact = (chain: Chain, network: Network, namespace: string, reference: string, title: string): ChainFacts => ({
  chain, network, namespace, reference, title,
})

/** Every chain and network that a wallet id may name. */
export const CHAINS: readonly ChainFacts[] = [
  fact('solana', 'mainnet', 'solana', '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp', 'Solana'),
  fact('ton', 'mainnet', 'ton', '-239', 'TON'),
  fact('terra', 'mainnet', 'cosmos', 'columbus-5', 'Terra Classic'),
  fact('solana', 'testnet', 'solana', 'EtWTRABZaYq6iMfeYKouRu166VU2xqa1', 'Solana'),
  fact('ton', 'testnet', 'ton', '-3', 'TON'),
  fact('terra', 'testnet', 'cosmos', 'rebel-2', 'Terra Classic'),
]

/** The facts of `chain` on `network`. */
export function chainFactsOf(chain: Chain, network: Network): ChainFacts {
  const facts = CHAINS.find((entry) => entry.chain === chain && entry.network === network)
  // The table above holds all six pairs of the two closed unions.
  if (facts === undefined) throw new RangeError('chain table is incomplete')
  return facts
}
