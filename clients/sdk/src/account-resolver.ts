import { activeWallets, isEvegramError, parseAccountId, type AccountId } from '@evegram/protocol'
import { parseAddress } from '@evegram/protocol/proof'
import type { VerifiedAccount } from './account/account-verifier.js'
import type { DiscoveredServer } from './api/discovered-server.js'
import type { ClientCore } from './core/client-core.js'
import { isGroup } from './core/conversation-row.js'
import { allConversations } from './core/devices.js'

/** A verified account, and the address that it was found by. */
export interface ResolvedAccount {
  readonly verified: VerifiedAccount
  readonly address: string
}

/** Finds the verified accounts behind what people write: addresses of wallets, and account ids. */
export class AccountResolver {
  readonly #client: ClientCore
  readonly #server: DiscoveredServer

  constructor(client: ClientCore, server: DiscoveredServer) {
    this.#client = client
    this.#server = server
  }

  /** As {@link AccountResolver.resolve}, the account alone. Throws when this device may not act any more. */
  async account(addressOrAccount: string): Promise<AccountId> {
    this.#client.check()
    return (await this.resolve(addressOrAccount)).verified.account
  }

  /** The accounts behind several. */
  async accounts(addressesOrAccounts: readonly string[]): Promise<readonly AccountId[]> {
    const found: AccountId[] = []
    for (const addressOrAccount of addressesOrAccounts) found.push(await this.account(addressOrAccount))
    return found
  }

  /**
   * The verified account behind an address or id. Offline it is the one known from before, where the address names its founder. Rejects as
   * `Client.conversation` does.
   */
  async resolve(addressOrAccount: string): Promise<ResolvedAccount> {
    const { roster, accounts, events } = this.#client.core
    if (/^[0-9a-f]{32}$/.test(addressOrAccount)) {
      const verified = await roster.loadAccount(parseAccountId(addressOrAccount))
      return { verified, address: roster.addressOf(verified.account) }
    }
    try {
      const resolved = await accounts.resolveAddress(addressOrAccount)
      if (resolved.changedFrom !== undefined) {
        events.emit('identity-changed', { account: resolved.verified.account, address: resolved.address, wasVerified: false })
      }
      return { verified: await roster.take(resolved.verified), address: resolved.address }
    } catch (error) {
      if (!isEvegramError(error, 'unavailable.server') && !isEvegramError(error, 'timeout')) throw error
      const offline = await this.#knownPeer(addressOrAccount)
      if (offline === undefined) throw error
      return offline
    }
  }

  /** A conversation partner that this profile verified before, by one of its active wallets. */
  async #knownPeer(address: string): Promise<ResolvedAccount | undefined> {
    const { core } = this.#client
    const { walletId, address: printed } = parseAddress(address, { network: this.#server.network })
    for (const row of await allConversations(core)) {
      if (isGroup(row)) continue
      const { peer } = row
      const known = await core.accounts.known(peer)
      if (known !== undefined && activeWallets(known.state).includes(walletId)) return { verified: await core.roster.take(known), address: printed }
    }
    return undefined
  }
}
