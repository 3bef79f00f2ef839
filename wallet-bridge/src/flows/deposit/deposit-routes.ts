import type { AccountId } from '@evegram/protocol'
import type { ChainAddress, ChainName } from '../../chain/chain-adapter.js'
import type { DepositCode } from './deposit-code.js'

/** Whose money arrives at an address of ours: of one account; of whom the memo names; of nobody (a hot or cold wallet). */
export type AddressRoute = { readonly to: 'account'; readonly account: AccountId } | { readonly to: 'memo' } | { readonly to: 'nobody' }

/** What became of giving something out. `taken`: it leads elsewhere already, and goes on to. */
export type GiveResult = 'given' | 'exists' | 'taken'

/**
 * Which address and which code leads to which account.
 *
 * - Resolved = durable. Nobody is told an address or a code before it was given, so no deposit can come before its route.
 * - A route is for ever: an address or code never leads elsewhere, and is never forgotten. Money may come years later.
 * - Who reads after something was given finds it.
 */
export interface DepositRoutes {
  /** Makes `address` one of ours. Rejects `unavailable.store`. */
  giveAddress(chain: ChainName, address: ChainAddress, route: AddressRoute): Promise<GiveResult>
  /** Makes `code` lead to `account`, on every chain. Rejects `unavailable.store`. */
  giveCode(code: DepositCode, account: AccountId): Promise<GiveResult>
  /** All addresses of ours on a chain. Rejects `unavailable.store`. */
  addresses(chain: ChainName): Promise<ReadonlySet<ChainAddress>>
  /** The routes of `addresses`, in their order. Rejects `unavailable.store`. */
  routesOf(chain: ChainName, addresses: readonly ChainAddress[]): Promise<readonly (AddressRoute | undefined)[]>
  /** The accounts of `codes`, in their order. Rejects `unavailable.store`. */
  accountsOf(codes: readonly DepositCode[]): Promise<readonly (AccountId | undefined)[]>
}

/** Whether two routes are the same. */
export function isSameRoute(left: AddressRoute, right: AddressRoute): boolean {
  return left.to === right.to && (left.to !== 'account' || (right.to === 'account' && left.account === right.account))
}
