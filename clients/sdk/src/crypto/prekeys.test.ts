import { describe, expect, it } from 'vitest'
import { bytesOfHex, LIMITS, utf8 } from '@evegram/protocol'
import { signWithSigning } from './device-keys.js'
import { generateOneTimePreKeys, PREKEY_LIMITS, rotateSignedPreKey, signedPreKeyBytes, verifyBundle } from './prekeys.js'
import type { PreKeyBundle } from './prekey-bundle.js'
import { SIGNAL_KEYS } from './stores.js'
import { TEST_NOW_MS, TestAttestations, TestDevice, testPair } from './test-device.js'

const DAY_MS = 24 * 3_600_000

async function publisher(seed: string): Promise<{ bob: TestDevice; check: (bundle: PreKeyBundle, nowMs?: number) => Promise<unknown> }> {
  const { alice, bob } = await testPair(seed)
  const attested = { identityKey: bob.keys.identity.publicKey, signingKey: bob.keys.signing.publicKey }
  return { bob, check: (bundle, nowMs = TEST_NOW_MS) => verifyBundle(alice.signal, bundle, attested, nowMs) }
}

const invalid = (check: string): unknown => expect.objectContaining({ code: 'e2ee.bundle_invalid', details: { check } })

describe('verifyBundle', () => {
  it('accepts what the device published, and flags a bundle without a one-time prekey as last resort', async () => {
    const { bob, check } = await publisher('accepts')
    const bundle = bob.bundle()
    await expect(check(bundle)).resolves.toMatchObject({ lastResort: false })
    const { oneTimePreKey: _taken, ...rest } = bundle
    await expect(check(rest)).resolves.toMatchObject({ lastResort: true })
  })

  it('refuses another identity key than the attested one', async () => {
    const { bob, check } = await publisher('identity')
    const mallory = await TestDevice.make('identity/mallory', new TestAttestations())
    await expect(check({ ...bob.bundle(), identityKey: mallory.keys.identity.publicKey })).rejects.toMatchObject({ code: 'e2ee.untrusted_identity' })
  })

  it('refuses a signed prekey of which either signature is bad or for another device, id, time or key', async () => {
    const { bob, check } = await publisher('signatures')
    const mallory = await TestDevice.make('signatures/mallory', new TestAttestations())
    const bundle = bob.bundle()
    const key = bundle.signedPreKey
    const withKey = (change: Partial<typeof key>): PreKeyBundle => ({ ...bundle, signedPreKey: { ...key, ...change } })
    await expect(check(withKey({ deviceSignature: new Uint8Array(64) }))).rejects.toEqual(invalid('device signature'))
    await expect(check(withKey({ id: key.id + 1 }))).rejects.toEqual(invalid('device signature'))
    await expect(check(withKey({ createdAtMs: key.createdAtMs - 1 }))).rejects.toEqual(invalid('device signature'))
    await expect(check(withKey({ publicKey: mallory.keys.identity.publicKey }))).rejects.toEqual(invalid('device signature'))
    await expect(check({ ...bundle, device: mallory.id })).rejects.toEqual(invalid('device signature'))
    await expect(check(withKey({ signature: new Uint8Array(64) }))).rejects.toEqual(invalid('identity signature'))
    // Signed by the right device, but not by its identity key.
    const publicKey = mallory.keys.identity.publicKey
    const deviceSignature = signWithSigning(bob.keys, signedPreKeyBytes(bob.id, { ...key, publicKey }))
    await expect(check(withKey({ publicKey, deviceSignature }))).rejects.toEqual(invalid('identity signature'))
  })

  it('refuses a signed prekey older than 60 days and one from the future', async () => {
    const { bob, check } = await publisher('age')
    const bundle = bob.bundle()
    await expect(check(bundle, TEST_NOW_MS + LIMITS.signedPrekeyMs)).resolves.toBeDefined()
    await expect(check(bundle, TEST_NOW_MS + LIMITS.signedPrekeyMs + 1)).rejects.toEqual(invalid('age'))
    await expect(check(bundle, TEST_NOW_MS - PREKEY_LIMITS.aheadMs)).resolves.toBeDefined()
    await expect(check(bundle, TEST_NOW_MS - PREKEY_LIMITS.aheadMs - 1)).rejects.toEqual(invalid('creation time'))
  })

  it('refuses keys of low order, keys in a second spelling, and ids that no device makes', async () => {
    const { bob, check } = await publisher('keys')
    const bundle = bob.bundle()
    const oneTime = (hex: string): PreKeyBundle => ({ ...bundle, oneTimePreKey: { id: 1, publicKey: bytesOfHex(hex) } })
    await expect(check(oneTime(`05${'00'.repeat(32)}`))).rejects.toMatchObject({ code: 'e2ee.low_order_key' })
    await expect(check(oneTime(`05f6${'ff'.repeat(30)}7f`))).rejects.toEqual(invalid('key encoding'))
    await expect(check(oneTime(`06${'09'.repeat(32)}`))).rejects.toEqual(invalid('key encoding'))
    await expect(check(oneTime('09'.repeat(32)))).rejects.toEqual(invalid('key encoding'))
    for (const id of [0, -1, 1.5, 2 ** 31]) {
      const publicKey = bundle.signedPreKey.publicKey
      await expect(check({ ...bundle, oneTimePreKey: { id, publicKey } })).rejects.toEqual(invalid('prekey id'))
    }
    await expect(check({ ...bundle, registrationId: -1 })).rejects.toEqual(invalid('registration id'))
  })
})

