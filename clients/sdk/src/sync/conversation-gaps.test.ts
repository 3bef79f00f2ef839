import { describe, expect, it } from 'vitest'
import { decodeEnvelope, encodeEnvelope, type Envelope } from '@evegram/protocol'
import { MemoryStore } from '../store/memory.js'
import type { ConversationGap } from './conversation-gaps.js'
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

async function say(from: TestClient, to: TestClient, text: string): Promise<string> {
  const sent = await (await from.client.conversation(to.client.account)).send(text)
  await sent.acked
  await rest()
  return sent.messageId
}

const gapsOf = async (test: TestClient, with_: TestClient): Promise<readonly ConversationGap[]> => (await test.client.conversation(with_.client.account)).gaps()

/** Loses copies for `victim` everywhere, and what would bring them again. */
function withhold(server: FakeServer, victim: TestClient, isLost: (envelope: Envelope) => boolean): void {
  server.lies.deliver = (delivery, to) => (to === victim.client.device && isLost(decodeEnvelope(delivery.envelope)) ? [] : [delivery])
}

describe('what is missing in a conversation', () => {
  it('is nothing where nothing is', async () => {
    const { alice, bob } = await pair()
    for (const text of ['one', 'two']) await say(alice, bob, text)
    expect(await gapsOf(bob, alice)).toEqual([])
  })

  it('stands before the next message of its device that is here, and is told no more once it came', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    withhold(server, bob, ({ kind, number }) => kind === 2 || number === 2 || number === 3)
    for (const text of ['two', 'three']) await say(alice, bob, text)
    const before = await say(alice, bob, 'four')
    await clock.advance(10_000)
    const gap = { kind: 'messages', account: alice.client.account, device: alice.client.device, epoch: 1, from: 2, to: 3, reason: 'withheld', before }
    expect(await gapsOf(bob, alice)).toEqual([gap])
    server.lies = {}
    await clock.advance(2 * 3_600_000)
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three', 'four'])
    expect(await gapsOf(bob, alice)).toEqual([])
  })

  it('stands behind the last that is here where nothing follows it', async () => {
    const { server, clock, alice, bob } = await pair()
    const behind = await say(alice, bob, 'one')
    server.lies.deliver = (delivery, to) => {
      const envelope = decodeEnvelope(delivery.envelope)
      if (to !== bob.client.device || envelope.number === 1) return [delivery]
      return envelope.kind === 2 ? [] : [{ ...delivery, envelope: encodeEnvelope({ ...envelope, bodies: envelope.bodies.map((body) => ({ ...body, bytes: body.bytes.map((byte, at) => (at === body.bytes.length - 3 ? byte ^ 4 : byte)) })) }) }]
    }
    await say(alice, bob, 'two')
    await clock.advance(120_000)
    expect(await gapsOf(bob, alice)).toMatchObject([{ kind: 'messages', from: 2, to: 2, reason: 'unreadable', behind }])
  })

  it('is what came before a new device, too', async () => {
    const { server, alice, bob } = await pair()
    await say(alice, bob, 'one')
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
    const before = await say(alice, bob, 'two')
    expect(await gapsOf(bob2, alice)).toMatchObject([{ kind: 'messages', device: alice.client.device, from: 1, to: 1, reason: 'before_you_joined', before }])
  })

  it('is what went while a device was away for too long', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    bob.link.down()
    await say(alice, bob, 'two')
    alice.link.down()
    await clock.advance(31 * 24 * 3_600_000)
    server.trim(clock.now() - 30 * 24 * 3_600_000)
    bob.link.up()
    await rest()
    expect(await gapsOf(bob, alice)).toContainEqual({ kind: 'time', sinceMs: expect.any(Number) as number, untilMs: server.keptSinceMs, reason: 'expired' })
  })
})
