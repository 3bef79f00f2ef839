import { describe, expect, it } from 'vitest'
import {
  BODY_TYPE, decodeEnvelope, encodeEnvelope, type Delivery, type Envelope,
} from '@evegram/protocol'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

async function trio(): Promise<{ server: FakeServer; clock: VirtualClock; alice: TestClient; bob: TestClient; mallory: TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
  const mallory = await openTestClient(server, new MemoryStore(), testWallet('mallory', 'ton'))
  return { server, clock, alice, bob, mallory }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

/** Delivers `change` of every envelope to `victim` in front of the true copy. */
function tamper(server: FakeServer, victim: TestClient, change: (envelope: Envelope) => Envelope): void {
  server.lies.route = (delivery, to) => {
    if (to !== victim.client.device) return [delivery]
    return [{ ...delivery, envelope: encodeEnvelope(change(decodeEnvelope(delivery.envelope))) }, delivery]
  }
}

const OTHER_CONVERSATION = 'ab'.repeat(16) as Envelope['conversation']

describe('a server that changes the envelope', () => {
  it.each<[string, (envelope: Envelope, mallory: TestClient) => Envelope, string]>([
    ['another conversation', (envelope) => ({ ...envelope, conversation: OTHER_CONVERSATION }), 'e2ee.envelope_mismatch'],
    ['another number', (envelope) => ({ ...envelope, number: envelope.number + 7 }), 'e2ee.envelope_mismatch'],
    ['another epoch', (envelope) => ({ ...envelope, epoch: 2 }), 'e2ee.envelope_mismatch'],
    ['another order', (envelope) => ({ ...envelope, order: envelope.order + 1n }), 'e2ee.envelope_mismatch'],
    ['a control envelope', (envelope) => ({ ...envelope, kind: 2, epoch: 0 }), 'e2ee.envelope_mismatch'],
    ['another sending account', (envelope, mallory) => ({ ...envelope, account: mallory.client.account }), 'e2ee.envelope_mismatch'],
    ['a device that nobody attested', (envelope) => ({ ...envelope, device: 'cd'.repeat(16) as Envelope['device'] }), 'e2ee.untrusted_identity'],
    ['a changed ciphertext', (envelope) => ({ ...envelope, bodies: envelope.bodies.map((body) => ({ ...body, bytes: flip(body.bytes) })) }), ''],
  ])('is refused with %s, and the true copy is shown', async (_name, change, code) => {
    const { server, alice, bob, mallory } = await trio()
    tamper(server, bob, (envelope) => change(envelope, mallory))
    await say(alice, bob, 'secret')
    server.lies = {}
    await say(alice, bob, 'later')
    expect(await textsOf(bob, alice)).toEqual(['secret', 'later'])
    expect(bob.refusals().length).toBeGreaterThan(0)
    if (code !== '') expect(bob.refusals()).toContain(code)
  })

  it('cannot pass a message of one sender off as of another', async () => {
    const { server, alice, bob, mallory } = await trio()
    await say(mallory, bob, 'hello')
    const fake = mallory.client
    tamper(server, bob, (envelope) => ({ ...envelope, account: fake.account, device: fake.device }))
    await say(alice, bob, 'from alice')
    server.lies = {}
    expect(await textsOf(bob, mallory)).toEqual(['hello'])
    expect(await textsOf(bob, alice)).toEqual(['from alice'])
  })

  it('gets nothing but a count out of replaying old deliveries', async () => {
    const { server, alice, bob } = await trio()
    const seen: Delivery[] = []
    server.lies.route = (delivery) => {
      seen.push(delivery)
      return [delivery]
    }
    await say(alice, bob, 'one')
    await say(bob, alice, 'two')
    await say(alice, bob, 'three')
    const resets = bob.log.length
    for (const delivery of seen) bob.link.push({ type: 'deliver', deliveries: [delivery, delivery] })
    // The same ciphertext under a new number: a used ratchet counter.
    const moved = decodeEnvelope(seen[0]?.envelope ?? new Uint8Array())
    bob.link.push({ type: 'deliver', deliveries: [{ position: { timeMs: 1, incarnation: 1, counter: 1 }, envelope: encodeEnvelope({ ...moved, number: 99 }) }] })
    await rest()
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three'])
    expect(bob.log.slice(resets).map(({ event }) => (event as ClientEvents['security']).code)).toEqual(['e2ee.replayed'])
  })

  it('is survived: envelopes that do not parse are counted, and the next message is shown', async () => {
    const { alice, bob } = await trio()
    bob.link.push({ type: 'deliver', deliveries: [{ position: { timeMs: 1, incarnation: 1, counter: 1 }, envelope: new Uint8Array(200) }] })
    await say(alice, bob, 'fine')
    expect(bob.refusals()).toEqual(['invalid.envelope'])
    expect(await textsOf(bob, alice)).toEqual(['fine'])
  })
})

describe('a server that lies about accounts', () => {
  it('raises an alarm and stops sending when it rolls a log back', async () => {
    const { server, clock, alice, bob } = await trio()
    await say(alice, bob, 'before')
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
    await alice.client.verify(bob.client.account).catch(() => undefined)
    await alice.core.core.roster.refresh(bob.client.account)
    server.lies.log = (account, entries) => (account === bob.client.account ? entries.slice(0, 1) : entries)
    await expect(alice.core.core.roster.refresh(bob.client.account)).rejects.toMatchObject({ code: 'account.log_rolled_back' })
    const conversation = await alice.client.conversation(bob.client.account)
    await expect(conversation.send('not now')).rejects.toMatchObject({ code: 'account.log_rolled_back' })
    await clock.advance(4_000)
    expect(await textsOf(bob, alice)).toEqual(['before'])
    expect(alice.log.filter(({ name }) => name === 'account-alarm').length).toBeGreaterThan(0)
    server.lies = {}
    await alice.core.core.roster.refresh(bob.client.account)
    await say(alice, bob, 'after')
    expect(await textsOf(bob2, alice)).toEqual(['after'])
  })

  it('is caught withholding a new device of the sender: its peer names a newer log', async () => {
    const { server, alice, bob } = await trio()
    await say(alice, bob, 'before')
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
    server.lies.log = (account, entries) => (account === bob.client.account ? entries.slice(0, 1) : entries)
    // The fake link told bob and alice of the new device; only alice is lied to from here on.
    await say(bob, alice, 'hello')
    expect(alice.log.filter(({ name }) => name === 'account-alarm' || name === 'device-added').length).toBeGreaterThan(0)
    expect(bob2.client.state).toBe('live')
  })

  it('gets no ciphertext for a device that it made up', async () => {
    const { server, alice, bob } = await trio()
    const ghost = 'ef'.repeat(16)
    let asked = 0
    server.lies.send = (envelope) => {
      const refused = decodeEnvelope(envelope).bodies.some(({ device }) => device === ghost)
      expect(refused).toBe(false)
      if (asked++ > 1) return undefined
      return {
        status: 'refused',
        failure: { code: 'stale.devices', message: 'stale', accounts: [{ account: bob.client.account, seq: 2 }], missing: [ghost as Envelope['device']] },
      }
    }
    await say(alice, bob, 'secret')
    expect(asked).toBeGreaterThan(1)
    expect(await textsOf(bob, alice)).toEqual(['secret'])
  })

  it('cannot hand out keys of its own: a bundle that the device did not sign is refused and the device skipped', async () => {
    const { server, alice, bob, mallory } = await trio()
    const own = await server.api().fetchBundle({ signer: { device: mallory.client.device } } as never, mallory.client.account, mallory.client.device)
    server.lies.bundle = (bundle) => ({ ...bundle, signedPreKey: own.signedPreKey })
    const sent = await (await alice.client.conversation(bob.client.account)).send('secret')
    await rest()
    await sent.acked
    expect(alice.refusals()).toContain('e2ee.bundle_invalid')
    expect(server.stored.every(({ envelope }) => decodeEnvelope(envelope).bodies.every(({ type }) => type === BODY_TYPE.skip))).toBe(true)
  })
})

function flip(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  const index = changed.length - 4
  changed[index] = (changed[index] ?? 0) ^ 1
  return changed
}

describe('a sender that says two things', () => {
  it('is caught: another message under a number that was shown raises an alarm and is not shown', async () => {
    const { server, alice, bob } = await trio()
    const disk = alice.store
    await say(alice, bob, 'first')
    // The program of alice is put back to an older state, as a restored backup would: it uses number 2 twice.
    const old = new MemoryStore()
    for (const table of ['meta', 'sessions', 'prekeys', 'accounts', 'conversations', 'messages', 'handled', 'chains', 'outbox', 'healing'] as const) {
      const rows = await disk.list(table, { limit: 10_000 })
      await old.commit(rows.map(({ key, value }) => ({ table, key, value })))
    }
    await say(alice, bob, 'second')
    await alice.client.close()
    const restored = await openTestClient(server, old)
    await (await (await restored.client.conversation(bob.client.account)).send('other second')).acked
    await rest()
    const texts = await textsOf(bob, restored)
    expect(texts).toEqual(['first', 'second'])
    expect(bob.refusals().some((code) => code === 'e2ee.chain_broken' || code === 'e2ee.replayed')).toBe(true)
  })
})
