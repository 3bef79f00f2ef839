import type { ChainName } from './chain/chain-adapter.js'
import type { ChainLease, ChainLeases } from './ports/chain-leases.js'

/** Leases among the workers of one process, for stores that one process holds alone (PGlite, memory). */
export class LocalChainLeases implements ChainLeases {
  readonly #held = new Set<ChainName>()

  async acquire(chain: ChainName): Promise<ChainLease | undefined> {
    if (this.#held.has(chain)) return undefined
    this.#held.add(chain)
    let isHeld = true
    return {
      isHeld: async () => isHeld,
      release: async () => {
        if (isHeld) this.#held.delete(chain)
        isHeld = false
      },
    }
  }
}
