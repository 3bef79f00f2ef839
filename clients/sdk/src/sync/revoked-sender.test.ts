import { describe, expect, it } from 'vitest'
import { decodeEnvelope, encodeEnvelope, type Delivery } from '@evegram/protocol'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { HEALING_LIMITS } from './allowance.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

const aliceWallet = testWallet('alice')
const bobWallet = testWallet('bob', 'terra')

/** Alice on a phone and a laptop, and bob. */
async function scene(): Promise<{ server: FakeServer; clock: VirtualClock; phone: TestClient; laptop: TestClient; bob: TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const phone = await openTestClient(server, new MemoryStore(), aliceWallet)
  const laptop = await openTestClient(server, new MemoryStore(), aliceWallet)
  const bob = await openTestClient(server, new MemoryStore(), bobWallet)
  return { server, clock, phone, laptop, bob }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])

/** What a device was told to be missing of another. */
const gapsOf = (test: TestClient, of: TestClient): unknown[] =>
  named(test, 'gap').filter(({ device }) => device === of.client.device).map(({ from, to, reason }) => [from, to, reason])

const requestsOf = (server: FakeServer, test: TestClient): number =>
  server.stored.filter(({ envelope }) => decodeEnvelope(envelope).device === test.client.device && decodeEnvelope(envelope).kind === 2).length

function broken(delivery: Delivery): Delivery {
  const envelope = decodeEnvelope(delivery.envelope)
  if (envelope.kind !== 1) return delivery
  const bodies = envelope.bodies.map((body) => ({ ...body, bytes: body.bytes.map((byte, at) => (at === body.bytes.length - 3 ? byte ^ 4 : byte)) }))
  return { ...delivery, envelope: encodeEnvelope({ ...envelope, bodies }) }
}

async function revokePhone({ phone, laptop }: { readonly phone: TestClient; readonly laptop: TestClient }): Promise<void> {
  await laptop.client.revokeDevice(phone.client.device, aliceWallet)
  await phone.client.close()
  await rest()
}

/** Live, `tests` get nothing of what `say` says: they catch up with it later. */
async function unheard(server: FakeServer, tests: readonly TestClient[], say: () => Promise<void>): Promise<void> {
  server.lies.route = (delivery, to) => (tests.some(({ client }) => client.device === to) ? [] : [delivery])
  await say()
  server.lies = {}
}

async function reconnect(test: TestClient): Promise<void> {
  test.link.down()
  test.link.up()
  await rest()
}

