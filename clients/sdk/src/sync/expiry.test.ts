import { describe, expect, it } from 'vitest'
import type { Conversation } from '../conversation.js'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore } from './testing/mortal-store.js'
import { tablesWith } from './testing/tables-with.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly alice: TestClient
  readonly bob: TestClient
  readonly bob2: TestClient
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob'))
  return { clock, server, alice, bob, bob2: await openTestClient(server, new MemoryStore(), testWallet('bob')) }
}

const between = (test: TestClient, peer: TestClient): Promise<Conversation> => test.client.conversation(peer.client.account)
const textsOf = async (test: TestClient, peer: TestClient): Promise<string[]> => (await (await between(test, peer)).history()).map(({ text }) => text)
/** Whoever sits at the device has read everything that `peer` said. */
async function read(test: TestClient, peer: TestClient): Promise<void> {
  const last = (await (await between(test, peer)).history()).findLast(({ fromAccount }) => fromAccount === peer.client.account)
  if (last === undefined) throw new Error('nothing to read')
  await test.core.core.local.write((tx) => test.core.core.state.raiseRead(tx, last.conversation, { order: last.order, device: last.fromDevice, epoch: last.epoch, number: last.number }))
  await rest()
}
const expired = (test: TestClient): ClientEvents['message-expired'][] => test.log.filter(({ name }) => name === 'message-expired').map(({ event }) => event as ClientEvents['message-expired'])

describe('messages that disappear', () => {
  it('go from the device of their sender a while after sending, from others a while after reading, and leave nothing', async () => {
    const { clock, alice, bob } = await scene()
    const mine = await between(alice, bob)
    await mine.send('stays')
    await mine.setTimer(60)
    await rest()
    expect([await (await between(bob, alice)).timer(), bob.log.filter(({ name }) => name === 'timer-changed')]).toMatchObject([60, [{ event: { seconds: 60, by: alice.client.account } }]])
    const { messageId } = await mine.send('the secret that goes')
    await rest()
    await mine.edit(messageId, 'the secret that goes, edited')
    await (await between(bob, alice)).react(messageId, '👍')
    await clock.advance(59_000)
    expect(await textsOf(alice, bob)).toEqual(['stays', 'the secret that goes, edited'])
    await clock.advance(2_000)
    expect([await textsOf(alice, bob), await tablesWith(alice, 'the secret'), expired(alice)]).toMatchObject([['stays'], [], [{ messageId }]])
    // Bob did not look yet.
    await clock.advance(3_600_000)
    expect(await textsOf(bob, alice)).toEqual(['stays', 'the secret that goes, edited'])
    await read(bob, alice)
    await clock.advance(59_000)
    expect(await textsOf(bob, alice)).toHaveLength(2)
    await clock.advance(2_000)
    expect([await textsOf(bob, alice), await tablesWith(bob, 'the secret'), expired(bob).length]).toEqual([['stays'], [], 1])
    await mine.setTimer(0)
    await mine.send('stays too')
    await rest()
    await read(bob, alice)
    await clock.advance(7_200_000)
    for (const [test, peer] of [[alice, bob], [bob, alice]] as const) expect([await textsOf(test, peer), test.refusals()]).toEqual([['stays', 'stays too'], []])
  })

  it('are counted and removed across restarts', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const disks = [new MemoryStore(), new MemoryStore()] as const
    const open = (): Promise<[TestClient, TestClient]> => Promise.all([
      openTestClient(server, new MortalStore(disks[0]), testWallet('alice')), openTestClient(server, new MortalStore(disks[1]), testWallet('bob')),
    ])
    const [alice, bob] = await open()
    await (await between(bob, alice)).setTimer(60)
    await rest()
    await (await between(alice, bob)).send('the secret that goes')
    await rest()
    // Read in the last moment before the program ends: what follows from it is done by the next run.
    const { conversation, order, fromDevice: device, epoch, number } = (await (await between(bob, alice)).history()).at(-1) ?? expect.fail('a message')
    await bob.core.core.local.write((tx) => bob.core.core.state.raiseRead(tx, conversation, { order, device, epoch, number }))
    await Promise.all([alice.client.close(), bob.client.close()])
    const [alice2, bob2] = await open()
    expect([await textsOf(alice2, bob2), await textsOf(bob2, alice2)]).toEqual([['the secret that goes'], ['the secret that goes']])
    await Promise.all([alice2.client.close(), bob2.client.close()])
    await clock.advance(61_000)
    const [alice3, bob3] = await open()
    await rest()
    for (const [test, peer] of [[alice3, bob3], [bob3, alice3]] as const) {
      expect([await textsOf(test, peer), await tablesWith(test, 'the secret')]).toEqual([[], []])
    }
  })

  it('are not brought back by what is said about them later, and one that never left goes out once all the same', async () => {
    const { clock, alice, bob, bob2 } = await scene()
    const mine = await between(alice, bob)
    await mine.setTimer(60)
    await rest()
    alice.link.down()
    const { messageId, acked } = await mine.send('the secret that waited')
    await clock.advance(61_000)
    expect(await textsOf(alice, bob)).toEqual([])
    alice.link.up()
    await acked
    await rest()
    expect([await tablesWith(alice, 'the secret'), await textsOf(bob, alice), await textsOf(bob2, alice)]).toEqual([[], ['the secret that waited'], ['the secret that waited']])
    await (await between(bob, alice)).react(messageId, '👍')
    await rest()
    expect([await textsOf(alice, bob), (await alice.store.list('messages', { from: 'x/', to: 'x/~', limit: 10 })).length]).toEqual([[], 0])
  })
})
