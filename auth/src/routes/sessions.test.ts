import { createSecretKey } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, exportJWK, SignJWT } from 'jose'
import { LIMITS, sessionRequestBytes } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AUTH_LIMITS } from '../config.js'
import { hashOfToken } from '../dpop.js'
import { base64urlOf } from '../key-thumbprint.js'
import type { SessionRevocation } from '../sessions.js'
import { TestDevice, TestWallet, type TestMember } from '../testing/actors.js'
import { TestServer, tokensOf, type TestAnswer, type TestTokens } from '../testing/test-server.js'

const alice = new TestWallet('alice')
const phone = new TestDevice('phone')
const laptop = new TestDevice('laptop')

let server: TestServer
let member: TestMember
beforeEach(async () => {
  server = await TestServer.start()
  member = await server.signUp(alice, phone)
})
afterEach(async () => { await server.close() })

const whoami = (
  tokens: Pick<TestTokens, 'accessToken'>, device = phone, forge?: { claims?: Record<string, unknown>; proof?: string },
): Promise<TestAnswer> =>
  server.request('GET', '/v1/prekeys', { accessToken: tokens.accessToken, dpop: device, ...(forge === undefined ? {} : { forge }) })

describe('POST /v1/auth/session', () => {
  it('gives tokens to a device that proves its key, good for every service, bound to the key', async () => {
    const tokens = await server.session(member)
    expect((await whoami(tokens)).status).toBe(200)
    expect(tokens.accessTokenExpiresAtMs - server.clock.now()).toBeLessThanOrEqual(LIMITS.accessTokenMs)
    expect(decodeJwt(tokens.accessToken)).toMatchObject(
      { iss: server.domain, sub: member.account, aud: ['auth', 'engine', 'wally', 'blobs'], device: phone.device }
    )
    for (const audience of ['auth', 'engine'] as const) {
      expect(await server.auth.verifyAccessToken(tokens.accessToken, audience)).toMatchObject(
        { account: member.account, device: phone.device, expiresAtMs: tokens.accessTokenExpiresAtMs }
      )
    }
  })

  it('lets exactly one of many parallel requests with one nonce through', async () => {
    const { nonce } = await server.challenge('session', phone.device)
    const signature = base64urlOf(
      phone.sign(sessionRequestBytes({ domain: server.domain, nonce, account: member.account, device: phone.device }))
    )
    const body = { account: member.account, device: phone.device, nonce, signature }
    const answers = await Promise.all(Array.from({ length: 100 }, () => server.request('POST', '/v1/auth/session', { body, dpop: phone })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ code }) => code === 'proof.replayed')).toHaveLength(99)
  })

  it('refuses foreign keys, signatures for other domains, and nonces for other purposes', async () => {
    const open = async (
      signer: TestDevice, domain: string, purpose: 'session' | 'add-device', dpop: TestDevice,
    ): Promise<string | undefined> => {
      const { nonce } = await server.challenge(purpose, phone.device)
      const signature = base64urlOf(signer.sign(sessionRequestBytes({ domain, nonce, account: member.account, device: phone.device })))
      return (await server.request(
        'POST', '/v1/auth/session', { body: { account: member.account, device: phone.device, nonce, signature }, dpop },
      )).code
    }
    expect(await open(laptop, server.domain, 'session', phone)).toBe('proof.signature')
    expect(await open(phone, 'evil.example', 'session', phone)).toBe('proof.signature')
    expect(await open(phone, server.domain, 'add-device', phone)).toBe('proof.nonce')
    expect(await open(phone, server.domain, 'session', laptop)).toBe('auth.dpop')
    expect(await open(phone, server.domain, 'session', phone)).toBeUndefined()
  })

  it('refuses devices that the log does not name, or names as revoked', async () => {
    expect((await server.openSession({ account: member.account, device: laptop })).code).toBe('account.device_unknown')
    await server.signUp(alice, laptop)
    const state = await server.state(member.account)
    const proof = await server.prove(alice, { purpose: 'revoke-device', device: laptop.device }, state)
    await server.expectOk(server.append(member.account, server.entry(state, 'device.revoke', { device: laptop.device }, [proof])))
    expect((await server.openSession({ account: member.account, device: laptop })).code).toBe('account.device_revoked')
  })

  it('ends the oldest session when a device opens too many, without telling anyone to drop the device', async () => {
    const revoked: SessionRevocation[] = []
    server.auth.onSessionRevoked((revocation) => { revoked.push(revocation) })
    const first = await server.session(member)
    for (let count = 1; count < AUTH_LIMITS.sessionsPerDeviceMax; count++) await server.session(member)
    expect((await whoami(first)).status).toBe(200)
    await server.session(member)
    expect((await whoami(first)).code).toBe('auth.token_revoked')
    expect(revoked).toEqual([])
  })
})

