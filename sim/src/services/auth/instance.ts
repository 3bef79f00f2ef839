import {
  Accounts, Challenges, nonceKey, PREKEY_RULES, Prekeys, Sessions, thumbprintOf,
  type AccountChange, type AuthConfig, type AuthStores, type ChallengePurpose, type DpopRequest, type PrekeyBundle, type SessionRequest,
} from '@evegram/auth/core'
import type { AccountSummary, TokenHolder } from '@evegram/engine'
import type { Logger } from '@evegram/platform'
import {
  activeDevices, concatBytes, decodeEntry, EvegramError, hexOf, type AccountId, type AccountState, type DeviceId, type WalletId,
} from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import type { ClaimedHead, FetchedBundle, LogPage, PreKeyStatus, PreKeyUpload, ProofChallenge, SessionTokens } from '@evegram/sdk/parts'
import type { Observer } from '../../audit/observer.js'
import type { SimProcess } from '../../kernel/process.js'
import type { ChangeFeed } from './feed.js'
import { SimTokens } from './tokens.js'

/** Keys that all instances share, over restarts; 32 bytes each. */
export interface AuthSecrets {
  readonly challengeKey: Uint8Array
  readonly refreshKey: Uint8Array
  readonly tokenKey: Uint8Array
}

/** What {@link AuthInstance} needs. */
export interface AuthInstanceOptions {
  readonly process: SimProcess
  readonly config: AuthConfig
  readonly stores: AuthStores
  readonly secrets: AuthSecrets
  /** Life of an access token. */
  readonly tokenLifeMs: number
  readonly primitives: ProofPrimitives
  readonly isContact: (owner: AccountId, other: AccountId) => boolean
  readonly feed: ChangeFeed
  readonly observer: Pick<Observer, 'nonceAccepted' | 'seenByAuth'>
  readonly log: Logger
}

/** What a device shows with a request in the place of a DPoP proof: the key that would have signed it. */
export interface KeyShown {
  readonly publicKey: Uint8Array
  /** Absent where none is presented. */
  readonly accessToken?: string
}

/** One running instance of auth: the real core behind what its HTTP routes do, without HTTP, DPoP and the rates of addresses. */
export class AuthInstance {
  readonly process: SimProcess
  readonly #options: AuthInstanceOptions
  readonly #challenges: Challenges
  readonly #accounts: Accounts
  readonly #sessions: Sessions
  readonly #prekeys: Prekeys

