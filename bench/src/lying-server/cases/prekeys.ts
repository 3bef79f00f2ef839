import { attempt, type Attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { Mallory } from '../mallory.js'
import type { Answered, Lie } from '../proxy.js'
import { shows, timesShown, toldOf, type Person, type World } from '../world.js'

type Json = Answered['json']

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** Changes the bundles of the device of `owner`. */
function bundles(owner: Person, change: (json: Json) => Json): Lie {
  return {
    async http(asked, forward) {
      const answer = await forward()
      const isBundle = asked.path === `/v1/prekeys/${owner.client.account}/${owner.client.device}` && answer.status === 200
      return isBundle ? { ...answer, json: change(answer.json) } : answer
    },
  }
}

/** A first message that is written while bundles are lied about. Resolves with what the writer was told. */
async function firstMessage(world: World, from: Person, to: Person, lie: Lie): Promise<{ readonly told: string; readonly text: string }> {
  world.proxy.lie = lie
  const before = from.told.length
  const text = world.text('first contact', from, to)
  // Whether and when it is acknowledged is no part of the claim: it may be stored without a copy for the device.
  ;(await (await from.client.conversation(to.wallet.address)).send(text)).acked.catch(() => undefined)
  return { told: await toldOf(from, 'security', before), text }
}

/** A case that lies about bundles in one way. */
function bundleCase(name: string, claim: string, expected: string, change: (json: Json, mallory: Mallory) => Json): LyingCase {
  return {
    name, claim,
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice', { chain: 'ton' }), await world.join('bob'), await Mallory.join(world)]
      const { told, text } = await firstMessage(world, bob, alice, bundles(alice, (json) => change(json, mallory)))
      return [
        await attempt('the bundle', expected, () => Promise.resolve(told)),
        await attempt('what Alice is shown meanwhile', '0 times', () => Promise.resolve(`${String(timesShown(alice, text))} times`)),
        await honestly(world, bob, alice),
      ]
    },
  }
}

const signedOf = (json: Json): Json => json['signedPreKey'] as Json

/** Lies about the keys that sessions begin with. */
export const PREKEY_CASES: readonly LyingCase[] = [
  bundleCase('bundle-swapped', 'Mallory\'s bundle under Alice\'s name', 'security e2ee.untrusted_identity (bundle)', (json, { device, prekeys }) => ({
    ...json, registrationId: device.keys.registrationId, identityKey: base64(device.keys.identity.publicKey), signingKey: base64(device.keys.signing.publicKey),
    signedPreKey: {
      id: prekeys.signed.id, publicKey: base64(prekeys.signed.publicKey), signature: base64(prekeys.signed.signature), createdAtMs: prekeys.signed.createdAtMs,
      deviceSignature: base64(prekeys.signed.deviceSignature),
    },
    oneTimePreKey: null,
  })),
  bundleCase('bundle-key-swapped', 'Alice\'s identity with Mallory\'s signed prekey', 'security e2ee.bundle_invalid (device signature)', (json, { prekeys }) => ({
    ...json, signedPreKey: { ...signedOf(json), publicKey: base64(prekeys.signed.publicKey) },
  })),
  bundleCase('bundle-young', 'an old signed prekey with a new date', 'security e2ee.bundle_invalid (device signature)', (json) => ({
    ...json, signedPreKey: { ...signedOf(json), createdAtMs: Number(signedOf(json)['createdAtMs']) + 1 },
  })),
  bundleCase('bundle-old', 'a signed prekey of long ago', 'security e2ee.bundle_invalid (age)', (json) => ({
    ...json, signedPreKey: { ...signedOf(json), createdAtMs: Number(signedOf(json)['createdAtMs']) - 61 * 86_400_000 },
  })),
  bundleCase('bundle-low-order', 'a prekey of low order', 'security e2ee.low_order_key (bundle)', (json) => ({
    ...json, oneTimePreKey: { id: 1, publicKey: base64(Uint8Array.from([5, ...new Uint8Array(32)])) },
  })),
  {
    name: 'one-time-key-swapped', claim: 'Mallory\'s one-time prekey in Alice\'s bundle, which no signature covers: unreadable for all, then sent again',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob'), await Mallory.join(world)]
      const [own] = mallory.prekeys.oneTime
      const before = alice.told.length
      world.proxy.lie = bundles(alice, (json) => ({ ...json, oneTimePreKey: { ...(json['oneTimePreKey'] as Json), publicKey: base64(own?.publicKey ?? new Uint8Array(33)) } }))
      const text = await world.send(bob, alice, 'to a swapped key')
      const attempts = [await attempt('what Alice receives', 'security e2ee.bad_mac', () => toldOf(alice, 'security', before))]
      world.proxy.lie = {}
      attempts.push(await attempt('what Alice asks for', 'healed', () => toldOf(alice, 'healed', before)))
      await shows(alice, text)
      return [...attempts, await honestly(world, bob, alice)]
    },
  },
  {
    name: 'prekey-message-forged', claim: 'PreKey messages with an identity that nobody attested, in Alice\'s name',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob', { chain: 'terra' }), await Mallory.join(world)]
      await world.honest(alice, bob)
      const text = world.text('forged in the name of Alice')
      const attempts: Attempt[] = []
      const claims = [
        ['as Alice\'s device', { account: alice.client.account, device: alice.client.device }, 'security e2ee.untrusted_identity (the message names another identity key)'],
        ['as a device of Alice that her log does not have', { account: alice.client.account, device: mallory.device.device }, 'security e2ee.untrusted_identity (the device is not attested)'],
        ['as Bob\'s own other device', { account: bob.client.account, device: mallory.device.device }, 'security e2ee.untrusted_identity (the device is not attested)'],
      ] as const
      for (const [what, claim, expected] of claims) {
        const { payload, header } = mallory.compose(bob, claim, { kind: 'text', body: { text } }, alice.client.account)
        const sealed = await mallory.seal(bob, payload)
        const before = bob.told.length
        world.proxy.inject(bob.client.device, mallory.delivery(bob, header, sealed))
        attempts.push(await attempt(what, expected, () => toldOf(bob, 'security', before)))
      }
      attempts.push(await attempt('what Bob is shown', '0 times', () => Promise.resolve(`${String(timesShown(bob, text))} times`)))
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
]
