import { describe, expect, it } from 'vitest'
import type { Channel } from '../channel.js'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly server: FakeServer
  readonly clock: VirtualClock
  readonly alice: TestClient
  readonly bob: TestClient
  readonly carol: TestClient
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const [alice, bob, carol] = await Promise.all((['alice', 'bob', 'carol'] as const).map((name) => openTestClient(server, new MemoryStore(), testWallet(name))))
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('three clients were opened')
  return { server, clock, alice, bob, carol }
}

const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])
const textsOf = async (channel: Channel): Promise<string[]> => (await channel.posts({ limit: 1_000 })).map(({ text }) => text)
const complaints = (test: TestClient): unknown[] => [...named(test, 'channel-alarm'), ...named(test, 'channel-gap'), ...named(test, 'fault'), ...named(test, 'channel-post-failed')]

describe('a channel', () => {
  it('is founded, followed by its link, posted in and read by everybody', async () => {
    const { alice, bob, carol } = await scene()
    const channel = await alice.client.createChannel({ name: 'Harbour news', authors: [bob.client.address] })
    await rest()
    const read = await carol.client.followChannel(channel.link)
    const written = await bob.client.followChannel(channel.link)
    expect([await read.name(), await read.role(), await written.role(), await channel.role()]).toEqual(['Harbour news', undefined, 'member', 'owner'])
    const first = await channel.post('one')
    const second = await written.post('two')
    const third = await channel.post('three')
    await rest()
    expect([first.seq, second.seq, third.seq]).toEqual([2, 3, 4])
    for (const each of [channel, read, written]) expect(await textsOf(each)).toEqual(['one', 'two', 'three'])
    expect(named(carol, 'channel-post').map(({ seq, by, from, name }) => ({ seq, by, from, name }))).toEqual([
      { seq: 2, by: alice.client.account, from: alice.client.address, name: 'Harbour news' },
      { seq: 3, by: bob.client.account, from: bob.client.address, name: 'Harbour news' },
      { seq: 4, by: alice.client.account, from: alice.client.address, name: 'Harbour news' },
    ])
    for (const test of [alice, bob, carol]) expect(complaints(test)).toEqual([])
  })
})
