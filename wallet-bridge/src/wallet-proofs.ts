import { withdrawalBodyHash, readWalletId } from '@evegram/protocol/proof'
import { EvegramError, type AccountId } from '@evegram/protocol'
import type { ChainAddress } from './chain/chain-adapter.js'
import type { AccountChanges, WithdrawalAnswer, WithdrawalClaim, WithdrawalProofs } from './flows/payout/withdrawal-proofs.js'
import type { Amount } from './ledger/amount.js'
import type { AssetId } from './ledger/ids.js'
import { clientIdOf } from './flows/payout/payout.js'
import type { WallyAuth } from './ports/auth.js'

/** Parts of {@link WalletProofs}. */
export interface WalletProofsParts {
  readonly auth: Pick<WallyAuth, 'owner' | 'verifyWithdrawal'>
  /** The address in the one form of the chain, or undefined where it is none of the chain. */
  readonly parseAddress: (text: string) => ChainAddress | undefined
  /** What one account may take out to its founding wallet within a day without signing: nothing where an asset is not named. */
  readonly foundingDayMax: ReadonlyMap<AssetId, Amount>
}

/** {@link WithdrawalProofs} and {@link AccountChanges} of the owners of accounts, for the payouts of one chain. */
export class WalletProofs implements WithdrawalProofs, AccountChanges {
  readonly #parts: WalletProofsParts

  constructor(parts: WalletProofsParts) {
    this.#parts = parts
  }

  async check(claim: WithdrawalClaim, proof: Uint8Array): Promise<WithdrawalAnswer> {
    if (proof.length === 0) return this.#toFoundingWallet(claim)
    const { id, account, chain, asset, amount, to, memo } = claim
    const bodyHash = withdrawalBodyHash({ id: clientIdOf(id), chain, asset, amount: String(amount), to, memo })
    const { status } = await this.#parts.auth.verifyWithdrawal({ account, bodyHash, proof })
    return status === 'valid' ? 'valid' : 'invalid'
  }

  async lastAddedMs(account: AccountId): Promise<number | undefined> {
    const owner = await this.#parts.auth.owner(account)
    // Whoever has money here signed in once: a store of auth that has forgotten it must not end a hold.
    if (owner === undefined) throw new EvegramError('unavailable.auth', { operation: 'read owner of account' })
    return owner.lastAddedMs
  }

  /** Whoever stole a device may send its owner's money home, a little a day, and nowhere else. */
  async #toFoundingWallet({ account, asset, to, memo }: WithdrawalClaim): Promise<WithdrawalAnswer> {
    const accountDayMax = this.#parts.foundingDayMax.get(asset)
    if (accountDayMax === undefined || memo !== undefined) return 'invalid'
    const owner = await this.#parts.auth.owner(account)
    if (owner === undefined || owner.closed) return 'invalid'
    return this.#parts.parseAddress(readWalletId(owner.foundingWallet).address) === to ? { status: 'within', accountDayMax } : 'invalid'
  }
}
