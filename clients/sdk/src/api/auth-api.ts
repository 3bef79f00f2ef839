import type { AccountId, DeviceId, WalletId } from '@evegram/protocol'
import type { Purpose } from '@evegram/protocol/proof'
import type { DeviceSigner } from './device-signer.js'

/** A nonce of the server, good once, for one purpose and device, until it expires. Times in ms since 1970, server clock. */
export interface ProofChallenge {
  readonly nonce: string
  readonly issuedAtMs: number
  readonly expirationTimeMs: number
}

/** What the server says about the state of an account log. Untrusted until the account verifier checked it. */
export interface ClaimedHead {
  readonly account: AccountId
  readonly seq: number
  /** 32 bytes. */
  readonly head: Uint8Array
}

/** Some consecutive entries of an account log, encoded, with the claimed head of the whole log. */
export interface LogPage extends ClaimedHead {
  readonly entries: readonly Uint8Array[]
  readonly more: boolean
}

/** Tokens of a session. Times in ms since 1970, server clock. */
export interface SessionTokens {
  readonly accessToken: string
  readonly accessTokenExpiresAtMs: number
  readonly refreshToken: string
  readonly refreshTokenExpiresAtMs: number
}

/** Public half of a one-time prekey: id from 1, 33 bytes. */
export interface UploadedPreKey {
  readonly id: number
  readonly publicKey: Uint8Array
}

/** A signed prekey: 33-byte key, XEdDSA signature (64) by the identity key, Ed25519 signature (64) by the signing key. */
export interface UploadedSignedPreKey extends UploadedPreKey {
  readonly signature: Uint8Array
  readonly createdAtMs: number
  readonly deviceSignature: Uint8Array
}

/** What a device uploads. */
export interface PreKeyUpload {
  readonly registrationId: number
  readonly signedPreKey: UploadedSignedPreKey
  readonly oneTimePreKeys: readonly UploadedPreKey[]
}

/** What the server holds of the own device. */
export interface PreKeyStatus {
  readonly oneTimeRemaining: number
  /** 0 when there is none. */
  readonly signedPreKeyId: number
  readonly signedPreKeyCreatedAtMs: number
}

/** A prekey bundle as handed out. Untrusted until `verifyBundle` accepted it against the attested keys. */
export interface FetchedBundle {
  readonly account: AccountId
  readonly device: DeviceId
  readonly registrationId: number
  readonly identityKey: Uint8Array
  readonly signingKey: Uint8Array
  readonly signedPreKey: UploadedSignedPreKey
  readonly oneTimePreKey?: UploadedPreKey
}

/** Gives the access token for the next request, refreshed when needed: see `DeviceSession`. */
export interface TokenSource {
  readonly signer: DeviceSigner
  accessToken(): Promise<string>
  /** The server refused the current one: the next `accessToken` gets another. */
  forgetAccessToken(): void
}

/**
 * The HTTP API of the auth service. All answers are parsed strictly and bounded. Rejects with the server's own code, `timeout`,
 * `unavailable.server` (no connection), or `invalid.response` (an answer that is not the protocol).
 */
export interface AuthApi {
  /** A nonce for a wallet proof or (`session`) for a device signature. */
  challenge(purpose: Purpose | 'session', device: DeviceId): Promise<ProofChallenge>
  /** Which account a wallet belongs to; undefined when nobody signed in with it. */
  accountOfWallet(wallet: WalletId): Promise<ClaimedHead | undefined>
  /** Entries behind number `after` (0: from the start). Rejects with `account.not_found`. */
  logPage(account: AccountId, after: number): Promise<LogPage>
  /** Appends an encoded entry. Rejects with `conflict.log_head` (details: `seq`) when the log moved on, or the reason of a refusal. */
  appendEntry(account: AccountId, entry: Uint8Array): Promise<{ readonly seq: number; readonly head: Uint8Array }>
  /** Opens a session by the key of a device: no wallet needed. */
  openSession(signer: DeviceSigner): Promise<SessionTokens>
  /** Exchanges a refresh token. Rejects with `auth.refresh_reused`, `auth.token_*`. */
  refreshSession(signer: DeviceSigner, refreshToken: string): Promise<SessionTokens>
  /** Ends the session of `source` on the server. */
  closeSession(source: TokenSource): Promise<void>
  /** Replaces the signed prekey and adds one-time prekeys. */
  uploadPreKeys(source: TokenSource, upload: PreKeyUpload): Promise<{ readonly oneTimeRemaining: number }>
  preKeyStatus(source: TokenSource): Promise<PreKeyStatus>
  /** Takes a bundle of a device. Rejects with `not_found.prekeys`, `limited.prekeys`. */
  fetchBundle(source: TokenSource, account: AccountId, device: DeviceId): Promise<FetchedBundle>
}
