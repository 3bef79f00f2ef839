import { describe, expect, it } from 'vitest'
import { decodeEnvelope, directConversationIdOf, EvegramError, type DeviceId, type PayloadBodies } from '@evegram/protocol'
import type { AuthApi } from '../api/auth-api.js'
import { composeControl, recipientsOf } from '../sync/control.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { readConversation } from './conversation-row.js'
import { listOwedRevocations } from './owed-revocation.js'

const bobWallet = testWallet('bob')
/** Seven clients sign in and write: seconds of computing, of which a busy machine makes a minute. */
const BUSY_MS = 120_000

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

/** Says in the conversation of both, as a client that was changed would, that a device is revoked. */
async function claim(from: TestClient, to: TestClient, body: PayloadBodies['revocation']): Promise<void> {
  const { core, outbox, transmission } = from.core
  const conversation = await readConversation(core.store, directConversationIdOf(from.client.account, to.client.account)) ?? expect.fail('a conversation')
  await transmission.prepare(conversation)
  await core.local.write(async (tx) => {
    const row = await composeControl(core, tx, conversation, recipientsOf(core, conversation), { kind: 'revocation', body })
    outbox.add(tx, row ?? expect.fail('nobody to tell'))
  })
  await rest()
}

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
  }, BUSY_MS)

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
  }, BUSY_MS)
})

describe('that others are to be told of a revocation', () => {
  it('is not forgotten when the client ends behind the change of the log', async () => {
    const { server, bob, another } = await scene()
    const friend = await another('friend')
    await say(bob, friend, 'hello')
    await bob.core.close()
    let isGone = false
    const api = server.api()
    const lost = (): Promise<never> => Promise.reject(new EvegramError('unavailable.server', { operation: 'ask' }))
    const auth: AuthApi = {
      ...api,
      logPage: (account, after) => (isGone ? lost() : api.logPage(account, after)),
      appendEntry: async (account, entry) => {
        await api.appendEntry(account, entry)
        isGone = true
        return lost()
      },
    }
    const before = await openTestClient(server, bob.store, undefined, auth)
    const [, phone] = (await before.client.devices()).map(({ device }) => device)
    await expect(before.client.revokeDevice(phone ?? '', bobWallet)).rejects.toThrow()
    await before.core.close()
    expect(toldBy(server, bob)).toEqual([])
    const after = await openTestClient(server, bob.store)
    expect([toldBy(server, bob), await listOwedRevocations(bob.store)]).toEqual([[friend.client.device], []])
    // Once: not again with every connection.
    after.link.down()
    after.link.up()
    await rest()
    expect(toldBy(server, bob)).toEqual([friend.client.device])
  }, BUSY_MS)

  it('does not wait for a conversation that cannot be told, which is told later, and alone', async () => {
    const { server, bob, phone, another } = await scene()
    const [friend, unreached] = [await another('friend'), await another('unreached')]
    for (const to of [friend, unreached]) await say(bob, to, 'hello')
    const { transmission } = bob.core
    const prepare = transmission.prepare.bind(transmission)
    transmission.prepare = (row, ...rest) => (row.peer === unreached.client.account ? Promise.reject(new EvegramError('account.log_withheld', { operation: 'read log' })) : prepare(row, ...rest))
    await bob.client.revokeDevice(phone.client.device, bobWallet)
    await rest()
    expect(toldBy(server, bob)).toEqual([friend.client.device])
    expect(bob.log.filter(({ name }) => name === 'fault').map(({ event }) => (event as { operation: string }).operation)).toEqual(['tell of revocation'])
    transmission.prepare = prepare
    bob.link.down()
    bob.link.up()
    await rest()
    expect([toldBy(server, bob), await listOwedRevocations(bob.store)]).toEqual([[friend.client.device, unreached.client.device], []])
  }, BUSY_MS)

  it('ends when the log never shows it', async () => {
    const { clock, bob, phone } = await scene()
    await expect(bob.client.revokeDevice(phone.client.device)).rejects.toThrow()
    const owed = await listOwedRevocations(bob.store)
    await clock.advance(700_000)
    await rest()
    bob.link.down()
    bob.link.up()
    await rest()
    expect([owed.map(({ device }) => device), await listOwedRevocations(bob.store)]).toEqual([[phone.client.device], []])
  }, BUSY_MS)
})

describe('who says that a device is revoked', () => {
  it('has no say about the devices of somebody else', async () => {
    const { server, bob, phone, another } = await scene()
    const [alice, mallory] = [await another('alice'), await another('mallory')]
    await say(bob, alice, 'hello')
    await say(phone, alice, 'hello')
    await say(alice, bob, 'hello')
    await say(mallory, alice, 'psst')
    const head = { seq: 9, head: new Uint8Array(32).fill(7) }
    for (const { client } of [bob, phone, alice]) await claim(mallory, alice, { account: mallory.client.account, device: client.device, ...head })
    for (const { client } of [bob, phone]) expect(alice.core.core.roster.device(client.device)).toBeDefined()
    expect(alice.core.core.roster.devicesOf(bob.client.account).length).toBe(2)
    await say(alice, bob, 'still here')
    await say(bob, alice, 'so am I')
    expect([await textsOf(bob, alice), alice.refusals()]).toEqual([['hello', 'hello', 'hello', 'still here', 'so am I'], []])
    // Nor once it is read from the store.
    await alice.core.close()
    const again = await openTestClient(server, alice.store)
    await again.core.core.roster.loadAccount(bob.client.account)
    expect(again.core.core.roster.devicesOf(bob.client.account).length).toBe(2)
  })

  it('is not believed where the log goes on from the state that they name', async () => {
    const { bob, phone, another } = await scene()
    const alice = await another('alice')
    await say(bob, alice, 'hello')
    await say(alice, bob, 'hello')
    // Somebody who has the phone for a while cannot put the other devices out of the way.
    await say(phone, alice, 'it is me')
    const { seq, head } = alice.core.core.roster.headOf(bob.client.account)
    await claim(phone, alice, { account: bob.client.account, device: bob.client.device, seq, head })
    expect(alice.core.core.roster.device(bob.client.device)).toBeDefined()
    expect(alice.refusals()).toEqual(['e2ee.envelope_mismatch'])
  })

  it('makes a client keep only so much of what no log shows', async () => {
    const { another } = await scene()
    const [alice, mallory] = [await another('alice'), await another('mallory')]
    await say(mallory, alice, 'psst')
    for (let index = 0; index < 20; index++) {
      const device = index.toString(16).padStart(32, '0') as DeviceId
      await claim(mallory, alice, { account: mallory.client.account, device, seq: 9, head: new Uint8Array(32).fill(7) })
    }
    const rows = await alice.store.list('accounts', { from: 'distrusted/', to: 'distrusted/~', limit: 100 })
    expect([rows.length, alice.refusals()]).toEqual([16, Array.from({ length: 4 }, () => 'limited.queue')])
  })
})