describe('what a device said before it was revoked', () => {
  it('reaches who hears of the revocation first from another device of its account', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    await unheard(server, [bob], async () => {
      await say(phone, bob, 'two')
      await say(phone, bob, 'three')
    })
    await revokePhone({ phone, laptop })
    await reconnect(bob)
    await clock.advance(10_000)
    const { from, fromDevice } = (await (await bob.client.conversation(laptop.client.account)).history(1))[0] ?? {}
    expect([await textsOf(bob, laptop), from, fromDevice]).toEqual([['one', 'two', 'three'], aliceWallet.address, phone.client.device])
    expect([named(bob, 'session-healed').length, gapsOf(bob, phone)]).toEqual([2, []])
    // Nothing goes on being asked for.
    expect((await bob.store.list('healing', { from: 'u/', to: 'u/~', limit: 10 })).length).toBe(0)
  })

  it('comes from several of them without anybody being accused', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    const tablet = await openTestClient(server, new MemoryStore(), aliceWallet)
    await say(phone, bob, 'one')
    await unheard(server, [bob], () => say(phone, bob, 'two'))
    await revokePhone({ phone, laptop })
    await reconnect(bob)
    await clock.advance(10_000)
    expect([await textsOf(bob, laptop), bob.refusals(), requestsOf(server, tablet)]).toEqual([['one', 'two'], ['e2ee.untrusted_identity'], 1])
  })

  it('and was damaged on the way is asked of another device of its account too', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    server.lies.deliver = (delivery, to) => [to === bob.client.device && decodeEnvelope(delivery.envelope).number === 2 ? broken(delivery) : delivery]
    // It is gone before the request comes.
    phone.core.core.events.on('message-state', () => { phone.link.down() })
    await say(phone, bob, 'two')
    await clock.advance(1_000)
    await revokePhone({ phone, laptop })
    await clock.advance(10 * 60_000)
    // The laptop is asked as soon as the phone is revoked, not when it would be the turn of the next request.
    expect([bob.refusals(), await textsOf(bob, laptop), gapsOf(bob, phone)]).toEqual([['e2ee.bad_mac'], ['one', 'two'], []])
  })

  it('and was asked for in vain while the device was away is asked of another device of its account once it is revoked', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    server.lies.deliver = (delivery, to) => [to === bob.client.device && decodeEnvelope(delivery.envelope).number === 2 ? broken(delivery) : delivery]
    phone.core.core.events.on('message-state', () => { phone.link.down() })
    await say(phone, bob, 'two')
    await clock.advance(24 * 3_600_000)
    expect([requestsOf(server, bob), await textsOf(bob, phone)]).toEqual([HEALING_LIMITS.perMessage, ['one']])
    await revokePhone({ phone, laptop })
    await clock.advance(60_000)
    expect([await textsOf(bob, laptop), gapsOf(bob, phone)]).toEqual([['one', 'two'], [[2, 2, 'unreadable']]])
    expect(requestsOf(server, bob)).toBe(HEALING_LIMITS.perMessage + 1)
  })

  it('comes back from another device of its account that was away for hours, however much it is: once each, and what is over the limit of an hour later', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'message 0')
    const texts = Array.from({ length: 55 }, (_, index) => `message ${String(index)}`)
    await unheard(server, [bob], async () => { for (const text of texts.slice(1)) await say(phone, bob, text) })
    await revokePhone({ phone, laptop })
    laptop.link.down()
    await reconnect(bob)
    await clock.advance(2 * 3_600_000)
    expect(await textsOf(bob, laptop)).toEqual(['message 0'])
    laptop.link.up()
    await clock.advance(1.5 * 3_600_000)
    expect([await textsOf(bob, laptop), laptop.refusals()]).toEqual([texts, []])
  }, 120_000)

  it('comes from another device of its account in a new session where that one lost the old one', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    await say(laptop, bob, 'two')
    await say(bob, phone, 'three')
    await unheard(server, [bob], () => say(phone, bob, 'four'))
    await revokePhone({ phone, laptop })
    const { local, ciphers } = laptop.core.core
    await local.write((tx) => {
      tx.apply(ciphers.forget(bob.client.device))
      return Promise.resolve()
    })
    await reconnect(bob)
    await clock.advance(10_000)
    expect([await textsOf(bob, laptop), laptop.refusals()]).toEqual([['one', 'two', 'three'], ['e2ee.session_missing']])
    await clock.advance(60_000)
    expect(await textsOf(bob, laptop)).toEqual(['one', 'two', 'three', 'four'])
  })

  it('and no other device of its account read is named, and asked for three times at most', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    await unheard(server, [bob, laptop], () => say(phone, bob, 'two'))
    await revokePhone({ phone, laptop })
    await reconnect(bob)
    await clock.advance(24 * 3_600_000)
    expect([await textsOf(bob, laptop), gapsOf(bob, phone)]).toEqual([['one'], [[2, 2, 'sender_revoked']]])
    expect(requestsOf(server, bob)).toBe(HEALING_LIMITS.perMessage)
    // The other own device of alice caught up with it too late, and says the same of itself.
    await reconnect(laptop)
    await clock.advance(24 * 3_600_000)
    expect(gapsOf(laptop, phone)).toEqual([[2, 2, 'sender_revoked']])
  })

  it('is named where it was the only device of its account', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    await phone.client.revokeDevice(laptop.client.device, aliceWallet)
    await unheard(server, [bob], () => say(phone, bob, 'two'))
    await phone.client.revokeDevice(phone.client.device, aliceWallet)
    await reconnect(bob)
    await clock.advance(10 * 60_000)
    expect([await textsOf(bob, phone), gapsOf(bob, phone)]).toEqual([['one'], [[2, 2, 'sender_revoked']]])
    expect((await bob.store.list('healing', { from: 'u/', to: 'u/~', limit: 10 })).length).toBe(0)
  })

  it('is given to no device that came later', async () => {
    const { server, clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    const late = await openTestClient(server, new MemoryStore(), bobWallet)
    await clock.advance(1_000)
    await revokePhone({ phone, laptop })
    // A device that makes up having missed it: what it asks for is refused.
    const { heardFor } = await import('./heard-copy.js')
    const { readConversation } = await import('../core/conversation-row.js')
    const { core } = laptop.core
    const conversation = (await laptop.client.conversation(bob.client.account)).id
    const outcomes = await core.local.write(async (tx) => {
      const row = await readConversation(tx, conversation)
      const target = (test: TestClient): Parameters<typeof heardFor>[4] => core.roster.device(test.client.device) ?? (() => { throw new Error('not attested') })()
      if (row === undefined) throw new Error('no conversation')
      const asked = { device: phone.client.device, epoch: 1, number: 1 }
      return [(await heardFor(core, tx, asked, row, target(late))).status, (await heardFor(core, tx, asked, row, target(bob))).status]
    })
    expect(outcomes).toEqual(['not_meant', 'kept'])
  })

  it('is taken from no device of another account, and from none that was not asked', async () => {
    const { clock, phone, laptop, bob } = await scene()
    await say(phone, bob, 'one')
    await revokePhone({ phone, laptop })
    const { composeControl } = await import('./control.js')
    const { readConversation } = await import('../core/conversation-row.js')
    const { readHeard } = await import('./heard-record.js')
    const { payloadFor } = await import('./seal.js')
    const { core, outbox } = laptop.core
    const conversation = (await laptop.client.conversation(bob.client.account)).id
    await core.roster.loadAccount(bob.client.account)
    await core.local.write(async (tx) => {
      const row = await readConversation(tx, conversation)
      const heard = await readHeard(tx, conversation, phone.client.device, 1)
      const to = core.roster.device(bob.client.device)
      if (row === undefined || heard === undefined || to === undefined) throw new Error('nothing was heard')
      const made = { ...heard.template, number: 2 }
      const control = await composeControl(core, tx, row, [to], { kind: 'resend', body: { payload: payloadFor(made, to, undefined) } })
      if (control === undefined) throw new Error('not sealed')
      outbox.add(tx, control)
    })
    await clock.advance(1_000)
    expect([bob.refusals(), await textsOf(bob, laptop)]).toEqual([['e2ee.envelope_mismatch'], ['one']])
  })
})

