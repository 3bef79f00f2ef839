import {
  EvegramError, isEvegramError, LIMITS, parseAccountId, parseDeviceId, sessionRequestBytes, type AccountId, type Clock, type DeviceId,
  type Random, type WalletId,
} from '@evegram/protocol'
import type { Purpose } from '@evegram/protocol/proof'
import { base64urlnopad } from '@scure/base'
import type {
  AuthApi, ClaimedHead, FetchedBundle, LogPage, PreKeyStatus, PreKeyUpload, ProofChallenge, SessionTokens, TokenSource, UploadedPreKey,
  UploadedSignedPreKey,
} from './auth-api.js'
import type { DeviceSigner } from './device-signer.js'
import type { DiscoveredServer } from './discovered-server.js'
import { AuthenticatedHttp, type RequestExtra } from './authenticated-http.js'
import type { Fetch, HttpRequest } from './http-client.js'
import { JsonFields } from './json-fields.js'
import type { ServerClock } from './server-clock.js'

/** Entries of one page of a log. */
const PAGE_ENTRIES_MAX = 256
/** Bytes of a page: every entry at its largest, in base64url, and the JSON around it. */
const PAGE_BYTES_MAX = Math.ceil((PAGE_ENTRIES_MAX * LIMITS.logEntryBytesMax * 4) / 3) + 65_536
const TIME_MS_MAX = 2 ** 48
const TOKEN_CHARACTERS_MAX = 4_096
const NONCE_PATTERN = /^[0-9A-Za-z]{22,64}$/
/** libsignal key ids have 31 bits here. */
const PREKEY_ID_MAX = 0x7fff_ffff

/** What an {@link createAuthApi} needs. */
export interface AuthApiOptions {
  readonly server: DiscoveredServer
  readonly fetch: Fetch
  readonly clock: Clock
  readonly random: Random
  /** Dates DPoP proofs. */
  readonly serverClock: ServerClock
}

/** The auth API of a discovered server. It never retries by itself: no answer says nothing about whether the server acted. */
export function createAuthApi(options: AuthApiOptions): AuthApi {
  return new HttpAuthApi(options)
}

class HttpAuthApi implements AuthApi {
  readonly #server: DiscoveredServer
  readonly #http: AuthenticatedHttp

  constructor(options: AuthApiOptions) {
    this.#server = options.server
    this.#http = new AuthenticatedHttp(options.server.authUrl, options)
  }

  async challenge(purpose: Purpose | 'session', device: DeviceId): Promise<ProofChallenge> {
    const fields = await this.#exchange('POST', '/v1/auth/challenge', 'ask for challenge', { body: { purpose, device } })
    const nonce = fields.text('nonce', 64)
    if (!NONCE_PATTERN.test(nonce)) fields.fail('nonce')
    return { nonce, issuedAtMs: fields.uint('issuedAtMs', TIME_MS_MAX), expirationTimeMs: fields.uint('expirationTimeMs', TIME_MS_MAX) }
  }

  async accountOfWallet(wallet: WalletId): Promise<ClaimedHead | undefined> {
    try {
      const fields = await this.#exchange('GET', `/v1/accounts/by-wallet/${encodeURIComponent(wallet)}?absent=null`, 'look up address')
      return fields.value('account') === null ? undefined : readHead(fields)
    } catch (error) {
      // A server that does not know the question answers the status.
      if (isEvegramError(error, 'account.not_found')) return undefined
      throw error
    }
  }

  async logPage(account: AccountId, after: number): Promise<LogPage> {
    const path = `/v1/accounts/${account}/log?after=${String(after)}`
    const fields = await this.#exchange('GET', path, 'fetch account log', { responseBytesMax: PAGE_BYTES_MAX })
    const claimed = readHead(fields)
    if (claimed.account !== account) throw new EvegramError('account.mismatch', { operation: 'fetch account log' })
    const entries = fields.bytesList('entries', PAGE_ENTRIES_MAX, LIMITS.logEntryBytesMax)
    return { ...claimed, entries, more: fields.boolean('more', false) }
  }

  async appendEntry(account: AccountId, entry: Uint8Array): Promise<{ readonly seq: number; readonly head: Uint8Array }> {
    const body = { entry: base64urlnopad.encode(entry) }
    const fields = await this.#exchange('POST', `/v1/accounts/${account}/log`, 'append account log', { body })
    return { seq: fields.uint('seq', LIMITS.logEntriesMax), head: fields.bytes('head', 32) }
  }

