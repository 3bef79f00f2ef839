import { describe, expect, it } from 'vitest'
import { EvegramError, decodeEnvelope, viewEnvelope, type Delivery } from '@evegram/protocol'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { Sessions } from './sessions.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore } from './testing/mortal-store.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

const aliceWallet = testWallet('alice')
const bobWallet = testWallet('bob', 'terra')

async function pair(): Promise<{ server: FakeServer; clock: VirtualClock; alice: TestClient; bob: TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), aliceWallet)
  const bob = await openTestClient(server, new MemoryStore(), bobWallet)
  return { server, clock, alice, bob }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])

describe('several devices', () => {
  it('all get every message of both sides, own ones as sent, from the moment they joined', async () => {
    const { server, alice, bob } = await pair()
    await say(alice, bob, 'one')
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    const alice2 = await openTestClient(server, new MemoryStore(), aliceWallet)
    await say(alice, bob, 'two')
    await say(bob2, alice, 'three')
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three'])
    expect(await textsOf(bob2, alice)).toEqual(['two', 'three'])
    expect(await textsOf(alice2, bob)).toEqual(['two', 'three'])
    const [own] = await (await alice2.client.conversation(bob.client.account)).history(10)
    expect(own).toMatchObject({ direction: 'out', state: 'sent', from: aliceWallet.address, fromDevice: alice.client.device })
    expect(named(bob2, 'gap')).toEqual([])
    expect(named(bob, 'device-added').map(({ device, own: mine }) => ({ device, mine }))).toContainEqual({ device: bob2.client.device, mine: true })
    expect(named(alice, 'device-added').map(({ device, own: mine }) => ({ device, mine }))).toContainEqual({ device: bob2.client.device, mine: false })
  })

  it('are found by the server\'s hint when the sender did not know of them, under the same message', async () => {
    const { server, alice, bob } = await pair()
    await say(alice, bob, 'one')
    alice.link.down()
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    const sent = await (await alice.client.conversation(bob.client.account)).send('two')
    alice.link.up()
    await sent.acked
    await rest()
    expect(await textsOf(bob2, alice)).toEqual(['two'])
    expect((await (await bob2.client.conversation(alice.client.account)).history(1))[0]?.messageId).toBe(sent.messageId)
    expect(await textsOf(bob, alice)).toEqual(['one', 'two'])
  })

  it('without prekeys do not stop a message: it is stored, and they get it when they can be reached', async () => {
    const { server, clock, alice, bob } = await pair()
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    await rest()
    server.lies.bundle = (bundle) => {
      if (bundle.device === bob2.client.device) return Promise.reject(new EvegramError('not_found.prekeys', { operation: 'fetch bundle' }))
      return bundle
    }
    await say(alice, bob, 'one')
    expect(await textsOf(bob, alice)).toEqual(['one'])
    expect(await textsOf(bob2, alice)).toEqual([])
    server.lies = {}
    await clock.advance(60_000)
    expect(await textsOf(bob2, alice)).toEqual(['one'])
    await say(alice, bob, 'two')
    expect(await textsOf(bob2, alice)).toEqual(['one', 'two'])
    expect(named(bob2, 'gap')).toEqual([])
  })

  it('that join with messages which overtake each other accuse nobody before there was time for them', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    alice.link.down()
    const conversation = await alice.client.conversation(bob.client.account)
    for (const text of ['two', 'three']) await conversation.send(text)
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    // Alice hears of it before the last of them: she gives it to the device as its first, and learns that the others are for it, too, when she sends them.
    await alice.core.core.roster.refresh(bob.client.account)
    const known = alice.core.core.roster.device(bob2.client.device) ?? expect.fail('a device')
    expect(await new Sessions(alice.core.core).ensure(known)).toBe('ready')
    await conversation.send('four')
    const held: Delivery[] = []
    server.lies.route = (delivery, to) => {
      const { device, number } = viewEnvelope(delivery.envelope)
      if (to !== bob2.client.device || device !== alice.client.device || number === 4) return [delivery]
      held.push(delivery)
      return []
    }
    alice.link.up()
    await rest()
    await clock.advance(500)
    expect([await textsOf(bob2, alice), held.length]).toEqual([['four'], 2])
    server.lies = {}
    for (const delivery of held) {
      bob2.link.push({ type: 'deliver', deliveries: [delivery] })
      await clock.advance(100)
    }
    expect(await textsOf(bob2, alice)).toEqual(['two', 'three', 'four'])
    await clock.advance(30_000)
    expect([named(bob2, 'gap'), (await bob2.store.list('healing', { from: 'g/', to: 'g/~', limit: 10 })).length]).toEqual([[], 0])
  })

  it('get what waited longer for the server than messages are kept for sending again', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'zero')
    alice.link.down()
    const conversation = await alice.client.conversation(bob.client.account)
    for (const text of ['one', 'two', 'three']) await conversation.send(text)
    await clock.advance(10 * 24 * 3_600_000)
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    server.lies.bundle = (bundle) => {
      if (bundle.device === bob2.client.device) return Promise.reject(new EvegramError('not_found.prekeys', { operation: 'fetch bundle' }))
      return bundle
    }
    alice.link.up()
    await clock.advance(5_000)
    expect(await textsOf(bob, alice)).toEqual(['zero', 'one', 'two', 'three'])
    server.lies = {}
    await clock.advance(120_000)
    expect(await textsOf(bob2, alice)).toEqual(['one', 'two', 'three'])
  })

  it('that are revoked get nothing more, and everybody is told', async () => {
    const { server, alice, bob } = await pair()
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    await say(alice, bob, 'one')
    await bob.client.revokeDevice(bob2.client.device, bobWallet)
    await rest()
    expect(bob2.client.state).toBe('closed')
    await say(alice, bob, 'two')
    const last = server.stored.at(-1)
    expect(decodeEnvelope(last?.envelope ?? new Uint8Array()).bodies.map(({ device }) => device)).toEqual([bob.client.device])
    expect(named(alice, 'device-revoked').map(({ device }) => device)).toEqual([bob2.client.device])
    await expect((await bob.client.conversation(alice.client.account)).send('fine')).resolves.toBeDefined()
    await expect(bob2.client.conversation(alice.client.account)).rejects.toBeInstanceOf(EvegramError)
  })

  it('that are revoked are distrusted although the server hides it', async () => {
    const { server, alice, bob } = await pair()
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    await say(alice, bob, 'one')
    const before = server.stateOf(bob.client.account).seq
    alice.link.down()
    await bob.client.revokeDevice(bob2.client.device, bobWallet)
    await rest()
    // The server goes on showing the old log; bob has nothing to ask it now.
    bob.link.down()
    server.lies.log = (account, entries) => (account === bob.client.account ? entries.slice(0, before) : entries)
    alice.link.up()
    await rest()
    expect(named(alice, 'account-alarm').map(({ code }) => code)).toContain('account.log_withheld')
    expect(alice.core.core.roster.device(bob2.client.device)).toBeUndefined()
    expect(alice.core.core.roster.device(bob.client.device)).toBeDefined()
  })

  it('that are revoked are distrusted at once when the server cannot be asked, and it is accused only of what it answers', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const api = server.api()
    let reachable = true
    const alice = await openTestClient(server, new MemoryStore(), aliceWallet, {
      ...api, logPage: (account, after) => (reachable ? api.logPage(account, after) : Promise.reject(new EvegramError('unavailable.auth', { operation: 'read log' }))),
    })
    const bob = await openTestClient(server, new MemoryStore(), bobWallet)
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    await say(alice, bob, 'one')
    const before = server.stateOf(bob.client.account).seq
    reachable = false
    await bob.client.revokeDevice(bob2.client.device, bobWallet)
    await rest()
    expect(alice.core.core.roster.device(bob2.client.device)).toBeUndefined()
    expect(named(alice, 'account-alarm')).toEqual([])
    server.lies.log = (account, entries) => (account === bob.client.account ? entries.slice(0, before) : entries)
    reachable = true
    await clock.advance(61_000)
    expect(named(alice, 'account-alarm').map(({ code }) => code)).toEqual(['account.log_withheld'])
    await alice.client.close()
  })

  it('that were added a moment after their account was looked at are heard, at the cost of few requests', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const api = server.api()
    const hidden = { entries: false, isDown: false }
    let asked = 0
    const alice = await openTestClient(server, new MemoryStore(), aliceWallet)
    const bob = await openTestClient(server, new MemoryStore(), bobWallet, {
      ...api,
      logPage: async (account, after) => {
        if (account !== alice.client.account) return api.logPage(account, after)
        asked += 1
        if (hidden.isDown) throw new EvegramError('unavailable.auth', { operation: 'read log' })
        if (!hidden.entries) return api.logPage(account, after)
        const { state } = await bob.core.core.roster.loadAccount(account)
        return { account, seq: state.seq, head: state.head, entries: [], more: false }
      },
    })
    await say(alice, bob, 'one')
    await clock.advance(10_000)
    hidden.entries = true
    const alice2 = await openTestClient(server, new MemoryStore(), aliceWallet)
    hidden.entries = false
    await clock.advance(500)
    asked = 0
    await say(alice2, bob, 'two')
    await say(alice2, bob, 'three')
    hidden.isDown = true
    await clock.advance(60_000)
    hidden.isDown = false
    await clock.advance(30_000)
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three'])
    expect(bob.refusals()).toEqual([])
    expect(asked).toBeLessThan(16)
  })

  it('find the members of every conversation of a batch loaded, whoever sent it', async () => {
    const { server, alice, bob } = await pair()
    const carol = await openTestClient(server, new MemoryStore(), testWallet('carol', 'ton'))
    const disk = new MemoryStore()
    const alice2 = await openTestClient(server, new MortalStore(disk), aliceWallet)
    for (const peer of [bob, carol]) await say(alice, peer, 'one')
    await alice2.client.close()
    const again = await openTestClient(server, new MortalStore(disk))
    const loaded: boolean[] = []
    again.core.core.events.on('message', () => {
      loaded.push([bob, carol].every(({ client }) => again.core.core.roster.isLoaded(client.account)))
    })
    again.link.down()
    for (const peer of [bob, carol]) await say(alice, peer, 'two')
    again.link.up()
    await rest()
    expect(loaded).toEqual([true, true])
  })

  it('whose bundle is not to be had are not asked for again with each message', async () => {
    const { server, clock, alice, bob } = await pair()
    await say(alice, bob, 'one')
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    let asked = 0
    server.lies.bundle = (bundle) => {
      if (bundle.device !== bob2.client.device) return bundle
      asked += 1
      return Promise.reject(new EvegramError('not_found.prekeys', { operation: 'fetch bundle' }))
    }
    for (const text of ['two', 'three', 'four']) await say(alice, bob, text)
    expect(asked).toBe(1)
    // What was just added has its keys soon: the first attempts to supplement follow quickly.
    server.lies = {}
    await clock.advance(36_000)
    expect(await textsOf(bob2, alice)).toEqual(['two', 'three', 'four'])
    expect(await textsOf(bob, alice)).toEqual(['one', 'two', 'three', 'four'])
  })

  it('whose bundle nobody could answer for are asked for again as soon as that may be over', async () => {
    const { server, clock, alice, bob } = await pair()
    server.lies.bundle = () => Promise.reject(new EvegramError('unavailable.server', { operation: 'fetch bundle' }))
    await say(alice, bob, 'one')
    await clock.advance(3_000)
    expect(await textsOf(bob, alice)).toEqual([])
    server.lies = {}
    await say(alice, bob, 'two')
    expect(await textsOf(bob, alice)).toContain('two')
    await clock.advance(36_000)
    expect(await textsOf(bob, alice)).toEqual(['one', 'two'])
  })

  it('clear "verified" when they join, and removing one keeps it', async () => {
    const { server, alice, bob } = await pair()
    const bob2 = await openTestClient(server, new MemoryStore(), bobWallet)
    const [one, other] = [await alice.client.verify(bobWallet.address), await bob.client.verify(aliceWallet.address)]
    expect(one.safetyNumber).toMatch(/^[0-9]{60}$/)
    expect(one.safetyNumber).toBe(other.safetyNumber)
    await alice.client.markVerified(bobWallet.address)
    expect((await alice.client.verify(bobWallet.address)).verified).toBe(true)
    await bob.client.revokeDevice(bob2.client.device, bobWallet)
    expect((await alice.client.verify(bobWallet.address)).verified).toBe(true)
    await openTestClient(server, new MemoryStore(), bobWallet)
    expect((await alice.client.verify(bobWallet.address)).verified).toBe(false)
    await rest()
    expect(named(alice, 'identity-changed').map(({ wasVerified }) => wasVerified)).toEqual([true])
  })

  it('change their account once when the answer to a change was that of a copy', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const api = server.api()
    const bob = await openTestClient(server, new MemoryStore(), bobWallet)
    const twice = await openTestClient(server, new MemoryStore(), bobWallet, {
      ...api,
      appendEntry: async (account, entry) => {
        await api.appendEntry(account, entry)
        // The network repeated the request: the second copy is what is answered.
        throw new EvegramError('proof.replayed', { operation: 'append' })
      },
    })
    const { account } = bob.client
    expect(server.stateOf(account).seq).toBe(2)
    const linked = testWallet('bob on ton', 'ton')
    await twice.client.linkWallet(bobWallet, linked)
    expect(server.stateOf(account).seq).toBe(3)
    await twice.client.unlinkWallet(linked.address, bobWallet)
    await twice.client.revokeDevice(bob.client.device, bobWallet)
    expect(server.stateOf(account).seq).toBe(5)
  })

  it('of a linked wallet are found by either address', async () => {
    const { alice, bob } = await pair()
    const linked = testWallet('bob on ton', 'ton')
    await bob.client.linkWallet(bobWallet, linked)
    expect((await bob.client.wallets()).map(({ address, founding, active }) => ({ address, founding, active }))).toEqual([
      { address: bobWallet.address, founding: true, active: true }, { address: linked.address, founding: false, active: true },
    ])
    const conversation = await alice.client.conversation(linked.address)
    expect(conversation.peer.account).toBe(bob.client.account)
    await bob.client.unlinkWallet(linked.address, bobWallet)
    await expect(alice.client.conversation(linked.address)).rejects.toMatchObject({ code: 'account.not_found' })
  })
})