  constructor(options: AuthInstanceOptions) {
    const { process, config, stores, secrets, primitives, feed, isContact, log } = options
    const { clock, random } = process
    this.process = process
    this.#options = options
    const challenges = new Challenges({ secret: secrets.challengeKey, clock, random })
    const accounts = new Accounts({ config, store: stores.accounts, nonces: stores.nonces, challenges, clock, primitives })
    this.#challenges = challenges
    this.#accounts = accounts
    this.#sessions = new Sessions({
      config, store: stores.sessions, nonces: stores.nonces, accounts, challenges, clock, random, primitives, refreshSecret: secrets.refreshKey,
      tokens: new SimTokens(secrets.tokenKey, clock, options.tokenLifeMs),
      dpop: { accept: (proof, { publicKey }) => acceptKey(proof, publicKey) },
      onRevoked: ({ account, device }) => { feed.emit({ kind: 'session_revoked', account, device }) },
    })
    this.#prekeys = new Prekeys({
      store: stores.prekeys, accounts, clock, log, primitives, rateFactor: config.rateFactor ?? 1,
      contacts: () => ({ accepted: (owner, other) => Promise.resolve(isContact(owner, other)) }),
    })
  }

  /** `POST /v1/auth/challenge`. */
  async challenge(purpose: ChallengePurpose, device: DeviceId): Promise<ProofChallenge> {
    return this.#challenges.issue(purpose, device)
  }

  /** `GET /v1/accounts/by-wallet`. */
  async accountOfWallet(wallet: WalletId): Promise<ClaimedHead> {
    return headOf(await this.#accounts.ofWallet(wallet))
  }

  /** `GET /v1/accounts/:account/log`. */
  async logPage(account: AccountId, after: number): Promise<LogPage> {
    const { state, entries, more } = await this.#accounts.log(account, after)
    return { ...headOf(state), entries, more }
  }

  /** `POST /v1/accounts/:account/log`. Answered once every node knows, or none can rely on older knowledge any more. */
  async appendEntry(account: AccountId, entry: Uint8Array): Promise<{ readonly seq: number; readonly head: Uint8Array }> {
    this.#options.observer.seenByAuth(entry)
    const { head, change } = await this.#accounts.append(account, entry)
    for (const key of noncesOf(entry)) this.#options.observer.nonceAccepted(key, 'append entry')
    const told = this.#options.feed.whenTold(this.process, account, change.seq)
    await this.#onAppended(change)
    await told
    return head
  }

  /** `POST /v1/auth/session`. */
  async openSession(request: SessionRequest, shown: KeyShown): Promise<SessionTokens> {
    this.#options.observer.seenByAuth(request.signature)
    const tokens = await this.#sessions.open(request, dpopOf(shown))
    this.#options.observer.nonceAccepted(hexOf(nonceKey(request.nonce)), 'open session')
    return tokens
  }

  /** `POST /v1/auth/refresh`. */
  async refreshSession(refreshToken: string, shown: KeyShown): Promise<SessionTokens> {
    return this.#sessions.refresh(refreshToken, dpopOf(shown))
  }

  /** `POST /v1/auth/logout`. */
  async closeSession(shown: KeyShown): Promise<void> {
    await this.#sessions.logout(await this.#authenticate(shown))
  }

  /** `PUT /v1/prekeys`. */
  async uploadPreKeys(shown: KeyShown, upload: PreKeyUpload): Promise<{ readonly oneTimeRemaining: number }> {
    const { registrationId, signedPreKey, oneTimePreKeys } = upload
    const { publicKey, signature, deviceSignature } = signedPreKey
    this.#options.observer.seenByAuth(concatBytes(publicKey, signature, deviceSignature, ...oneTimePreKeys.map((key) => key.publicKey)))
    const { account, device } = await this.#authenticate(shown)
    return this.#prekeys.publish(account, device, { registrationId, signedPrekey: signedPreKey, oneTimePrekeys: oneTimePreKeys })
  }

  /** `GET /v1/prekeys`. */
  async preKeyStatus(shown: KeyShown): Promise<PreKeyStatus> {
    const { account, device } = await this.#authenticate(shown)
    const status = await this.#prekeys.status(account, device)
    return {
      oneTimeRemaining: status?.oneTimeRemaining ?? 0, signedPreKeyId: status?.signedPrekey.id ?? 0,
      signedPreKeyCreatedAtMs: status?.signedPrekey.createdAtMs ?? 0,
    }
  }

  /** `POST /v1/prekeys/:account/:device`. */
  async fetchBundle(shown: KeyShown, account: AccountId, device: DeviceId): Promise<FetchedBundle> {
    const caller = await this.#authenticate(shown)
    const bundle = await this.#prekeys.take(caller.account, account, device)
    if (bundle.oneTimeRemaining <= PREKEY_RULES.keptForContacts) {
      this.#options.feed.emit({ kind: 'prekeys_low', account, device, remaining: bundle.oneTimeRemaining })
    }
    return fetchedOf(bundle)
  }

  /** What a node asks of an account. */
  async summary(account: AccountId): Promise<AccountSummary | undefined> {
    const state = await this.#accounts.state(account)
    if (state === undefined) return undefined
    const devices = activeDevices(state).flatMap((device) => {
      const known = state.devices.get(device)
      return known === undefined ? [] : [{ device, signingKey: known.signingKey }]
    })
    return { account, seq: state.seq, head: state.head, devices, closed: state.closed }
  }

  /** What a node asks about a token. */
  async verifyToken(token: string): Promise<TokenHolder> {
    const { account, device, expiresAtMs } = await this.#sessions.verify(token, 'engine')
    return { account, device, expiresAtMs }
  }

  async #authenticate(shown: KeyShown): Promise<{ readonly account: AccountId; readonly device: DeviceId; readonly family: string }> {
    if (shown.accessToken === undefined) throw new EvegramError('auth.token_missing', { operation: 'authenticate' })
    const { account, device, family, keyThumbprint, signingKey } = await this.#sessions.verify(shown.accessToken, 'auth')
    if (keyThumbprint !== thumbprintOf(signingKey)) throw new EvegramError('auth.token_invalid', { operation: 'authenticate' })
    await acceptKey(proofOf(shown.publicKey), signingKey)
    return { account, device, family }
  }

  /** The nodes hear of the change from the store itself: see `SimAuth`. */
  async #onAppended(change: AccountChange): Promise<void> {
    if (change.revokedDevices.length === 0) return
    try {
      await this.#sessions.endDevices(change.account, change.revokedDevices, change.closed)
      await this.#prekeys.removeDevices(change.account, change.revokedDevices)
    } catch (failure) {
      this.#options.log.error({ err: failure }, 'sessions of revoked devices could not be ended')
    }
  }
}

function proofOf(publicKey: Uint8Array): string {
  return hexOf(publicKey)
}

function dpopOf(shown: KeyShown): DpopRequest {
  return { proof: proofOf(shown.publicKey), method: 'POST', url: '' }
}

async function acceptKey(proof: string | undefined, publicKey: Uint8Array): Promise<void> {
  if (proof !== proofOf(publicKey)) throw new EvegramError('auth.dpop', { operation: 'check DPoP', details: { check: 'key' } })
}

/** Keys of the nonces of an entry, each once: two proofs may share one. */
function noncesOf(entry: Uint8Array): Set<string> {
  return new Set(decodeEntry(entry).proofs.flatMap((proof) => (proof.type === 'wallet' ? [hexOf(nonceKey(proof.proof.nonce))] : [])))
}

function headOf({ account, seq, head }: AccountState): ClaimedHead {
  return { account, seq, head }
}

function fetchedOf({ oneTimePrekey, oneTimeRemaining: _, signedPrekey, ...bundle }: PrekeyBundle): FetchedBundle {
  return { ...bundle, signedPreKey: signedPrekey, ...(oneTimePrekey === undefined ? {} : { oneTimePreKey: oneTimePrekey }) }
}
