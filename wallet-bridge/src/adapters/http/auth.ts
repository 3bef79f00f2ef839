import { AUTH_INTERNAL_API, HttpRequestAuth, type InternalClient } from '@evegram/platform'
import { hexOf, type AccountId } from '@evegram/protocol'
import type { AccountOwner, WallyAuth, WithdrawalQuestion } from '../../ports/auth.js'

/** {@link WallyAuth} over the internal listeners of auth. The client passes `isRequestVerdict`. */
export class HttpAuth extends HttpRequestAuth implements WallyAuth {
  readonly #client: Pick<InternalClient, 'ask'>

  constructor(client: Pick<InternalClient, 'ask'>) {
    super(client)
    this.#client = client
  }

  async owner(account: AccountId): Promise<AccountOwner | undefined> {
    const { path, answer } = AUTH_INTERNAL_API.owner
    const found = await this.#client.ask({ method: 'POST', path, body: { account }, answer })
    if (found.status === 'unknown') return undefined
    return { foundingWallet: found.foundingWallet, lastAddedMs: found.lastAddedMs ?? undefined, closed: found.closed }
  }

  async verifyWithdrawal({ account, bodyHash, proof }: WithdrawalQuestion): ReturnType<WallyAuth['verifyWithdrawal']> {
    const { path, answer } = AUTH_INTERNAL_API.verifyWithdrawal
    const body = { account, bodyHash: hexOf(bodyHash), proof: Buffer.from(proof).toString('base64url') }
    return this.#client.ask({ method: 'POST', path, body, answer })
  }
}
