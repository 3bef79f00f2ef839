import { describe, expect, it } from 'vitest'
import { LIMITS } from '@evegram/protocol'
import type { Message } from './core/message.js'
import type { ClientEvents } from './events.js'
import type { StoreTable } from './store/local-store.js'
import { MemoryStore } from './store/memory.js'
import { FakeServer } from './sync/testing/fake-server.js'
import { MortalStore } from './sync/testing/mortal-store.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './sync/testing/test-client.js'
import { rest, VirtualClock } from './sync/testing/virtual-clock.js'

const aliceWallet = testWallet('alice')
const bobWallet = testWallet('bob', 'terra')

const TABLES: readonly StoreTable[] = ['meta', 'sessions', 'prekeys', 'accounts', 'conversations', 'messages', 'handled', 'chains', 'outbox', 'healing', 'payments', 'channels', 'files']

async function pair(): Promise<{ server: FakeServer; clock: VirtualClock; alice: TestClient; bob: TestClient; bobDisk: MemoryStore }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const bobDisk = new MemoryStore()
  const alice = await openTestClient(server, new MemoryStore(), aliceWallet)
  const bob = await openTestClient(server, new MortalStore(bobDisk), bobWallet)
  return { server, clock, alice, bob, bobDisk }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

/** Takes `count` values and leaves the loop. */
async function take<Value>(values: AsyncIterable<Value>, count: number): Promise<Value[]> {
  const taken: Value[] = []
  for await (const value of values) {
    taken.push(value)
    if (taken.length >= count) break
  }
  return taken
}