describe('a stolen token', () => {
  it('is worth nothing without the key of the device', async () => {
    const tokens = await server.session(member)
    expect((await whoami(tokens, laptop)).code).toBe('auth.dpop')
    expect((await server.request('GET', '/v1/prekeys', { accessToken: tokens.accessToken })).code).toBe('auth.dpop')
    expect(
      (await server.request('POST', '/v1/auth/refresh', { body: { refreshToken: tokens.refreshToken }, dpop: laptop })).code
    ).toBe('auth.dpop')
    expect((await server.request('GET', '/v1/prekeys', { dpop: phone })).code).toBe('auth.token_missing')
    // The thief did not end the session either.
    expect((await server.refresh(member, tokens.refreshToken)).status).toBe(200)
  })

  it('is refused when changed, signed by another key or algorithm, meant for others, or too old', async () => {
    const tokens = await server.session(member)
    const [head = '', body = '', signature = ''] = tokens.accessToken.split('.')
    const claims = decodeJwt(tokens.accessToken)
    const { kid = '' } = decodeProtectedHeader(tokens.accessToken)
    const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url')}.${body}.`
    const mine = await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid }).sign(phone.signingPrivateKey)
    const jwks = await server.request('GET', '/v1/auth/jwks.json')
    const secret = createSecretKey(Buffer.from(JSON.stringify(jwks.body)))
    const confused = await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(secret)
    const changed = `${head}.${Buffer.from(JSON.stringify({ ...claims, device: laptop.device })).toString('base64url')}.${signature}`
    for (const accessToken of [unsigned, mine, confused, changed, 'a.b.c', 'x'.repeat(3_000)]) {
      expect((await whoami({ accessToken })).code).toBe('auth.token_invalid')
    }
    server.clock.shiftMs += LIMITS.accessTokenMs
    expect((await whoami(tokens)).code).toBe('auth.token_expired')
  })
})

describe('DPoP proofs', () => {
  it('are good once, for one method, path and token, within a minute', async () => {
    const tokens = await server.session(member)
    const proof = await server.dpop('GET', '/v1/prekeys', phone, tokens.accessToken)
    const answers = await Promise.all(Array.from({ length: 50 }, () => whoami(tokens, phone, { proof })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ code }) => code === 'auth.dpop_replayed')).toHaveLength(49)
    const nowS = Math.floor(server.clock.now() / 1_000)
    const forgeries: Record<string, unknown>[] = [
      { htm: 'POST' }, {
        htu: 'https://evil.example/v1/prekeys',
      }, { htu: `${server.origin}/v1/auth/logout` }, { htu: 'http://127.0.0.1/v1/prekeys' },
      { ath: hashOfToken('another') }, { ath: undefined }, { iat: nowS - 65 }, { iat: nowS + 65 }, { jti: 'short' }, { iat: 'now' },
    ]
    for (const claims of forgeries) expect([claims, (await whoami(tokens, phone, { claims })).code]).toEqual([claims, 'auth.dpop'])
    expect((await whoami(tokens, phone, { claims: { iat: nowS - 50 } })).status).toBe(200)
  })

  it('must carry the public key alone, signed with EdDSA, of the right type', async () => {
    const tokens = await server.session(member)
    const claims = decodeJwt(await server.dpop('GET', '/v1/prekeys', phone, tokens.accessToken))
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64urlOf(phone.signingKey) }
    const signed = (
      header: Record<string, unknown>,
    ): Promise<string> => new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', ...header }).sign(phone.signingPrivateKey)
    const proofs = [
      await signed({ typ: 'JWT', jwk }), await signed({ typ: 'dpop+jwt' }),
      await signed({ typ: 'dpop+jwt', jwk: await exportJWK(phone.signingPrivateKey) }),
      await signed({ typ: 'dpop+jwt', jwk: { ...jwk, x: base64urlOf(laptop.signingKey) } }), 'nonsense', 'a.b.c',
    ]
    for (const proof of proofs) expect((await whoami(tokens, phone, { proof })).code).toBe('auth.dpop')
    expect((await whoami(tokens, phone, { proof: await signed({ typ: 'dpop+jwt', jwk }) })).status).toBe(200)
  })
})

