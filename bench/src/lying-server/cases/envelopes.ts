import { BODY_HEADER_BYTES, directConversationIdOf, ENVELOPE_OFFSETS, idBytes, viewEnvelope, type Delivery } from '@evegram/protocol'
import { attempt, type Attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { bigEndian, deliverFrame, onDeliveries, withField } from '../tamper.js'
import { shows, timesShown, toldOf, type Person, type World } from '../world.js'

/** How one delivery is changed, and what Bob must say to it. */
interface Tampering {
  readonly what: string
  readonly expected: string
  readonly change: (envelope: Uint8Array) => Uint8Array
}

/** Sends a message from Alice to Bob, in front of which the liar puts a changed copy. Both must be told apart: the first refused, the second shown once. */
async function tamperWith(world: World, alice: Person, bob: Person, { what, expected, change }: Tampering): Promise<Attempt[]> {
  const before = bob.told.length
  world.proxy.lie = onDeliveries(alice, bob, (delivery: Delivery, frame) => [deliverFrame({ ...delivery, envelope: change(delivery.envelope) }), frame])
  const text = await world.send(alice, bob, 'with a changed copy before it')
  await shows(bob, text)
  world.proxy.lie = {}
  return [
    await attempt(what, expected, () => toldOf(bob, 'security', before)),
    await attempt(`${what}: the true copy`, 'once', () => Promise.resolve(timesShown(bob, text) === 1 ? 'once' : `${String(timesShown(bob, text))} times`)),
  ]
}

async function all(world: World, alice: Person, bob: Person, tamperings: readonly Tampering[]): Promise<Attempt[]> {
  const attempts: Attempt[] = []
  for (const tampering of tamperings) attempts.push(...await tamperWith(world, alice, bob, tampering))
  return attempts
}

/** Lies about what a ciphertext is. */
export const ENVELOPE_CASES: readonly LyingCase[] = [
  {
    name: 'ciphertext-moved', claim: 'a ciphertext moved to another conversation, sender, message, order or kind',
    async run(world) {
      const [alice, bob, carol] = [await world.join('alice'), await world.join('bob', { chain: 'ton' }), await world.join('carol', { chain: 'terra' })]
      await world.honest(alice, bob)
      await world.honest(carol, bob)
      const withCarol = idBytes(directConversationIdOf(bob.client.account, carol.client.account))
      const attempts = await all(world, alice, bob, [
        { what: 'another conversation', expected: 'security e2ee.envelope_mismatch (conversation)', change: (envelope) => withField(envelope, 'conversation', withCarol) },
        { what: 'another message', expected: 'security e2ee.envelope_mismatch (number)', change: (envelope) => withField(envelope, 'number', bigEndian(BigInt(viewEnvelope(envelope).number + 1), 8)) },
        { what: 'another epoch', expected: 'security e2ee.envelope_mismatch (epoch)', change: (envelope) => withField(envelope, 'epoch', bigEndian(2n, 4)) },
        { what: 'another order', expected: 'security e2ee.envelope_mismatch (order)', change: (envelope) => withField(envelope, 'order', bigEndian(viewEnvelope(envelope).order + 1n, 8)) },
        {
          what: 'another kind', expected: 'security e2ee.envelope_mismatch (kind)',
          change: (envelope) => withField(withField(envelope, 'kind', Uint8Array.of(2)), 'epoch', bigEndian(0n, 4)),
        },
        {
          what: 'Carol as its sender', expected: 'security e2ee.bad_mac',
          change: (envelope) => withField(withField(withField(envelope, 'conversation', withCarol), 'account', idBytes(carol.client.account)), 'device', idBytes(carol.client.device)),
        },
        { what: 'Carol\'s account for Alice\'s device', expected: 'security e2ee.untrusted_identity (the device is not attested)', change: (envelope) => withField(withField(envelope, 'conversation', withCarol), 'account', idBytes(carol.client.account)) },
      ])
      return [...attempts, await honestly(world, alice, bob), await honestly(world, carol, bob)]
    },
  },
  {
    name: 'ciphertext-changed', claim: 'a ciphertext with one bit changed, cut, or of another type',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      await world.honest(alice, bob)
      const flip = (envelope: Uint8Array, fromEnd: number): Uint8Array => envelope.map((byte, index) => (index === envelope.length - fromEnd ? byte ^ 1 : byte))
      const typeAt = ENVELOPE_OFFSETS.end + 16
      const attempts = await all(world, alice, bob, [
        { what: 'a bit of the MAC', expected: 'security e2ee.bad_mac', change: (envelope) => flip(envelope, 1) },
        { what: 'a bit of the text', expected: 'security e2ee.bad_mac', change: (envelope) => flip(envelope, 20) },
        {
          what: 'cut', expected: 'security invalid.envelope (ciphertext)',
          change: (envelope) => {
            const cut = envelope.slice(0, ENVELOPE_OFFSETS.end + BODY_HEADER_BYTES + 4)
            new DataView(cut.buffer).setUint32(ENVELOPE_OFFSETS.end + 20, 4)
            return cut
          },
        },
        { what: 'as a PreKey message', expected: 'security invalid.envelope (ciphertext)', change: (envelope) => envelope.map((byte, index) => (index === typeAt ? 1 : byte)) },
        { what: 'no envelope at all', expected: 'security invalid.envelope', change: (envelope) => envelope.map((byte, index) => (index === 0 ? 9 : byte)) },
      ])
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
]
