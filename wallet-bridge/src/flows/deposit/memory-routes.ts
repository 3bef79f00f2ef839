import type { AccountId } from '@evegram/protocol'
import type { ChainAddress, ChainName } from '../../chain/chain-adapter.js'
import type { DepositCode } from './deposit-code.js'
import { isSameRoute, type AddressRoute, type DepositRoutes, type GiveResult } from './deposit-routes.js'

/** Routes of one process, for the simulator and for measuring: they end with it. Grows with what is given out. */
export class MemoryRoutes implements DepositRoutes {
  readonly #addresses = new Map<ChainName, Map<ChainAddress, AddressRoute>>()
  readonly #codes = new Map<DepositCode, AccountId>()

  async giveAddress(chain: ChainName, address: ChainAddress, route: AddressRoute): Promise<GiveResult> {
    const ofChain = this.#addresses.get(chain) ?? new Map<ChainAddress, AddressRoute>()
    this.#addresses.set(chain, ofChain)
    const before = ofChain.get(address)
    if (before !== undefined) return isSameRoute(before, route) ? 'exists' : 'taken'
    ofChain.set(address, route)
    return 'given'
  }

  async giveCode(code: DepositCode, account: AccountId): Promise<GiveResult> {
    const before = this.#codes.get(code)
    if (before !== undefined) return before === account ? 'exists' : 'taken'
    this.#codes.set(code, account)
    return 'given'
  }

  async addresses(chain: ChainName): Promise<ReadonlySet<ChainAddress>> {
    return new Set(this.#addresses.get(chain)?.keys())
  }

  async routesOf(chain: ChainName, addresses: readonly ChainAddress[]): Promise<readonly (AddressRoute | undefined)[]> {
    return addresses.map((address) => this.#addresses.get(chain)?.get(address))
  }

  async accountsOf(codes: readonly DepositCode[]): Promise<readonly (AccountId | undefined)[]> {
    return codes.map((code) => this.#codes.get(code))
  }
}
