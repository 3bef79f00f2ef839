import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { MortalStore } from '../sync/testing/mortal-store.js'
import { openTestClient, testWallet, textsOf, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { systemRandom } from '../system.js'
import { newOnceName, ONCE_LIMITS, OnceLog } from './once.js'

async function scene(): Promise<{ clock: VirtualClock; server: FakeServer; disk: MemoryStore; alice: TestClient; bob: TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const disk = new MemoryStore()
  const alice = await openTestClient(server, new MortalStore(disk), testWallet('once alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('once bob', 'terra'))
  return { clock, server, disk, alice, bob }
}

describe('what is done once under a name', () => {
  it('is said once when it is asked for again, at once and after the end of the run that said it', async () => {
    const { clock, server, disk, alice, bob } = await scene()
    const { id } = await alice.client.conversation(bob.client.account)
    const name = newOnceName(clock, systemRandom)
    const say = async (by: TestClient): Promise<Awaited<ReturnType<Awaited<ReturnType<TestClient['client']['talkOnce']>>['send']>>> => (await by.client.talkOnce(id, name)).send('only once')
    const [first, second] = await Promise.all([say(alice), say(alice)])
    expect(second.messageId).toBe(first.messageId)
    expect(second.order).toBe(first.order)
    const position = await first.acked
    expect(await second.acked).toEqual(position)
    await alice.client.close()
    const again = await openTestClient(server, new MortalStore(disk))
    const third = await say(again)
    expect(third.messageId).toBe(first.messageId)
    expect(await third.acked).toEqual(position)
    await rest()
    expect(await textsOf(bob, again)).toEqual(['only once'])
  })

  it('waits for the acknowledgement of what the run before could not send', async () => {
    const { clock, server, disk, alice, bob } = await scene()
    const { id } = await alice.client.conversation(bob.client.account)
    const name = newOnceName(clock, systemRandom)
    alice.link.down()
    const first = await (await alice.client.talkOnce(id, name)).send('kept')
    await alice.client.close()
    const again = await openTestClient(server, new MortalStore(disk))
    const second = await (await again.client.talkOnce(id, name)).send('kept')
    expect(second.messageId).toBe(first.messageId)
    await second.acked
    await rest()
    expect(await textsOf(bob, again)).toEqual(['kept'])
  })

  it('is said for each message of a call, and for each name', async () => {
    const { clock, alice, bob } = await scene()
    const { id } = await alice.client.conversation(bob.client.account)
    const call = newOnceName(clock, systemRandom)
    for (let attempt = 0; attempt < 2; attempt++) {
      const talk = await alice.client.talkOnce(id, call)
      await talk.send('a')
      await talk.send('b')
    }
    await (await alice.client.talkOnce(id, newOnceName(clock, systemRandom))).send('a')
    await rest()
    expect(await textsOf(bob, alice)).toEqual(['a', 'b', 'a'])
  })

  it('refuses a name that may have been forgotten, and one that is none', async () => {
    const { clock, alice, bob } = await scene()
    const { id } = await alice.client.conversation(bob.client.account)
    const name = newOnceName(clock, systemRandom)
    await clock.advance(ONCE_LIMITS.nameMsMax + 1)
    await expect((await alice.client.talkOnce(id, name)).send('late')).rejects.toMatchObject({ code: 'client.leader_lost' })
    await expect((await alice.client.talkOnce(id, 'a'.repeat(32))).send('no name')).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('forgets what is older than anybody may ask for', async () => {
    const { clock, disk, alice, bob } = await scene()
    const { id } = await alice.client.conversation(bob.client.account)
    const names = async (): Promise<number> => (await disk.list('handled', { from: 'once/', to: 'once/~', limit: 10 })).length
    await (await alice.client.talkOnce(id, newOnceName(clock, systemRandom))).send('old')
    expect(await names()).toBe(1)
    await new OnceLog(clock).load(disk)
    expect(await names()).toBe(1)
    await clock.advance(ONCE_LIMITS.keptMs + 1)
    await new OnceLog(clock).load(disk)
    expect(await names()).toBe(0)
  })
})
