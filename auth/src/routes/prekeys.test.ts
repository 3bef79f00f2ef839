import { LIMITS } from '@evegram/protocol'
import { z } from 'zod'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PrekeysLow } from '../auth.js'
import { base64urlOf } from '../key-thumbprint.js'
import { PREKEY_RULES } from '../prekeys.js'
import { TestDevice, TestWallet, type TestMember } from '../testing/actors.js'
import { TestServer, type TestAnswer } from '../testing/test-server.js'

const bundleBody = z.object({ oneTimePreKey: z.object({ id: z.number() }).nullable() })
const phone = new TestDevice('phone')

let server: TestServer
let owner: TestMember
let ownerToken: string
beforeEach(async () => {
  server = await TestServer.start(20)
  owner = await server.signUp(new TestWallet('alice'), phone)
  ownerToken = (await server.session(owner)).accessToken
})
afterEach(async () => { await server.close() })

interface Requester { readonly member: TestMember; readonly accessToken: string }

async function requester(name: string): Promise<Requester> {
  const member = await server.signUp(new TestWallet(name), new TestDevice(name))
  return { member, accessToken: (await server.session(member)).accessToken }
}

const publish = (body: unknown): Promise<TestAnswer> => server.request('PUT', '/v1/prekeys', { body, accessToken: ownerToken, dpop: phone })
const take = (
  by: Requester, target: TestMember = owner,
): Promise<TestAnswer> => server.request('POST', `/v1/prekeys/${target.account}/${target.device.device}`, {
  accessToken: by.accessToken, dpop: by.member.device,
})
const idOf = (answer: TestAnswer): number | undefined => bundleBody.parse(answer.body).oneTimePreKey?.id

describe('PUT /v1/prekeys', () => {
  it('publishes keys that the device signed, and says what is left', async () => {
    expect(
      (await server.request('GET', '/v1/prekeys', { accessToken: ownerToken, dpop: phone })).body
    ).toEqual({ oneTimeRemaining: 0, signedPreKeyId: 0, signedPreKeyCreatedAtMs: 0 })
    expect((await publish(server.prekeys(phone, 1, 100))).body).toEqual({ oneTimeRemaining: 100 })
    expect((await publish(server.prekeys(phone, 101, 110, 2))).body).toEqual({ oneTimeRemaining: 110 })
    expect(
      (await server.request('GET', '/v1/prekeys', { accessToken: ownerToken, dpop: phone })).body
    ).toMatchObject({ oneTimeRemaining: 110, signedPreKeyId: 2 })
  })

  it('refuses keys of another device, unsigned fields, ids used before, and too many', async () => {
    expect((await publish(server.prekeys(new TestDevice('mallory'), 1, 5))).code).toBe('proof.signature')
    const honest = server.prekeys(phone, 1, 5)
    const signedPreKey = z.record(z.string(), z.unknown()).parse(honest['signedPreKey'])
    expect((await publish({ ...honest, signedPreKey: { ...signedPreKey, createdAtMs: 1 } })).code).toBe('proof.signature')
    expect((await publish({ ...honest, signedPreKey: { ...signedPreKey, id: 9 } })).code).toBe('proof.signature')
    expect((await publish({ ...honest, registrationId: 78 })).code).toBe('invalid.request')
    expect(
      (await publish({ ...honest, oneTimePreKeys: [{ id: 0, publicKey: base64urlOf(phone.somePublicKey(1)) }] })).code
    ).toBe('invalid.request')
    expect(
      (await publish({ ...honest, oneTimePreKeys: [{ id: 1, publicKey: base64urlOf(new Uint8Array(33)) }] })).code
    ).toBe('invalid.request')
    expect((await publish(honest)).status).toBe(200)
    expect((await publish(server.prekeys(phone, 5, 6))).code).toBe('invalid.request')
    expect((await publish(server.prekeys(phone, 6, 201))).code).toBe('invalid.request')
    expect((await publish(server.prekeys(phone, 6, LIMITS.oneTimePrekeysMax))).body).toEqual({ oneTimeRemaining: LIMITS.oneTimePrekeysMax })
  })
})

