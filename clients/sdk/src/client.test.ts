import { describe, expect, it } from 'vitest'
import { MemoryStore } from './store/memory.js'
import { FakeServer } from './sync/testing/fake-server.js'
import { openTestClient, testWallet, textsOf } from './sync/testing/test-client.js'
import { rest, VirtualClock } from './sync/testing/virtual-clock.js'

describe('two wallets', () => {
  it('chat: every message is acknowledged and shown once on both sides, in one order', async () => {
    const server = new FakeServer(new VirtualClock())
    const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
    const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
    expect(alice.client.state).toBe('live')
    const toBob = await alice.client.conversation(testWallet('bob', 'terra').address)
    const first = await toBob.send('hello')
    await first.acked
    await rest()
    const toAlice = await bob.client.conversation(alice.client.address)
    await (await toAlice.send('hi')).acked
    await (await toBob.send('how are you')).acked
    await rest()
    expect(await textsOf(alice, bob)).toEqual(['hello', 'hi', 'how are you'])
    expect(await textsOf(bob, alice)).toEqual(['hello', 'hi', 'how are you'])
    expect(alice.refusals()).toEqual([])
    expect(bob.refusals()).toEqual([])
    expect(alice.log.filter(({ name }) => name === 'fault')).toEqual([])
    expect(bob.log.filter(({ name }) => name === 'fault')).toEqual([])
  })
})
