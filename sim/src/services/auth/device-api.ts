import { EvegramError, isEvegramError, sessionRequestBytes, type AccountId, type DeviceId, type ErrorCode, type WalletId } from '@evegram/protocol'
import type { Purpose } from '@evegram/protocol/proof'
import type {
  AuthApi, ClaimedHead, DeviceSigner, FetchedBundle, LogPage, PreKeyStatus, PreKeyUpload, ProofChallenge, SessionTokens, TokenSource,
} from '@evegram/sdk/parts'
import type { SimProcess } from '../../kernel/process.js'
import type { Exchange } from './exchange.js'
import type { AuthInstance, KeyShown } from './instance.js'
import type { AuthMeddler, HonestAuth } from './meddler.js'

/** Refusals after which another token may do, as the HTTP client has them. */
const TOKEN_CODES: ReadonlySet<ErrorCode> = new Set(['auth.token_expired', 'auth.token_invalid', 'auth.token_revoked'])

/** What {@link DeviceAuthApi} needs. */
export interface DeviceAuthApiOptions {
  readonly process: SimProcess
  readonly exchange: Exchange
  /** Signed for by devices that open a session. */
  readonly domain: string
  readonly meddler: AuthMeddler | undefined
}

/** The auth API as the HTTP client of the SDK gives it, over the simulated network. */
export class DeviceAuthApi implements AuthApi {
  readonly #options: DeviceAuthApiOptions
  readonly #honest: HonestAuth = {
    logPage: (account, after) => this.#ask('fetch account log', (instance) => instance.logPage(account, after)),
    accountOfWallet: async (wallet) => {
      try {
        return await this.#ask('look up address', (instance) => instance.accountOfWallet(wallet))
      } catch (error) {
        if (isEvegramError(error, 'account.not_found')) return undefined
        throw error
      }
    },
  }

  constructor(options: DeviceAuthApiOptions) {
    this.#options = options
  }

  challenge(purpose: Purpose | 'session', device: DeviceId): Promise<ProofChallenge> {
    return this.#ask('ask for challenge', (instance) => instance.challenge(purpose, device))
  }

  accountOfWallet(wallet: WalletId): Promise<ClaimedHead | undefined> {
    const { meddler, process } = this.#options
    return meddler === undefined ? this.#honest.accountOfWallet(wallet) : meddler.accountOfWallet(process.machine, wallet, this.#honest)
  }

  async logPage(account: AccountId, after: number): Promise<LogPage> {
    const { meddler, process } = this.#options
    const page = await (
      meddler === undefined ? this.#honest.logPage(account, after) : meddler.logPage(process.machine, account, after, this.#honest)
    )
    if (page.account !== account) throw new EvegramError('account.mismatch', { operation: 'fetch account log' })
    return page
  }

  appendEntry(account: AccountId, entry: Uint8Array): Promise<{ readonly seq: number; readonly head: Uint8Array }> {
    return this.#ask('append account log', (instance) => instance.appendEntry(account, entry))
  }

  async openSession(signer: DeviceSigner): Promise<SessionTokens> {
    const { nonce } = await this.challenge('session', signer.device)
    const { account, device, publicKey } = signer
    const signature = signer.sign(sessionRequestBytes({ domain: this.#options.domain, nonce, account, device }))
    return this.#ask('open session', (instance) => instance.openSession({ account, device, nonce, signature }, { publicKey }))
  }

  refreshSession(signer: DeviceSigner, refreshToken: string): Promise<SessionTokens> {
    return this.#ask('refresh session', (instance) => instance.refreshSession(refreshToken, { publicKey: signer.publicKey }))
  }

  closeSession(source: TokenSource): Promise<void> {
    return this.#authenticated('close session', source, (instance, shown) => instance.closeSession(shown))
  }

  uploadPreKeys(source: TokenSource, upload: PreKeyUpload): Promise<{ readonly oneTimeRemaining: number }> {
    return this.#authenticated('upload prekeys', source, (instance, shown) => instance.uploadPreKeys(shown, upload))
  }

  preKeyStatus(source: TokenSource): Promise<PreKeyStatus> {
    return this.#authenticated('ask for prekeys', source, (instance, shown) => instance.preKeyStatus(shown))
  }

  async fetchBundle(source: TokenSource, account: AccountId, device: DeviceId): Promise<FetchedBundle> {
    const operation = 'fetch prekeys'
    const honest = (): Promise<FetchedBundle> => (
      this.#authenticated(operation, source, (instance, shown) => instance.fetchBundle(shown, account, device))
    )
    const { meddler, process } = this.#options
    const bundle = await (meddler === undefined ? honest() : meddler.fetchBundle(process.machine, account, device, honest))
    if (bundle.account !== account || bundle.device !== device) {
      throw new EvegramError('invalid.response', { operation, details: { expected: 'account and device asked for' } })
    }
    return bundle
  }

  async #ask<Answer>(operation: string, handle: (instance: AuthInstance) => Promise<Answer>): Promise<Answer> {
    return (await this.#options.exchange.call(this.#options.process, operation, handle)).value
  }

  /** A token that the server refuses is replaced and the request made once more. */
  async #authenticated<Answer>(
    operation: string, source: TokenSource, handle: (instance: AuthInstance, shown: KeyShown) => Promise<Answer>,
  ): Promise<Answer> {
    const attempt = async (): Promise<Answer> => {
      const accessToken = await source.accessToken()
      const { publicKey } = source.signer
      return this.#ask(operation, (instance) => handle(instance, { publicKey, accessToken }))
    }
    try {
      return await attempt()
    } catch (error) {
      if (!isEvegramError(error) || !TOKEN_CODES.has(error.code)) throw error
      source.forgetAccessToken()
      return attempt()
    }
  }
}