describe('POST /v1/prekeys/:account/:device', () => {
  it('gives the bundle of an attested device', async () => {
    await publish(server.prekeys(phone, 1, 50))
    const answer = await take(await requester('bob'))
    expect(answer.body).toMatchObject({
      account: owner.account, device: phone.device, registrationId: phone.registrationId,
      identityKey: base64urlOf(phone.identityKey), signingKey: base64urlOf(phone.signingKey),
      signedPreKey: { id: 1 }, oneTimePreKey: { id: 1 },
    })
  })

  it('never hands one key out twice, to requesters at once and over a restart', async () => {
    await publish(server.prekeys(phone, 1, 60))
    const requesters = await Promise.all(Array.from({ length: 20 }, (_, index) => requester(`stranger ${String(index)}`)))
    const answers = await Promise.all(requesters.flatMap((one) => [take(one), take(one)]))
    const ids = answers.map(idOf)
    expect(ids.every((id) => id !== undefined)).toBe(true)
    expect(new Set(ids).size).toBe(40)
    await server.restart()
    server.auth.bindContacts({ accepted: () => Promise.resolve(true) })
    const [first] = requesters
    expect(first && idOf(await take(first))).toBe(41)
  })

  it('limits one requester to six, one more every ten minutes, and says when', async () => {
    await publish(server.prekeys(phone, 1, 100))
    const bob = await requester('bob')
    for (let count = 0; count < PREKEY_RULES.pairBurst; count++) expect((await take(bob)).status).toBe(200)
    const refused = await take(bob)
    expect([refused.status, refused.code]).toEqual([429, 'limited.prekeys'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(500)
    expect((await take(await requester('carol'))).status).toBe(200)
    server.clock.shiftMs += PREKEY_RULES.pairRefillMs
    const renewed = { ...bob, accessToken: (await server.session(bob.member)).accessToken }
    expect((await take(renewed)).status).toBe(200)
    expect((await take(renewed)).code).toBe('limited.prekeys')
  })

  it('counts no request for a device that has published nothing yet', async () => {
    const bob = await requester('bob')
    for (let count = 0; count <= PREKEY_RULES.pairBurst; count++) expect((await take(bob)).code).toBe('not_found.prekeys')
    await publish(server.prekeys(phone, 1, 5))
    expect((await take(bob)).status).toBe(200)
  })

  it('keeps the last keys for contacts and gives strangers the last resort', async () => {
    const low: PrekeysLow[] = []
    server.auth.onPrekeysLow((event) => { low.push(event) })
    await publish(server.prekeys(phone, 1, PREKEY_RULES.keptForContacts + 1))
    const [bob, carol] = [await requester('bob'), await requester('carol')]
    server.auth.bindContacts({ accepted: (_, other) => Promise.resolve(other === carol.member.account) })
    expect(idOf(await take(bob))).toBe(1)
    expect(idOf(await take(bob))).toBeUndefined()
    expect(idOf(await take(carol))).toBe(2)
    expect(low.map(({ remaining }) => remaining)).toEqual([20, 20, 19])
    server.auth.bindContacts({ accepted: () => Promise.reject(new Error('the engine is down')) })
    expect(idOf(await take(carol))).toBeUndefined()
  })

  it('gives strangers sixty one-time keys an hour of one device', async () => {
    await publish(server.prekeys(phone, 1, 150))
    const requesters = await Promise.all(Array.from({ length: 11 }, (_, index) => requester(`stranger ${String(index)}`)))
    const answers = await Promise.all(requesters.flatMap((one) => Array.from({ length: 6 }, () => take(one))))
    const given = answers.filter((answer) => idOf(answer) !== undefined).length
    // A minute gives one back: the run itself takes less.
    expect(given).toBeGreaterThanOrEqual(60)
    expect(given).toBeLessThanOrEqual(61)
  })

  it('has nothing for unknown, revoked or silent devices', async () => {
    const bob = await requester('bob')
    expect((await take(bob)).code).toBe('not_found.prekeys')
    expect((await take(bob, { account: owner.account, device: new TestDevice('ghost') })).code).toBe('account.device_unknown')
    expect((await take(bob, { account: bob.member.account, device: phone })).code).toBe('account.device_unknown')
    await publish(server.prekeys(phone, 1, 50))
    const state = await server.state(owner.account)
    const proof = await server.prove(new TestWallet('alice'), { purpose: 'revoke-device', device: phone.device }, state)
    await server.expectOk(server.append(owner.account, server.entry(state, 'device.revoke', { device: phone.device }, [proof])))
    expect((await take(bob)).code).toBe('account.device_unknown')
  })
})