describe('signedPreKeyBytes', () => {
  it('is what docs and server sign: prefix, device, id, time and key, each with its length', async () => {
    const { bob } = await testPair('bytes')
    const bytes = signedPreKeyBytes(bob.id, { id: 258, createdAtMs: 1_000, publicKey: new Uint8Array(33).fill(5) })
    const expected = [
      '00000011', Buffer.from('evegram/prekey/v1').toString('hex'),
      '00000010', bob.id,
      '00000008', '0000000000000102',
      '00000008', '00000000000003e8',
      '00000021', '05'.repeat(33),
    ]
    expect(Buffer.from(bytes).toString('hex')).toBe(expected.join(''))
  })
})

describe('generateOneTimePreKeys', () => {
  it('never uses an id twice, over batches and restarts', async () => {
    const bob = await TestDevice.make('ids', new TestAttestations(), { oneTimeCount: 0 })
    const ids: number[] = []
    for (let batch = 0; batch < 3; batch++) {
      const { publicKeys, changes } = await generateOneTimePreKeys(bob.signal, bob.state, 4)
      bob.state.commit(changes)
      ids.push(...publicKeys.map(({ id }) => id))
      // Used up: the rows are gone, the ids stay taken.
      bob.state.commit({ puts: new Map(), deletes: new Set(publicKeys.map(({ id }) => SIGNAL_KEYS.preKey(id))) })
    }
    expect(ids).toEqual(Array.from({ length: 12 }, (_, index) => index + 1))
  })

  it('keeps at most 2000 private halves: the oldest go', async () => {
    const bob = await TestDevice.make('held', new TestAttestations(), { oneTimeCount: 0 })
    bob.state.commit({
      puts: new Map([[SIGNAL_KEYS.preKeyIndex, utf8(JSON.stringify({ nextPreKeyId: 2_001, oldestPreKeyId: 1, nextSignedPreKeyId: 2, signed: [] }))]]),
      deletes: new Set(),
    })
    const { changes } = await generateOneTimePreKeys(bob.signal, bob.state, 3)
    expect([...changes.deletes]).toEqual([1, 2, 3].map((id) => SIGNAL_KEYS.preKey(id)))
  })

  it('refuses batches that are empty or too large', async () => {
    const bob = await TestDevice.make('batch', new TestAttestations(), { oneTimeCount: 0 })
    for (const count of [0, 101, 1.5]) {
      await expect(generateOneTimePreKeys(bob.signal, bob.state, count)).rejects.toMatchObject({ code: 'invalid.argument' })
    }
  })
})

describe('rotateSignedPreKey', () => {
  it('starts at id 1, rotates after a week and not before', async () => {
    const bob = await TestDevice.make('rotate', new TestAttestations(), { oneTimeCount: 0 })
    expect(bob.signedPreKeys.map(({ id }) => id)).toEqual([1])
    await bob.rotate(TEST_NOW_MS + PREKEY_LIMITS.rotationMs - 1)
    expect(bob.signedPreKeys).toHaveLength(1)
    await bob.rotate(TEST_NOW_MS + PREKEY_LIMITS.rotationMs)
    expect(bob.signedPreKeys.map(({ id }) => id)).toEqual([1, 2])
    expect(await rotateSignedPreKey(bob.signal, bob.keys, bob.state, TEST_NOW_MS + PREKEY_LIMITS.rotationMs)).toEqual({
      status: 'current', id: 2, dueAtMs: TEST_NOW_MS + 2 * PREKEY_LIMITS.rotationMs,
    })
    const forced = await rotateSignedPreKey(bob.signal, bob.keys, bob.state, TEST_NOW_MS + PREKEY_LIMITS.rotationMs, true)
    expect(forced).toMatchObject({ status: 'rotated', publicKey: { id: 3 } })
  })

  it('drops a private half 30 days after it was replaced, and never the current one, however old', async () => {
    const bob = await TestDevice.make('drop', new TestAttestations(), { oneTimeCount: 0 })
    const has = (id: number): boolean => bob.state.snapshot().has(SIGNAL_KEYS.signedPreKey(id))
    await bob.rotate(TEST_NOW_MS + 100 * DAY_MS)
    expect([has(1), has(2)]).toEqual([true, true])
    await bob.rotate(TEST_NOW_MS + 130 * DAY_MS)
    expect([has(1), has(2), has(3)]).toEqual([true, true, true])
    await bob.rotate(TEST_NOW_MS + 138 * DAY_MS)
    expect([has(1), has(2), has(3), has(4)]).toEqual([false, true, true, true])
  })

  it('rotates when the current one is from the future: no server takes it, made with a clock that was wrong', async () => {
    const bob = await TestDevice.make('future', new TestAttestations(), { oneTimeCount: 0 })
    await bob.rotate(TEST_NOW_MS - LIMITS.challengeMs / 2 + 1_000)
    expect(bob.signedPreKeys).toHaveLength(1)
    await bob.rotate(TEST_NOW_MS - LIMITS.challengeMs)
    expect(bob.signedPreKeys).toHaveLength(2)
  })

  it('rotates when the clock was set back by more than a week', async () => {
    const bob = await TestDevice.make('back', new TestAttestations(), { oneTimeCount: 0 })
    await bob.rotate(TEST_NOW_MS - 8 * DAY_MS)
    expect(bob.signedPreKeys).toHaveLength(2)
  })

  it('keeps sessions from a replaced key readable', async () => {
    const { alice, bob } = await testPair('replaced')
    await alice.startWith(bob)
    const first = await alice.send(bob, 'to the old key')
    await bob.rotate(TEST_NOW_MS + 10 * DAY_MS)
    expect(await bob.receive(alice, first)).toBe('to the old key')
  })
})