  async openSession(signer: DeviceSigner): Promise<SessionTokens> {
    const { nonce } = await this.challenge('session', signer.device)
    const { account, device } = signer
    const signature = signer.sign(sessionRequestBytes({ domain: this.#server.domain, nonce, account, device }))
    const body = { account, device, nonce, signature: base64urlnopad.encode(signature) }
    return readTokens(await this.#answer('open session', this.#http.proved('POST', '/v1/auth/session', 'open session', signer, { body })))
  }

  async refreshSession(signer: DeviceSigner, refreshToken: string): Promise<SessionTokens> {
    return readTokens(await this.#answer('refresh session', this.#http.proved('POST', '/v1/auth/refresh', 'refresh session', signer, { body: { refreshToken } })))
  }

  async closeSession(source: TokenSource): Promise<void> {
    await this.#http.authenticated('POST', '/v1/auth/logout', 'close session', source, { body: {} })
  }

  async uploadPreKeys(source: TokenSource, upload: PreKeyUpload): Promise<{ readonly oneTimeRemaining: number }> {
    const { signedPreKey } = upload
    const body = {
      registrationId: upload.registrationId,
      signedPreKey: {
        id: signedPreKey.id, createdAtMs: signedPreKey.createdAtMs, publicKey: base64urlnopad.encode(signedPreKey.publicKey),
        signature: base64urlnopad.encode(signedPreKey.signature), deviceSignature: base64urlnopad.encode(signedPreKey.deviceSignature),
      },
      oneTimePreKeys: upload.oneTimePreKeys.map(({ id, publicKey }) => ({ id, publicKey: base64urlnopad.encode(publicKey) })),
    }
    const fields = await this.#answer('upload prekeys', this.#http.authenticated('PUT', '/v1/prekeys', 'upload prekeys', source, { body }))
    return { oneTimeRemaining: fields.uint('oneTimeRemaining', 0xffff) }
  }

  async preKeyStatus(source: TokenSource): Promise<PreKeyStatus> {
    const fields = await this.#answer('ask for prekeys', this.#http.authenticated('GET', '/v1/prekeys', 'ask for prekeys', source))
    // A device that uploaded nothing yet has no signed prekey: absent or null.
    const uint = (name: string, max: number): number => ((fields.value(name) ?? null) === null ? 0 : fields.uint(name, max))
    return {
      oneTimeRemaining: uint('oneTimeRemaining', 0xffff), signedPreKeyId: uint('signedPreKeyId', PREKEY_ID_MAX),
      signedPreKeyCreatedAtMs: uint('signedPreKeyCreatedAtMs', TIME_MS_MAX),
    }
  }

  async fetchBundle(source: TokenSource, account: AccountId, device: DeviceId): Promise<FetchedBundle> {
    const operation = 'fetch prekeys'
    const path = `/v1/prekeys/${account}/${device}`
    const fields = await this.#answer(operation, this.#http.authenticated('POST', path, operation, source, { body: {} }))
    const found = { account: fields.parsed('account', 32, parseAccountId), device: fields.parsed('device', 32, parseDeviceId) }
    if (found.account !== account || found.device !== device) fields.fail('account and device asked for')
    const oneTime = fields.optionalObject('oneTimePreKey')
    return {
      ...found, registrationId: fields.uint('registrationId', 0xffff), identityKey: fields.bytes('identityKey', 33),
      signingKey: fields.bytes('signingKey', 32),
      signedPreKey: readSignedPreKey(fields.object('signedPreKey')),
      ...(oneTime === undefined ? {} : { oneTimePreKey: readPreKey(oneTime) }),
    }
  }

  async #exchange(method: HttpRequest['method'], path: string, operation: string, extra: RequestExtra = {}): Promise<JsonFields> {
    return new JsonFields(await this.#http.plain(method, path, operation, extra), operation)
  }

  async #answer(operation: string, value: Promise<unknown>): Promise<JsonFields> {
    return new JsonFields(await value, operation)
  }
}

function readHead(fields: JsonFields): ClaimedHead {
  const account = fields.parsed('account', 32, parseAccountId)
  return { account, seq: fields.uint('seq', LIMITS.logEntriesMax), head: fields.bytes('head', 32) }
}

function readTokens(fields: JsonFields): SessionTokens {
  return {
    accessToken: fields.text('accessToken', TOKEN_CHARACTERS_MAX),
    accessTokenExpiresAtMs: fields.uint('accessTokenExpiresAtMs', TIME_MS_MAX),
    refreshToken: fields.text('refreshToken', TOKEN_CHARACTERS_MAX),
    refreshTokenExpiresAtMs: fields.uint('refreshTokenExpiresAtMs', TIME_MS_MAX),
  }
}

function readPreKey(fields: JsonFields): UploadedPreKey {
  return { id: fields.uint('id', PREKEY_ID_MAX), publicKey: fields.bytes('publicKey', 33) }
}

function readSignedPreKey(fields: JsonFields): UploadedSignedPreKey {
  return {
    ...readPreKey(fields), signature: fields.bytes('signature', 64), createdAtMs: fields.uint('createdAtMs', TIME_MS_MAX),
    deviceSignature: fields.bytes('deviceSignature', 64),
  }
}