describe('two wallets of different chains', () => {
  it('chat: every message is acknowledged and shown once on both sides, in one order, from verified addresses', async () => {
    const { alice, bob } = await pair()
    expect(alice.client.state).toBe('live')
    await alice.client.whenSynced()
    const toBob = await alice.client.conversation(bobWallet.address)
    const first = await toBob.send('hello')
    await first.acked
    await rest()
    const toAlice = await bob.client.conversation(aliceWallet.address)
    await (await toAlice.send('hi')).acked
    await (await toBob.send('how are you')).acked
    await rest()
    expect(await textsOf(alice, bob)).toEqual(['hello', 'hi', 'how are you'])
    expect(await textsOf(bob, alice)).toEqual(['hello', 'hi', 'how are you'])
    expect((await toAlice.history()).map((message) => message.from)).toEqual([aliceWallet.address, bobWallet.address, aliceWallet.address])
    expect((await bob.client.conversations()).map(({ peer }) => peer.address)).toEqual([aliceWallet.address])
    for (const test of [alice, bob]) {
      expect(test.refusals()).toEqual([])
      expect(test.log.filter(({ name }) => name === 'fault')).toEqual([])
    }
  })

  it('write at the same moment, each starting a session: both are read', async () => {
    const { alice, bob } = await pair()
    const [toBob, toAlice] = [await alice.client.conversation(bobWallet.address), await bob.client.conversation(aliceWallet.address)]
    const sent = await Promise.all([toBob.send('a1'), toAlice.send('b1'), toBob.send('a2'), toAlice.send('b2')])
    await Promise.all(sent.map(({ acked }) => acked))
    await rest()
    await say(alice, bob, 'a3')
    await say(bob, alice, 'b3')
    const texts = await textsOf(alice, bob)
    expect([...texts].sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3'])
    expect(await textsOf(bob, alice)).toEqual(texts)
  })

  it('send what one of them has to say while the other was away', async () => {
    const { server, alice, bob, bobDisk } = await pair()
    await bob.client.close()
    const conversation = await alice.client.conversation(bobWallet.address)
    for (let number = 1; number <= 10; number++) await (await conversation.send(`m${String(number)}`)).acked
    const again = await openTestClient(server, new MortalStore(bobDisk))
    expect(await textsOf(again, alice)).toEqual(Array.from({ length: 10 }, (_, index) => `m${String(index + 1)}`))
  })

  it('keep notes to themselves', async () => {
    const { server, alice } = await pair()
    const notes = await alice.client.conversation(aliceWallet.address)
    await (await notes.send('alone')).acked
    const alice2 = await openTestClient(server, new MemoryStore(), aliceWallet)
    await (await notes.send('for the other device')).acked
    await rest()
    expect((await (await alice2.client.conversation(aliceWallet.address)).history()).map(({ text, direction }) => [text, direction])).toEqual([
      ['for the other device', 'out'],
    ])
  })

  it('are told at once about an address that nobody signed in with, and about texts that cannot be sent', async () => {
    const { alice } = await pair()
    await expect(alice.client.conversation(testWallet('nobody').address)).rejects.toMatchObject({ code: 'account.not_found' })
    await expect(alice.client.conversation('nonsense')).rejects.toMatchObject({ code: 'invalid.address' })
    const conversation = await alice.client.conversation(bobWallet.address)
    await expect(conversation.send('')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(conversation.send('x'.repeat(LIMITS.textBytesMax + 1))).rejects.toMatchObject({ code: 'too_large.payload' })
    await (await conversation.send('ü'.repeat(LIMITS.textBytesMax / 2))).acked
    expect((await conversation.history()).length).toBe(1)
  })
})

describe('iterating over messages', () => {
  it('gives stored ones first, then live ones, each once, to several at a time', async () => {
    const { alice, bob } = await pair()
    for (const text of ['one', 'two']) await say(alice, bob, text)
    const conversation = await bob.client.conversation(aliceWallet.address)
    const whole = take(conversation.messages(), 4)
    const later = take(conversation.messages({ after: (await conversation.history())[0]?.order ?? 0n }), 3)
    await rest()
    await say(bob, alice, 'three')
    await say(alice, bob, 'four')
    expect((await whole).map(({ text }) => text)).toEqual(['one', 'two', 'three', 'four'])
    expect((await later).map(({ text }) => text)).toEqual(['two', 'three', 'four'])
    const stored: string[] = []
    for await (const { text } of conversation.messages({ live: false })) stored.push(text)
    expect(stored).toEqual(['one', 'two', 'three', 'four'])
  })

  it('reads more than a page, and what arrives meanwhile', async () => {
    const { alice, bob } = await pair()
    const toBob = await alice.client.conversation(bobWallet.address)
    for (let number = 0; number < 150; number++) await (await toBob.send(String(number))).acked
    await rest()
    const conversation = await bob.client.conversation(aliceWallet.address)
    const seen: number[] = []
    for await (const { text } of conversation.messages()) {
      seen.push(Number(text))
      if (text === '100') await say(alice, bob, '150')
      if (text === '150') break
    }
    expect(seen).toEqual(Array.from({ length: 151 }, (_, index) => index))
  })

  it('ends at once when the loop is left, the signal aborts or the client closes', async () => {
    const { bob } = await pair()
    const conversation = await bob.client.conversation(aliceWallet.address)
    const iterator = conversation.messages()[Symbol.asyncIterator]()
    const waiting = iterator.next()
    await rest()
    await iterator.return?.()
    expect(await waiting).toMatchObject({ done: true })
    const stop = new AbortController()
    const aborted = take(bob.client.inbox({ fromStart: true, signal: stop.signal }), 1)
    await rest()
    stop.abort()
    expect(await aborted).toEqual([])
    const closed = take(conversation.messages(), 1)
    await rest()
    await bob.client.close()
    expect(await closed).toEqual([])
  })

  it('of the inbox goes on behind what was done, over a restart', async () => {
    const { server, alice, bob, bobDisk } = await pair()
    for (const text of ['one', 'two', 'three']) await say(alice, bob, text)
    const first: string[] = []
    for await (const { message, done } of bob.client.inbox({ fromStart: false })) {
      first.push(message.text)
      if (message.text === 'two') break
      await done()
    }
    await bob.client.close()
    const again = await openTestClient(server, new MortalStore(bobDisk))
    await say(alice, again, 'four')
    expect((await take(again.client.inbox({ fromStart: false }), 3)).map(({ message }) => message.text)).toEqual(['two', 'three', 'four'])
    expect((await take(again.client.inbox({ fromStart: true }), 4)).map(({ message }) => message.text)).toEqual(['one', 'two', 'three', 'four'])
    expect(first).toEqual(['one', 'two'])
  })
})

describe('a profile', () => {
  it('that forgot holds no byte of a text, on either side, and still sends what was queued', async () => {
    const { alice, bob } = await pair()
    await say(alice, bob, 'unforgettable sentence')
    alice.link.down()
    const queued = await (await alice.client.conversation(bobWallet.address)).send('still to be sent')
    for (const [test, peer] of [[alice, bob], [bob, alice]] as const) {
      await (await test.client.conversation(peer.client.account)).forget()
      for (const table of TABLES) {
        const rows = await test.store.list(table, { limit: 10_000 })
        const bytes = rows.map(({ value }) => Buffer.from(value).toString('latin1')).join('')
        expect(bytes.includes('unforgettable'), `${table} of ${test.client.address}`).toBe(false)
      }
    }
    alice.link.up()
    await queued.acked
    await rest()
    expect(await textsOf(bob, alice)).toEqual(['', 'still to be sent'])
  })

  it('forgets texts and nothing else', async () => {
    const { alice, bob } = await pair()
    for (const text of ['one', 'two']) await say(alice, bob, text)
    const conversation = await bob.client.conversation(aliceWallet.address)
    await conversation.forget()
    expect((await conversation.history()).map(({ text }) => text)).toEqual(['', ''])
    await say(alice, bob, 'three')
    expect((await conversation.history()).map(({ text }) => text)).toEqual(['', '', 'three'])
    expect(bob.refusals()).toEqual([])
  })

  it('holds no text that the server or its log could read', async () => {
    const { server, alice, bob } = await pair()
    await say(alice, bob, 'a very secret sentence')
    const stored = server.stored.map(({ envelope }) => Buffer.from(envelope).toString('latin1')).join('')
    expect(stored.length).toBeGreaterThan(100)
    expect(stored).not.toContain('secret')
    expect(stored).not.toContain(aliceWallet.address)
  })

  it('fetches what it lacks in time: one-time prekeys are made when they run low, the signed one weekly', async () => {
    const { server, clock, alice, bob } = await pair()
    const source = { signer: { device: bob.client.device } } as never
    for (let taken = 0; taken < 80; taken++) await server.api().fetchBundle(source, bob.client.account, bob.client.device)
    const before = await server.api().preKeyStatus(source)
    expect(before.oneTimeRemaining).toBe(20)
    await clock.advance(3_600_000)
    expect((await server.api().preKeyStatus(source)).oneTimeRemaining).toBe(100)
    await clock.advance(8 * 24 * 3_600_000)
    expect((await server.api().preKeyStatus(source)).signedPreKeyId).toBeGreaterThan(before.signedPreKeyId)
    await say(alice, bob, 'still readable')
    expect(await textsOf(bob, alice)).toEqual(['still readable'])
  })

  it('tells where its connection stands', async () => {
    const { bob } = await pair()
    bob.link.down()
    bob.link.up()
    await rest()
    await bob.client.close()
    const states = bob.log.filter(({ name }) => name === 'state').map(({ event }) => (event as ClientEvents['state']).state)
    expect(states).toEqual(['catching_up', 'live', 'offline', 'catching_up', 'live', 'closed'])
    await expect(bob.client.conversation(aliceWallet.address)).rejects.toMatchObject({ code: 'client.closed' })
    await expect(bob.client.whenSynced()).rejects.toMatchObject({ code: 'client.closed' })
  })

  it('gives each message an arrival of its own, in the order of its commits', async () => {
    const { alice, bob } = await pair()
    for (const text of ['one', 'two', 'three']) await say(alice, bob, text)
    const arrivals = bob.log.filter(({ name }) => name === 'message').map(({ event }) => (event as Message).arrival)
    expect(arrivals).toEqual([1, 2, 3])
  })
})
