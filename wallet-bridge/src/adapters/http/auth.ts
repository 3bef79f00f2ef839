import { AUTH_INTERNAL_API, type InternalClient } from '@evegram/platform'
import { hexOf, type AccountId, type ErrorCode } from '@evegram/protocol'
import type { AccountOwner, Caller, SignedRequest, WallyAuth, WithdrawalQuestion } from '../../ports/auth.js'

/** Whether a code is auth's verdict about a request rather than a failure to give one: what the client of auth's listeners passes through. */
export function isRequestVerdict(code: ErrorCode): boolean {
  return code.startsWith('auth.token_') || code.startsWith('auth.dpop') || code === 'limited.rate'
}

/** {@link WallyAuth} over the internal listeners of auth. The client passes {@link isRequestVerdict}. */
export class HttpAuth implements WallyAuth {
  readonly #client: Pick<InternalClient, 'ask'>

  constructor(client: Pick<InternalClient, 'ask'>) {
    this.#client = client
  }

  /** When one instance of auth did not answer in time the next may call the proof used: the sender makes another. */
  async callerOf({ token, proof = '', method, url }: SignedRequest): Promise<Caller> {
    const { path, answer } = AUTH_INTERNAL_API.verifyRequest
    return this.#client.ask({ method: 'POST', path, body: { token, dpop: proof, method, url }, answer })
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
