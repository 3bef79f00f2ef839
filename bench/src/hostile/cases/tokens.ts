import { randomBytes } from 'node:crypto'
import { attempt, tally } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import { answerOf, proofFor, type HttpAsk } from '../../raw/raw-http.js'
import { RawSocket } from '../../raw/raw-socket.js'
import type { RawDevice } from '../../raw/raw-device.js'

const PATH = '/v1/prekeys'
const SKEW_MS = 3_600_000
const REVOKED_WITHIN_MS = 2_000

/** An authenticated request by `device`, with what `change` makes of it. */
function ask(context: HostileContext, device: RawDevice, change: { readonly token?: string; readonly dpop?: string; readonly scheme?: string } = {}): Promise<string> {
  const token = change.token ?? device.tokens.accessToken
  const dpop = change.dpop ?? proofFor(device.signer, context.origin, 'GET', PATH, token)
  const headers = { authorization: `${change.scheme ?? 'DPoP'} ${token}`, ...(dpop === '' ? {} : { dpop }) }
  return context.http.ask(PATH, { headers }).then(answerOf)
}

function refresh(context: HostileContext, device: RawDevice, refreshToken: string, by: RawDevice = device): Promise<{ readonly answer: string; readonly text: string }> {
  const path = '/v1/auth/refresh'
  const request: HttpAsk = { method: 'POST', json: { refreshToken }, headers: { dpop: proofFor(by.signer, context.origin, 'POST', path) } }
  return context.http.ask(path, request).then((reply) => ({ answer: answerOf(reply), text: reply.text }))
}

