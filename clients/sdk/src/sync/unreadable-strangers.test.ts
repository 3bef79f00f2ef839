import { describe, expect, it } from 'vitest'
import { decodeEnvelope, encodeEnvelope, type Delivery } from '@evegram/protocol'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly alice: TestClient
  /** Asks about strangers. */
  readonly bob: TestClient
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  return { clock, server, alice, bob: await openTestClient(server, new MemoryStore(), testWallet('bob'), undefined, undefined, 'ask') }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

/** Breaks every message for `victim` on its way, so that it cannot be read. */
function breakFor(server: FakeServer, victim: TestClient): void {
  const broken = (delivery: Delivery): Delivery => {
    const envelope = decodeEnvelope(delivery.envelope)
    if (envelope.kind !== 1) return delivery
    const bodies = envelope.bodies.map((body) => ({ ...body, bytes: body.bytes.map((byte, at) => (at === body.bytes.length - 3 ? byte ^ 4 : byte)) }))
    return { ...delivery, envelope: encodeEnvelope({ ...envelope, bodies }) }
  }
  server.lies.deliver = (delivery, to) => [to === victim.client.device ? broken(delivery) : delivery]
}

/** Envelopes that `who` sent: whatever they are, whoever gets them knows that somebody is there. */
const sentBy = (server: FakeServer, who: TestClient): number => server.stored.filter(({ envelope }) => decodeEnvelope(envelope).account === who.client.account).length

describe('what cannot be read', () => {
  it('of a stranger waits as a request, of which they hear nothing, and is asked for once it is accepted', async () => {
    const { clock, server, alice, bob } = await scene()
    breakFor(server, bob)
    await say(alice, bob, 'hello?')
    await clock.advance(600_000)
    expect(sentBy(server, bob)).toBe(0)
    const [request] = await bob.client.requests()
    expect([request?.account, request?.messages, request?.dropped, await bob.client.conversations()]).toEqual([alice.client.account, 0, 1, []])
    server.lies = {}
    await say(alice, bob, 'anybody?')
    await clock.advance(60_000)
    expect([sentBy(server, bob), (await bob.client.requests()).length]).toEqual([0, 1])
    await bob.client.accept(request?.conversation ?? '')
    await clock.advance(120_000)
    expect(await textsOf(bob, alice)).toEqual(['hello?', 'anybody?'])
  })

  it('of a stranger who was declined begins no request', async () => {
    const { clock, server, alice, bob } = await scene()
    await say(alice, bob, 'hello?')
    await bob.client.decline((await bob.client.requests())[0]?.conversation ?? '')
    breakFor(server, bob)
    await say(alice, bob, 'hello??')
    await clock.advance(600_000)
    expect([sentBy(server, bob), await bob.client.requests(), await bob.client.conversations()]).toEqual([0, [], []])
  })

  it('of whom is blocked is not asked for, nor is anything sent to them again, and no conversation of theirs appears', async () => {
    const { clock, server, alice, bob } = await scene()
    await bob.client.block(alice.client.account)
    breakFor(server, bob)
    await say(alice, bob, 'let me in')
    await clock.advance(600_000)
    expect([sentBy(server, bob), await bob.client.requests(), await bob.client.conversations()]).toEqual([0, [], []])
  })

  it('by somebody who is blocked by now is not said to them again', async () => {
    const { clock, server, alice, bob } = await scene()
    const withKeys = (delivery: Delivery, to: string): readonly Delivery[] => (to === bob.client.device && decodeEnvelope(delivery.envelope).kind === 2 ? [] : [delivery])
    breakFor(server, alice)
    const breaking = server.lies.deliver
    // Her first request does not arrive; the next one comes when she is blocked.
    server.lies.deliver = (delivery, to) => withKeys(delivery, to).flatMap((left) => breaking?.(left, to) ?? [left])
    await say(bob, alice, 'hello')
    await bob.client.block(alice.client.account)
    const before = [sentBy(server, bob), sentBy(server, alice)]
    server.lies = {}
    await clock.advance(600_000)
    expect(sentBy(server, alice)).toBeGreaterThan(before[1] ?? 0)
    expect([sentBy(server, bob), await textsOf(alice, bob)]).toEqual([before[0], []])
  })
})
