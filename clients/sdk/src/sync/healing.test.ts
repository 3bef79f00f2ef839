import { describe, expect, it } from 'vitest'
import { decodeEnvelope, encodeEnvelope, type Delivery, type Envelope } from '@evegram/protocol'
import type { ClientEvents } from '../events.js'
import { readConversation } from '../core/conversation-row.js'
import { MemoryStore } from '../store/memory.js'
import { HEALING_LIMITS } from './allowance.js'
import { composeControl } from './control.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

async function pair(): Promise<{ server: FakeServer; clock: VirtualClock; alice: TestClient; bob: TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
  return { server, clock, alice, bob }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])

/** Loses copies for `victim` everywhere: live, catch-up and reads. */
function withhold(server: FakeServer, victim: TestClient, isLost: (envelope: Envelope) => boolean): void {
  server.lies.deliver = (delivery, to) => (to === victim.client.device && isLost(decodeEnvelope(delivery.envelope)) ? [] : [delivery])
}

/** Changes copies for `victim` everywhere. */
function change(server: FakeServer, victim: TestClient, edit: (delivery: Delivery) => Delivery): void {
  server.lies.deliver = (delivery, to) => [to === victim.client.device ? edit(delivery) : delivery]
}

function broken(delivery: Delivery): Delivery {
  const envelope = decodeEnvelope(delivery.envelope)
  if (envelope.kind !== 1) return delivery
  const bodies = envelope.bodies.map((body) => {
    const bytes = body.bytes.slice()
    const index = bytes.length - 3
    bytes[index] = (bytes[index] ?? 0) ^ 4
    return { ...body, bytes }
  })
  return { ...delivery, envelope: encodeEnvelope({ ...envelope, bodies }) }
}

describe('a missing message', () => {
  it('that was only lost on the way is read from the log, without asking its sender', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    server.lies.route = (delivery, to) => (to === bob.client.device ? [] : [delivery])
    await say(alice, bob, 'two')
    server.lies = {}
    await say(alice, bob, 'three')
    expect(await textsOf(bob, alice)).toEqual(['one', 'three'])
    await clock.advance(10_000)
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three'])
    expect(named(bob, 'gap')).toEqual([])
    expect(server.stored.filter(({ envelope }) => decodeEnvelope(envelope).kind === 2)).toEqual([])
  })

  it('that the server withholds is named, and got from its sender by a signed request', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    withhold(server, bob, ({ kind, number }) => kind === 1 && number === 2)
    await say(alice, bob, 'two')
    await say(alice, bob, 'three')
    await clock.advance(10_000)
    expect(named(bob, 'gap').map(({ from, to, reason }) => ({ from, to, reason }))).toEqual([{ from: 2, to: 2, reason: 'withheld' }])
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three'])
    expect(named(bob, 'session-healed').length).toBe(1)
  })

  it('that nobody can give any more stays named, and is asked for three times at most', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    withhold(server, bob, ({ kind, number }) => kind === 2 || number === 2)
    await say(alice, bob, 'two')
    await say(alice, bob, 'three')
    await clock.advance(24 * 3_600_000)
    expect(await textsOf(bob, alice)).toEqual(['one', 'three'])
    const requests = server.stored.filter(({ envelope }) => decodeEnvelope(envelope).device === bob.client.device)
    expect(requests.length).toBe(3)
    await say(alice, bob, 'four')
    expect(await textsOf(bob, alice)).toEqual(['one', 'three', 'four'])
  })

  it('older than the retention is named expired by the discontinuity of the server', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    bob.link.down()
    await say(alice, bob, 'two')
    alice.link.down()
    await clock.advance(31 * 24 * 3_600_000)
    server.trim(clock.now() - 30 * 24 * 3_600_000)
    bob.link.up()
    await rest()
    expect(named(bob, 'gap').map(({ reason, untilMs }) => ({ reason, untilMs }))).toEqual([{ reason: 'expired', untilMs: server.keptSinceMs }])
  })
})