const tokensOf = (text: string): { readonly accessToken: string; readonly refreshToken: string } => JSON.parse(text) as { accessToken: string; refreshToken: string }
const json64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Tokens and DPoP proofs in the wrong hands. */
export const TOKEN_CASES: readonly HostileCase[] = [
  {
    name: 'token-stolen', claim: 'a good access token without the key it is bound to',
    async run(context) {
      const [{ device: alice }, { device: mallory }] = [await context.newDevice(), await context.newDevice('terra')]
      const token = alice.tokens.accessToken
      const by = (device: RawDevice): string => proofFor(device.signer, context.origin, 'GET', PATH, token)
      return [
        await attempt('with Mallory\'s key', '401 auth.dpop', () => ask(context, alice, { dpop: by(mallory) })),
        await attempt('without a proof', '401 auth.dpop', () => ask(context, alice, { dpop: '' })),
        await attempt('as a bearer token', '401 auth.token_missing', () => ask(context, alice, { scheme: 'Bearer' })),
        await attempt('with the key of Alice named and Mallory\'s signature', '401 auth.dpop', () => {
          const [header, , ] = by(alice).split('.')
          const [, claims, signature] = by(mallory).split('.')
          return ask(context, alice, { dpop: [header, claims, signature].join('.') })
        }),
        await attempt('by Alice herself', '200', () => ask(context, alice)),
      ]
    },
  },
  {
    name: 'token-forged', claim: 'access tokens that the server did not make',
    async run(context) {
      const { device } = await context.newDevice()
      const [header = '', claims = '', signature = ''] = device.tokens.accessToken.split('.')
      const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
      const signedByDevice = (content: string): string => `${content}.${Buffer.from(device.signer.sign(Buffer.from(content))).toString('base64url')}`
      const forged: readonly (readonly [string, string])[] = [
        ['no algorithm', `${json64({ ...read(header), alg: 'none' })}.${claims}.`],
        ['another algorithm', `${json64({ ...read(header), alg: 'HS256' })}.${claims}.${signature}`],
        ['other claims', `${header}.${json64({ ...read(claims), sub: '0'.repeat(32) })}.${signature}`],
        ['signed by the device', signedByDevice(`${header}.${claims}`)],
        ['an unknown key id', signedByDevice(`${json64({ ...read(header), kid: 'mine' })}.${claims}`)],
        ['a key of its own in the header', signedByDevice(`${json64({ ...read(header), jwk: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(device.signer.publicKey).toString('base64url') } })}.${claims}`)],
        ['the refresh token', device.tokens.refreshToken],
        ['20 KB of letters', 'a'.repeat(12_000)],
      ]
      const attempts = []
      for (const [what, token] of forged) {
        const usable = /^[A-Za-z0-9._~+/=-]+$/.test(token)
        attempts.push(await attempt(what, usable ? '401 auth.token_invalid' : '401 auth.token_missing', () => ask(context, device, { token })))
      }
      return attempts
    },
  },
  {
    name: 'dpop-replayed', claim: 'a DPoP proof used again, 100 times at once, and for another request',
    async run(context) {
      const { device } = await context.newDevice()
      const token = device.tokens.accessToken
      const dpop = proofFor(device.signer, context.origin, 'GET', PATH, token)
      const proof = (method: string, path: string, withToken: string | undefined, atMs = Date.now()): string => proofFor(device.signer, context.origin, method, path, withToken, atMs)
      const other = (what: string, made: string) => attempt(what, '401 auth.dpop', () => ask(context, device, { dpop: made }))
      return [
        await attempt('at once', '99 x 401 auth.dpop_replayed, 1 x 200', async () => tally(await Promise.all(Array.from({ length: 100 }, () => ask(context, device, { dpop }))))),
        await attempt('later', '401 auth.dpop_replayed', () => ask(context, device, { dpop })),
        await other('of another method', proof('PUT', PATH, token)),
        await other('of another path', proof('GET', '/v1/auth/logout', token)),
        await other('of another server', proofFor(device.signer, 'https://evil.example', 'GET', PATH, token)),
        await other('of an hour ago', proof('GET', PATH, token, Date.now() - SKEW_MS)),
        await other('of the next hour', proof('GET', PATH, token, Date.now() + SKEW_MS)),
        await other('of another token', proof('GET', PATH, randomBytes(20).toString('hex'))),
        await other('of no token', proof('GET', PATH, undefined)),
        await other('that is no token', 'a.b.c'),
      ]
    },
  },
  {
    name: 'refresh-reused', claim: 'an old refresh token ends its session everywhere; a stolen one ends nothing',
    async run(context) {
      const [{ device }, { device: mallory }] = [await context.newDevice('ton'), await context.newDevice()]
      const first = device.tokens
      const attempts = [await attempt('stolen, with another key', '401 auth.dpop', async () => (await refresh(context, device, first.refreshToken, mallory)).answer)]
      const second = await refresh(context, device, first.refreshToken)
      const again = await refresh(context, device, first.refreshToken)
      attempts.push(await attempt('the one before, in time (two tabs)', 'same successor', async () =>
        (tokensOf(second.text).refreshToken === tokensOf(again.text).refreshToken ? 'same successor' : `another: ${again.answer}`)))
      const third = await refresh(context, device, tokensOf(second.text).refreshToken)
      device.tokens = { ...device.tokens, accessToken: tokensOf(third.text).accessToken }
      const socket = await RawSocket.signedIn(context.addresses.ws, device, context.origin)
      attempts.push(await attempt('one that is two steps old', '401 auth.refresh_reused', async () => (await refresh(context, device, first.refreshToken)).answer))
      attempts.push(await attempt('then the newest', '401 auth.token_revoked', async () => (await refresh(context, device, tokensOf(third.text).refreshToken)).answer))
      attempts.push(await attempt('then the access token', '401 auth.token_revoked', () => ask(context, device)))
      attempts.push(await attempt('then the open socket', 'close 4003', () => socket.outcome(REVOKED_WITHIN_MS)))
      attempts.push(await attempt('a token that was never one', '401 auth.token_invalid', async () => (await refresh(context, device, `${first.refreshToken.slice(0, -4)}AAAA`)).answer))
      return attempts
    },
  },
  {
    name: 'token-logged-out', claim: 'tokens of a session that was ended by its owner',
    async run(context) {
      const { device } = await context.newDevice()
      const socket = await RawSocket.signedIn(context.addresses.ws, device, context.origin)
      const path = '/v1/auth/logout'
      const token = device.tokens.accessToken
      const logout = (): Promise<string> => context.http.ask(path, {
        method: 'POST', json: {}, headers: { authorization: `DPoP ${token}`, dpop: proofFor(device.signer, context.origin, 'POST', path, token) },
      }).then(answerOf)
      return [
        await attempt('the end', '200', logout),
        await attempt('the open socket', 'close 4003', () => socket.outcome(REVOKED_WITHIN_MS)),
        await attempt('the access token', '401 auth.token_revoked', () => ask(context, device)),
        await attempt('the refresh token', '401 auth.token_revoked', async () => (await refresh(context, device, device.tokens.refreshToken)).answer),
        await attempt('a new socket', 'auth.token_revoked, close 4002', async () => {
          const late = await RawSocket.connect(context.addresses.ws)
          await late.hello(device, context.origin).catch(() => undefined)
          return late.outcome()
        }),
      ]
    },
  },
]
