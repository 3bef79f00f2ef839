import { activeWallets, type DeviceId } from '@evegram/protocol'
import type { VerifiedAccount } from './account/account-verifier.js'
import type { AccountResolver } from './account-resolver.js'
import type { Client } from './client.js'
import type { Core } from './core/context.js'
import { readVerified, verifiedChange, verifiedSetOf } from './core/verified.js'
import { safetyNumber } from './crypto/safety-number.js'
import type { Verification } from './own-account.js'

/** The part of a {@link Client} by which two people compare whom they talk to. */
export class Verifications implements Pick<Client, 'verify' | 'markVerified'> {
  readonly #core: Pick<Core, 'account' | 'roster' | 'store' | 'local'>
  readonly #resolver: AccountResolver

  constructor(core: Pick<Core, 'account' | 'roster' | 'store' | 'local'>, resolver: AccountResolver) {
    this.#core = core
    this.#resolver = resolver
  }

  async verify(addressOrAccount: string): Promise<Verification> {
    const { verified: peer } = await this.#resolver.resolve(addressOrAccount)
    const own = await this.#core.roster.refresh(this.#core.account)
    const set = verifiedSetOf(peer.state)
    const marked = await readVerified(this.#core.store, peer.account)
    const isSame = marked !== undefined && sameMembers(marked.devices, set.devices) && sameMembers(marked.wallets, set.wallets)
    return { safetyNumber: safetyNumber(partyOf(own), partyOf(peer)), devices: set.devices, verified: isSame }
  }

  async markVerified(addressOrAccount: string): Promise<void> {
    const { verified } = await this.#resolver.resolve(addressOrAccount)
    await this.#core.local.store.commit([verifiedChange(verified.account, verifiedSetOf(verified.state))])
  }
}

function partyOf({ account, state }: VerifiedAccount): Parameters<typeof safetyNumber>[0] {
  return { account, ...verifiedPartyOf(state) }
}

function verifiedPartyOf(state: VerifiedAccount['state']): { wallets: ReturnType<typeof activeWallets>; devices: readonly DeviceId[] } {
  return { wallets: activeWallets(state), devices: verifiedSetOf(state).devices }
}

function sameMembers(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((member) => right.includes(member))
}
