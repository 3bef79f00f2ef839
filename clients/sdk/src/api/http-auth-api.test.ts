import { createHash, createPublicKey, verify } from 'node:crypto'
import { accountIdOf, sessionRequestBytes, type AccountId, type DeviceId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { signWithSigning, type DeviceKeys } from '../crypto/device-keys.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { testDeviceKeys, testWallet } from '../account/testing/log-author.js'
import { ManualClock } from '../testing/manual-clock.js'
import type { AuthApi, TokenSource } from './auth-api.js'
import { DeviceSession } from './device-session.js'
import type { DeviceSigner } from './device-signer.js'
import { createAuthApi } from './http-auth-api.js'
import { ServerClock } from './server-clock.js'
import { StubFetch, type SeenRequest, type StubAnswer } from './testing/stub-fetch.js'

const NOW_MS = 1_790_000_000_000
const wallet = testWallet('terra', 'alice')
const keys: DeviceKeys = await testDeviceKeys('phone')
const signer: DeviceSigner = {
  account: accountIdOf(wallet.walletId), device: keys.device, publicKey: keys.signing.publicKey, sign: (message) => signWithSigning(keys, message),
}
const server = {
  domain: 'localhost:8080', origin: 'http://localhost:8080', serverId: 's', network: 'mainnet', protocol: { min: 1, max: 1 }, wsUrl: 'ws://localhost:1',
  authUrl: 'http://127.0.0.1:9', limits: {},
} as const
const NONCE = 'n0nce'.repeat(6)
const b64 = (length: number, value = 7): string => Buffer.alloc(length, value).toString('base64url')
const TOKENS = { accessToken: 'access-1', accessTokenExpiresAtMs: NOW_MS + 600_000, refreshToken: 'refresh-1', refreshTokenExpiresAtMs: NOW_MS + 9_000_000 }

function apiOn(answer: (request: SeenRequest) => StubAnswer): { api: AuthApi; seen: SeenRequest[]; clock: ManualClock; serverClock: ServerClock } {
  const clock = new ManualClock(NOW_MS)
  const serverClock = new ServerClock(clock)
  const stub = new StubFetch(answer)
  return { api: createAuthApi({ server, fetch: stub.fetch, clock, random: new SeededRandom('jti'), serverClock }), seen: stub.seen, clock, serverClock }
}
const source: TokenSource = { signer, accessToken: async () => 'access-1', forgetAccessToken: () => undefined }

/** Verifies a DPoP proof with node:crypto, independently of the code under test, and returns its parts. */
function openProof(request: SeenRequest | undefined): { header: Record<string, unknown>; payload: Record<string, unknown> } {
  const [header = '', payload = '', signature = ''] = (request?.headers['dpop'] ?? '').split('.')
  const parsed = JSON.parse(Buffer.from(header, 'base64url').toString()) as { jwk: Record<string, string> }
  const key = createPublicKey({ key: parsed.jwk, format: 'jwk' })
  expect(verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true)
  return { header: parsed, payload: JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown> }
}

describe('auth API', () => {
  it('asks for challenges', async () => {
    const { api, seen } = apiOn(() => ({ json: { nonce: NONCE, issuedAtMs: 1, expirationTimeMs: 2 } }))
    expect(await api.challenge('add-device', signer.device)).toEqual({ nonce: NONCE, issuedAtMs: 1, expirationTimeMs: 2 })
    expect(seen[0]).toMatchObject({ method: 'POST', url: 'http://127.0.0.1:9/v1/auth/challenge', body: { purpose: 'add-device', device: signer.device } })
  })

  it.each(['short', 'x'.repeat(65), 'not alphanumeric at all!!'])('refuses the nonce %s, which a wallet would show', async (nonce) => {
    await expect(apiOn(() => ({ json: { nonce, issuedAtMs: 1, expirationTimeMs: 2 } })).api.challenge('session', signer.device)).rejects.toMatchObject({ code: 'invalid.response' })
  })

  it('looks addresses up, and takes nobody for no error', async () => {
    const { api, seen } = apiOn(() => ({ json: { account: signer.account, seq: 3, head: b64(32) } }))
    expect(await api.accountOfWallet(wallet.walletId)).toEqual({ account: signer.account, seq: 3, head: new Uint8Array(32).fill(7) })
    expect(seen[0]?.path).toBe(`/v1/accounts/by-wallet/${encodeURIComponent(wallet.walletId)}?absent=null`)
    expect(await apiOn(() => ({ json: { account: null } })).api.accountOfWallet(wallet.walletId)).toBeUndefined()
    const nobody = apiOn(() => ({ status: 404, json: { error: { code: 'account.not_found', message: '' } } })).api
    expect(await nobody.accountOfWallet(wallet.walletId)).toBeUndefined()
    const broken = apiOn(() => ({ status: 404, json: {} })).api
    await expect(broken.accountOfWallet(wallet.walletId)).rejects.toMatchObject({ code: 'not_found.resource' })
  })

  it('reads pages of a log and refuses one of another account', async () => {
    const page = { account: signer.account, seq: 2, head: b64(32), entries: [b64(100), b64(3)], more: true }
    const { api, seen } = apiOn(() => ({ json: page }))
    const read = await api.logPage(signer.account, 5)
    expect(read.entries.map(({ length }) => length)).toEqual([100, 3])
    expect(read.more).toBe(true)
    expect(seen[0]?.path).toBe(`/v1/accounts/${signer.account}/log?after=5`)
    // No branded id fits by accident: this one is of another account.
    await expect(api.logPage('f'.repeat(32) as AccountId, 0)).rejects.toMatchObject({ code: 'account.mismatch' })
  })

  it.each([
    { entries: [b64(16_385)] }, { entries: ['!'] }, { entries: Array.from({ length: 257 }, () => b64(1)) }, { entries: 'x' }, { seq: -1 }, { seq: 1.5 }, { head: b64(31) },
    { head: `${b64(32)}=` }, { account: 'Z'.repeat(32) }, { more: 'yes' },
  ])('refuses a page of another shape: %#', async (fault) => {
    const page = { account: signer.account, seq: 2, head: b64(32), entries: [], ...fault }
    await expect(apiOn(() => ({ json: page })).api.logPage(signer.account, 0)).rejects.toMatchObject({ code: 'invalid.response' })
  })

  it('opens a session by signing the nonce for the configured domain, with a proof of the key', async () => {
    const { api, seen } = apiOn(({ path }) => ({ json: path.endsWith('challenge') ? { nonce: NONCE, issuedAtMs: 1, expirationTimeMs: 2 } : TOKENS }))
    expect(await api.openSession(signer)).toEqual(TOKENS)
    const { signature } = seen[1]?.body as { signature: string }
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(signer.publicKey).toString('base64url') }
    const signed = sessionRequestBytes({ domain: 'localhost:8080', nonce: NONCE, account: signer.account, device: signer.device })
    expect(verify(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url'))).toBe(true)
    expect(openProof(seen[1])).toMatchObject({
      header: { typ: 'dpop+jwt', alg: 'EdDSA', jwk }, payload: { htm: 'POST', htu: 'http://localhost:8080/v1/auth/session', iat: NOW_MS / 1_000 },
    })
  })

  it('names the configured origin, the method and the token in each proof, and never repeats one', async () => {
    const { api, seen } = apiOn(() => ({ json: { oneTimeRemaining: 5, signedPreKeyId: null } }))
    expect(await api.preKeyStatus(source)).toEqual({ oneTimeRemaining: 5, signedPreKeyId: 0, signedPreKeyCreatedAtMs: 0 })
    await api.preKeyStatus(source)
    const proofs = seen.map((request) => openProof(request).payload)
    expect(seen[0]?.headers['authorization']).toBe('DPoP access-1')
    expect(proofs[0]).toMatchObject({ htm: 'GET', htu: 'http://localhost:8080/v1/prekeys', ath: createHash('sha256').update('access-1').digest('base64url') })
    expect(proofs[0]?.['jti']).not.toBe(proofs[1]?.['jti'])
  })

  it('dates proofs by the time of the server', async () => {
    const { api, seen, serverClock } = apiOn(() => ({ json: { oneTimeRemaining: 0 } }))
    serverClock.observe(NOW_MS + 7_200_000, 0, 0)
    await api.preKeyStatus(source)
    expect(openProof(seen[0]).payload['iat']).toBe(NOW_MS / 1_000 + 7_200)
  })

  it('uploads and fetches prekeys', async () => {
    const signed = { id: 4, publicKey: b64(33), signature: b64(64), createdAtMs: NOW_MS, deviceSignature: b64(64) }
    const bundle = {
      account: signer.account, device: signer.device, registrationId: 9, identityKey: b64(33), signingKey: b64(32), signedPreKey: signed, oneTimePreKey: { id: 1, publicKey: b64(33) },
    }
    let answer: object = { oneTimeRemaining: 100 }
    const { api, seen } = apiOn(() => ({ json: answer }))
    const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
    const preKey = { id: 4, publicKey: bytes(33), signature: bytes(64), createdAtMs: NOW_MS, deviceSignature: bytes(64) }
    await api.uploadPreKeys(source, { registrationId: 9, signedPreKey: preKey, oneTimePreKeys: [{ id: 1, publicKey: bytes(33) }] })
    expect(seen[0]).toMatchObject({ method: 'PUT', path: '/v1/prekeys', body: { registrationId: 9, signedPreKey: signed, oneTimePreKeys: [{ id: 1, publicKey: b64(33) }] } })
    answer = bundle
    expect(await api.fetchBundle(source, signer.account, signer.device)).toMatchObject({ registrationId: 9, oneTimePreKey: { id: 1 }, signedPreKey: preKey })
    answer = { ...bundle, oneTimePreKey: null }
    expect(await api.fetchBundle(source, signer.account, signer.device)).not.toHaveProperty('oneTimePreKey')
    await expect(api.fetchBundle(source, signer.account, 'f'.repeat(32) as DeviceId)).rejects.toMatchObject({ code: 'invalid.response' })
  })
})

describe('device session', () => {
  interface Scene { session: DeviceSession; seen: SeenRequest[]; saved: string[]; clock: ManualClock; api: AuthApi }
  function scene(answer: (request: SeenRequest) => StubAnswer, tokens?: typeof TOKENS): Scene {
    const { api, seen, clock, serverClock } = apiOn((request) => (request.path.endsWith('challenge') ? { json: { nonce: NONCE, issuedAtMs: 1, expirationTimeMs: 2 } } : answer(request)))
    const saved: string[] = []
    const save = async ({ accessToken }: { accessToken: string }): Promise<void> => { saved.push(accessToken) }
    return { session: new DeviceSession({ api, signer, serverClock, save, ...(tokens === undefined ? {} : { tokens }) }), seen, saved, clock, api }
  }
  const paths = ({ seen }: Scene): string[] => seen.map(({ path }) => path.replace('/v1/auth/', ''))
  const SECOND = { ...TOKENS, accessToken: 'access-2', refreshToken: 'refresh-2', accessTokenExpiresAtMs: NOW_MS + 1_200_000 }

  it('hands out the token that it has while that is good', async () => {
    const at = scene(() => ({ json: SECOND }), TOKENS)
    expect(await at.session.accessToken()).toBe('access-1')
    expect(at.seen).toHaveLength(0)
  })

  it('refreshes before the token runs out, once for all who wait, and saves before use', async () => {
    const at = scene(() => ({ json: SECOND }), TOKENS)
    await at.clock.advance(600_000 - 29_000)
    expect(await Promise.all([at.session.accessToken(), at.session.accessToken()])).toEqual(['access-2', 'access-2'])
    expect(paths(at)).toEqual(['refresh'])
    expect(at.seen[0]?.body).toEqual({ refreshToken: 'refresh-1' })
    expect(at.saved).toEqual(['access-2'])
  })

  it('uses no token that could not be saved', async () => {
    const { api, serverClock } = apiOn(({ path }) => ({ json: path.endsWith('challenge') ? { nonce: NONCE, issuedAtMs: 1, expirationTimeMs: 2 } : TOKENS }))
    const session = new DeviceSession({ api, signer, serverClock, save: async () => { throw new Error('disk full') } })
    await expect(session.accessToken()).rejects.toThrow('disk full')
    expect(session.tokens).toBeUndefined()
  })

  it('opens a session by the key of the device without tokens, and when the server no longer takes them', async () => {
    const fresh = scene(() => ({ json: TOKENS }))
    expect(await fresh.session.accessToken()).toBe('access-1')
    expect(paths(fresh)).toEqual(['challenge', 'session'])
    const reused = scene(({ path }) => (path.endsWith('refresh') ? { status: 401, json: { error: { code: 'auth.refresh_reused' } } } : { json: SECOND }), TOKENS)
    reused.session.forgetAccessToken()
    expect(await reused.session.accessToken()).toBe('access-2')
    expect(paths(reused)).toEqual(['refresh', 'challenge', 'session'])
  })

  it('does not take an outage for a lost session', async () => {
    const at = scene(() => ({ status: 503, json: { error: { code: 'unavailable.store' } } }), TOKENS)
    at.session.forgetAccessToken()
    await expect(at.session.accessToken()).rejects.toMatchObject({ code: 'unavailable.store' })
    expect(paths(at)).toEqual(['refresh'])
  })

  it('replaces a token that the server refuses, and asks once more, only once', async () => {
    const refusal = { status: 401, json: { error: { code: 'auth.token_expired' } } }
    const at = scene(({ path, headers }) => {
      if (path.endsWith('refresh')) return { json: SECOND }
      return headers['authorization'] === 'DPoP access-2' ? { json: { oneTimeRemaining: 9 } } : refusal
    }, TOKENS)
    expect(await at.api.preKeyStatus(at.session)).toMatchObject({ oneTimeRemaining: 9 })
    const never = scene(({ path }) => (path.endsWith('refresh') ? { json: SECOND } : refusal), TOKENS)
    await expect(never.api.preKeyStatus(never.session)).rejects.toMatchObject({ code: 'auth.token_expired' })
    expect(paths(never)).toEqual(['/v1/prekeys', 'refresh', '/v1/prekeys'])
  })

  it('ends the session on the server', async () => {
    const at = scene(() => ({ json: {} }), TOKENS)
    await at.session.close()
    expect(paths(at)).toEqual(['logout'])
    expect(at.session.tokens).toBeUndefined()
  })
})
