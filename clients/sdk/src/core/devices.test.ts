import { describe, expect, it } from 'vitest'
import { decodeEnvelope, directConversationIdOf, type DeviceId } from '@evegram/protocol'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'

const bobWallet = testWallet('bob')

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  /** Asks about strangers, and has two devices. */
  readonly bob: TestClient
  readonly phone: TestClient
  readonly another: (name: string) => Promise<TestClient>
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const open = (name: string): Promise<TestClient> => openTestClient(server, new MemoryStore(), testWallet(name), undefined, undefined, 'ask')
  return { clock, server, bob: await open('bob'), phone: await open('bob'), another: open }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<void> {
  await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

/** Devices that got something of `who` which is no message. */
const toldBy = (server: FakeServer, who: TestClient): DeviceId[] => server.stored.map(({ envelope }) => decodeEnvelope(envelope))
  .filter(({ device, kind }) => device === who.client.device && kind === 2).flatMap(({ bodies }) => bodies.map(({ device }) => device))

describe('that a device is revoked', () => {
  it('is told to whom the user talks with, and to nobody who is blocked, waits as a request, was declined, or was only looked at', async () => {
    const { server, bob, phone, another } = await scene()
    const [friend, blocked, waits, declined, stranger] = [await another('friend'), await another('blocked'), await another('waits'), await another('declined'), await another('stranger')]
    for (const to of [friend, blocked]) {
      await say(bob, to, 'hello')
      await say(to, bob, 'hello')
    }
    for (const from of [waits, declined]) await say(from, bob, 'hello?')
    await bob.client.block(blocked.client.account)
    await bob.client.decline(directConversationIdOf(bob.client.account, declined.client.account))
    await bob.client.conversation(stranger.client.account)
    await bob.client.revokeDevice(phone.client.device, bobWallet)
    await rest()
    expect(toldBy(server, bob)).toEqual([friend.client.device])
    expect(friend.log.filter(({ name }) => name === 'device-revoked').map(({ event }) => (event as { device: DeviceId }).device)).toEqual([phone.client.device])
  })

  it('is told in groups that the user is in, not in one that they have to decide about or declined', async () => {
    const { server, bob, phone, another } = await scene()
    const [friend, stranger, nuisance] = [await another('friend'), await another('stranger'), await another('nuisance')]
    await say(bob, friend, 'hello')
    await bob.client.createGroup('gate', [friend.client.account])
    for (const by of [stranger, nuisance]) await by.client.createGroup('gate', [bob.client.account])
    await rest()
    const [one] = (await bob.client.requests()).filter(({ account }) => account === nuisance.client.account)
    await bob.client.decline(one?.conversation ?? '')
    const before = toldBy(server, bob).length
    await bob.client.revokeDevice(phone.client.device, bobWallet)
    await rest()
    expect(toldBy(server, bob).slice(before)).toEqual([friend.client.device, friend.client.device])
  })
})