describe('POST /v1/auth/refresh', () => {
  it('rotates, and gives the same successor to two tabs at once', async () => {
    const first = await server.session(member)
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.refresh(member, first.refreshToken)))
    const successors = new Set(answers.map((answer) => tokensOf(answer).refreshToken))
    expect(successors.size).toBe(1)
    expect(successors.has(first.refreshToken)).toBe(false)
    server.clock.shiftMs += LIMITS.refreshGraceMs - 5_000
    expect(tokensOf(await server.refresh(member, first.refreshToken)).refreshToken).toBe([...successors][0])
  })

  it('ends the session when an older token is used again', async () => {
    const revoked: SessionRevocation[] = []
    server.auth.onSessionRevoked((revocation) => { revoked.push(revocation) })
    const first = await server.session(member)
    const second = tokensOf(await server.refresh(member, first.refreshToken))
    const third = tokensOf(await server.refresh(member, second.refreshToken))
    expect((await server.refresh(member, first.refreshToken)).code).toBe('auth.refresh_reused')
    expect((await server.refresh(member, third.refreshToken)).code).toBe('auth.token_revoked')
    expect((await whoami(third)).code).toBe('auth.token_revoked')
    expect(revoked).toMatchObject([{ account: member.account, device: phone.device }])
  })

  it('ends the session when the previous token is used after its grace', async () => {
    const first = await server.session(member)
    await server.refresh(member, first.refreshToken)
    server.clock.shiftMs += LIMITS.refreshGraceMs + 1_000
    expect((await server.refresh(member, first.refreshToken)).code).toBe('auth.refresh_reused')
  })

  it('goes on over a restart, and ends after a month without use', async () => {
    const first = await server.session(member)
    await server.restart()
    const second = tokensOf(await server.refresh(member, first.refreshToken))
    expect((await whoami(second)).status).toBe(200)
    server.clock.shiftMs += LIMITS.refreshTokenMs + 1_000
    expect((await server.refresh(member, second.refreshToken)).code).toBe('auth.token_expired')
  })

  it('refuses tokens that it did not make', async () => {
    const { refreshToken } = await server.session(member)
    const [family = '', , mac = ''] = refreshToken.split('.')
    for (const forged of [
      `${family}.2.${mac}`, `${'0'.repeat(32)}.1.${mac}`, `${family}.1.${'A'.repeat(43)}`, `${refreshToken}A`, '', `${family}.01.${mac}`,
    ]) {
      expect([forged, (await server.refresh(member, forged)).code]).toEqual([forged, 'auth.token_invalid'])
    }
  })
})

describe('the end of a session', () => {
  it('comes with log-out, at once and for this session only', async () => {
    const [one, other] = [await server.session(member), await server.session(member)]
    expect((await server.request('POST', '/v1/auth/logout', { accessToken: one.accessToken, dpop: phone })).status).toBe(200)
    expect((await whoami(one)).code).toBe('auth.token_revoked')
    expect((await server.refresh(member, one.refreshToken)).code).toBe('auth.token_revoked')
    expect((await whoami(other)).status).toBe(200)
  })

  it('comes with the revocation of its device, at once, and leaves other devices alone', async () => {
    const revoked: SessionRevocation[] = []
    server.auth.onSessionRevoked((revocation) => { revoked.push(revocation) })
    const other = await server.signUp(alice, laptop)
    const [mine, its] = [await server.session(member), await server.session(other)]
    const state = await server.state(member.account)
    const proof = await server.prove(alice, { purpose: 'revoke-device', device: laptop.device }, state)
    await server.expectOk(server.append(member.account, server.entry(state, 'device.revoke', { device: laptop.device }, [proof])))
    expect((await whoami(its, laptop)).code).toBe('auth.token_revoked')
    await expect(server.auth.verifyAccessToken(its.accessToken, 'engine')).rejects.toThrow('auth.token_revoked')
    expect((await server.refresh(other, its.refreshToken)).code).toBe('auth.token_revoked')
    expect(revoked).toMatchObject([{ account: member.account, device: laptop.device }])
    expect((await whoami(mine)).status).toBe(200)
  })
})

describe('GET /v1/auth/jwks.json', () => {
  it('publishes the public key that the tokens name, and nothing private', async () => {
    const { accessToken } = await server.session(member)
    const answer = await server.request('GET', '/v1/auth/jwks.json')
    const { kid } = decodeProtectedHeader(accessToken)
    expect(answer.body).toMatchObject({ keys: [{ kid, kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' }] })
    expect(JSON.stringify(answer.body)).not.toContain('"d"')
  })
})