describe('a message that cannot be read and is the last of its sender', () => {
  it('is named after a minute, and shown when a copy comes after all', async () => {
    const { server, clock, phone, bob } = await scene()
    await say(phone, bob, 'one')
    let isDamaged = true
    server.lies.deliver = (delivery, to) => {
      if (!isDamaged || to !== bob.client.device) return [delivery]
      const { kind, number } = decodeEnvelope(delivery.envelope)
      if (kind === 2) return []
      return [number === 2 ? broken(delivery) : delivery]
    }
    await say(phone, bob, 'two')
    await clock.advance(30_000)
    expect(gapsOf(bob, phone)).toEqual([])
    await clock.advance(60_000)
    expect(gapsOf(bob, phone)).toEqual([[2, 2, 'unreadable']])
    isDamaged = false
    await clock.advance(15 * 60_000)
    await say(phone, bob, 'three')
    expect([await textsOf(bob, phone), gapsOf(bob, phone).length]).toEqual([['one', 'two', 'three'], 1])
  })

  it('is never called withheld by the server, also when others follow it', async () => {
    const { server, clock, phone, bob } = await scene()
    await say(phone, bob, 'one')
    server.lies.deliver = (delivery, to) => {
      if (to !== bob.client.device) return [delivery]
      const { kind, number } = decodeEnvelope(delivery.envelope)
      if (kind === 2) return []
      return [number === 2 ? broken(delivery) : delivery]
    }
    await say(phone, bob, 'two')
    await say(phone, bob, 'three')
    await clock.advance(10_000)
    expect(gapsOf(bob, phone)).toEqual([[2, 2, 'unreadable']])
    server.lies = {}
    await clock.advance(15 * 60_000)
    expect([await textsOf(bob, phone), gapsOf(bob, phone).length]).toEqual([['one', 'two', 'three'], 1])
  })

  it('stays named when nothing comes of asking', async () => {
    const { server, clock, phone, bob } = await scene()
    await say(phone, bob, 'one')
    server.lies.deliver = (delivery, to) => {
      if (to !== bob.client.device) return [delivery]
      const { kind, number } = decodeEnvelope(delivery.envelope)
      if (kind === 2) return []
      return [number === 2 ? broken(delivery) : delivery]
    }
    await say(phone, bob, 'two')
    await clock.advance(24 * 3_600_000)
    await say(phone, bob, 'three')
    await clock.advance(60_000)
    expect([await textsOf(bob, phone), gapsOf(bob, phone)]).toEqual([['one', 'three'], [[2, 2, 'unreadable']]])
  })
})