describe('a message that cannot be decrypted', () => {
  it('is asked for again and shown when its sender answers', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    change(server, bob, (delivery) => (decodeEnvelope(delivery.envelope).number === 2 ? broken(delivery) : delivery))
    await say(alice, bob, 'two')
    await clock.advance(10_000)
    expect(bob.refusals()).toContain('e2ee.bad_mac')
    expect(await textsOf(bob, alice)).toEqual(['one', 'two'])
    await say(bob, alice, 'thanks')
    expect(await textsOf(alice, bob)).toEqual(['one', 'two', 'thanks'])
  })

  it('because the session is gone heals in a new session', async () => {
    const { clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    await say(bob, alice, 'two')
    await bob.core.core.local.write((tx) => {
      tx.apply(bob.core.core.ciphers.forget(alice.client.device))
      return Promise.resolve()
    })
    await say(alice, bob, 'three')
    expect(bob.refusals()).toEqual(['e2ee.session_missing'])
    await clock.advance(10_000)
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three'])
    await say(alice, bob, 'four')
    await say(bob, alice, 'five')
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three', 'four', 'five'])
    expect(await textsOf(alice, bob)).toEqual(['one', 'two', 'three', 'four', 'five'])
  })
})

describe('many messages that cannot be read, of a sender who is away for hours', () => {
  it('are all had again: requests that waited together are answered once each, and those past the limit later', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'hello')
    await say(bob, alice, 'hello')
    change(server, bob, (delivery) => (decodeEnvelope(delivery.envelope).number > 1 ? broken(delivery) : delivery))
    const texts = Array.from({ length: 70 }, (_, index) => `message ${String(index)}`)
    bob.link.down()
    for (const text of texts) await say(alice, bob, text)
    alice.link.down()
    bob.link.up()
    await clock.advance(5 * 3_600_000)
    server.lies = {}
    expect((await textsOf(bob, alice)).length).toBe(2)
    alice.link.up()
    await clock.advance(8 * 3_600_000)
    expect((await textsOf(bob, alice)).filter((text) => text !== 'hello')).toEqual(texts)
    const answers = server.stored.filter(({ envelope }) => decodeEnvelope(envelope).kind === 2 && decodeEnvelope(envelope).device === alice.client.device)
    // 210 requests waited; some of what is sent again crosses with the next request for it.
    expect(answers.length).toBeLessThan(2 * texts.length)
  }, 120_000)
})

describe('a session', () => {
  it('is not given up for a request that is over the limit of an hour', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'hello')
    await say(bob, alice, 'hello')
    change(server, bob, (delivery) => (decodeEnvelope(delivery.envelope).number > 1 ? broken(delivery) : delivery))
    bob.link.down()
    for (let index = 0; index <= HEALING_LIMITS.perHour; index++) await say(alice, bob, `message ${String(index)}`)
    alice.link.down()
    let fetched = 0
    server.lies.bundle = (bundle) => {
      fetched += 1
      return bundle
    }
    bob.link.up()
    await clock.advance(30 * 60_000)
    expect(fetched).toBe(0)
    // The next hour has room, and a new session for what was asked in the old one.
    await clock.advance(45 * 60_000)
    expect(fetched).toBeGreaterThan(0)
  })
})

describe('a resend request', () => {
  it('that is not signed by the device that sends it is refused', async () => {
    const { alice, bob, clock } = await pair()
    await say(alice, bob, 'one')
    await say(bob, alice, 'two')
    const id = (await alice.client.conversation(bob.client.account)).id
    const { core } = bob.core
    await core.local.write(async (tx) => {
      const conversation = await readConversation(tx, id)
      const target = core.roster.device(alice.client.device)
      if (conversation === undefined || target === undefined) throw new Error('no conversation')
      const row = await composeControl(core, tx, conversation, [target], {
        kind: 'resend_request',
        body: { epoch: 1, number: 1, ciphertextHash: new Uint8Array(32), nonce: new Uint8Array(16), signature: new Uint8Array(64) },
      })
      if (row !== undefined) bob.core.outbox.add(tx, row)
    })
    await clock.advance(1_000)
    expect(alice.refusals()).toEqual(['e2ee.resend_refused'])
    expect(named(bob, 'session-healed')).toEqual([])
  })
})
