import { createPublicKey, verify } from 'node:crypto'
import { ManualClock, systemRandom } from '@evegram/platform'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { memorySecretStore } from './adapters/memory/secrets.js'
import { pushContact } from './push-contact.js'
import { PUSH_TOKEN_MS, PushKeys } from './push-keys.js'

const ORIGIN = 'https://fcm.googleapis.com'
const clock = new ManualClock()
const open = (values: Map<string, Uint8Array>, contact: string | undefined = 'mailto:operator@chat.example', random = systemRandom()): Promise<PushKeys> =>
  PushKeys.open({ store: memorySecretStore(values), clock, random, contact })

/** Whether `token` was signed by the key that browsers are given, checked by nothing of ours. */
function signedBy(token: string, key: string): boolean {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const point = Buffer.from(key, 'base64url')
  expect([point.length, point[0]]).toEqual([65, 4])
  const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') } })
  return verify('sha256', Buffer.from(`${header}.${claims}`), { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
}

describe('PushKeys', () => {
  it('signs tokens as push services ask for them (RFC 8292 section 2), for one origin and not for long', async () => {
    const keys = await open(new Map())
    const { token, key, expiresAtMs } = await keys.tokenFor(ORIGIN)
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'JWT' })
    expect(decodeJwt(token)).toEqual({ aud: ORIGIN, exp: expiresAtMs / 1_000, sub: 'mailto:operator@chat.example' })
    expect(expiresAtMs).toBeLessThanOrEqual(clock.now() + PUSH_TOKEN_MS)
    expect([key, signedBy(token, key)]).toEqual([keys.publicKey, true])
    expect(signedBy(token, (await open(new Map())).publicKey)).toBe(false)
  })

  it('names no contact where there is none', async () => {
    expect(decodeJwt((await PushKeys.open({ store: memorySecretStore(new Map()), clock, random: systemRandom(), contact: undefined }).then((keys) => keys.tokenFor(ORIGIN))).token)).not.toHaveProperty('sub')
  })

  it('keeps its key over a restart, and is one key for processes that make it at once', async () => {
    const values = new Map<string, Uint8Array>()
    const keys = await Promise.all(Array.from({ length: 5 }, () => open(values)))
    expect(new Set([...keys, await open(values)].map(({ publicKey }) => publicKey)).size).toBe(1)
  })

  it('takes another number where one is no private key', async () => {
    const numbers = [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(32).fill(7)]
    const values = new Map<string, Uint8Array>()
    await open(values, undefined, { bytes: () => numbers.shift() ?? new Uint8Array(32) })
    expect([...values.values()]).toEqual([new Uint8Array(32).fill(7)])
    await expect(open(new Map(), undefined, { bytes: () => new Uint8Array(32) })).rejects.toMatchObject({ code: 'internal' })
  })

  it('says that a damaged key is damaged, and not what is in it', async () => {
    for (const damaged of [new Uint8Array(32), new Uint8Array(31).fill(7), Buffer.from('secret words')]) {
      const failure: unknown = await open(new Map([['push-key', damaged]])).catch((thrown: unknown) => thrown)
      expect(failure).toMatchObject({ code: 'unavailable.store' })
      expect(failure instanceof Error ? failure.cause : 'no error').toBeUndefined()
    }
  })

  it.each(['', 'fcm.googleapis.com', 'https://fcm.googleapis.com/', 'https://fcm.googleapis.com/path', `https://${'a'.repeat(300)}.example`])('signs for no other text than an origin: %j', async (origin) => {
    await expect((await open(new Map())).tokenFor(origin)).rejects.toMatchObject({ code: 'invalid.argument' })
  })
})

describe('the contact of the operator', () => {
  it('is an address that push services take', () => {
    for (const text of ['mailto:operator@chat.example', 'https://chat.example/contact']) expect(pushContact.safeParse(text).success, text).toBe(true)
    for (const text of ['', 'operator@chat.example', 'mailto:operator', 'mailto:a@b.c?subject=<x>', 'http://chat.example', 'mailto:a@b.c,d@e.f', `https://${'a'.repeat(300)}`]) expect(pushContact.safeParse(text).success, text).toBe(false)
  })
})
