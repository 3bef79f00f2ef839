import { LIMITS, SIGNAL_KIND, type SignalKind } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Conversation } from '../conversation.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'
import { TYPING_IDLE_MS, TYPING_OWN_MAX } from './typing.js'

let clock: VirtualClock
let server: FakeServer
let alice: TestClient
let bob: TestClient
let conversation: Conversation
/** What Bob's program was told. */
let told: string[]
let endListening: () => void

const openAs = (name: string): Promise<TestClient> => openTestClient(server, new MemoryStore(), testWallet(name))
const nameOf = (address: string): string => (address === alice.client.address ? 'alice' : address === bob.client.address ? 'bob' : 'somebody')
const listen = (test: TestClient, into: string[]): (() => void) =>
  test.client.on('typing', ({ address, typing }) => { into.push(`${nameOf(address)} ${typing ? 'types' : 'stopped'}`) })
/** Signals that reached the server. */
const signals = (): SignalKind[] => server.signals.map(({ signal }) => signal.kind)
const { typingStarted, typingStopped } = SIGNAL_KIND

beforeEach(async () => {
  clock = new VirtualClock()
  server = new FakeServer(clock)
  alice = await openAs('alice')
  bob = await openAs('bob')
  conversation = await alice.client.conversation(bob.client.address)
  await (await conversation.send('hello')).acked
  await rest()
  told = []
  endListening = listen(bob, told)
})

describe('own typing', () => {
  it('is told at the first key, and again only while it goes on', async () => {
    for (let key = 0; key < 50; key++) {
      conversation.typing(true)
      await clock.advance(100)
    }
    // Five seconds of keys: at 0 s and at 4 s.
    expect(signals()).toEqual([typingStarted, typingStarted])
    expect(told).toEqual(['alice types'])
    conversation.typing(false)
    conversation.typing(false)
    await rest()
    expect(signals().slice(2)).toEqual([typingStopped])
    expect(told).toEqual(['alice types', 'alice stopped'])
  })

  it('ends by itself when nothing more is typed, and with every message', async () => {
    conversation.typing(true)
    await clock.advance(TYPING_IDLE_MS - 1)
    expect(signals()).toEqual([typingStarted])
    await clock.advance(1)
    expect(signals()).toEqual([typingStarted, typingStopped])
    conversation.typing(true)
    await (await conversation.send('done')).acked
    await rest()
    expect(signals().slice(2)).toEqual([typingStarted, typingStopped])
    await clock.advance(60_000)
    expect(signals().slice(2)).toEqual([typingStarted, typingStopped])
    expect(told).toEqual(['alice types', 'alice stopped', 'alice types', 'alice stopped'])
  })

  it('is not told offline, and told anew on the next connection while it goes on', async () => {
    conversation.typing(true)
    alice.link.down()
    conversation.typing(true)
    await clock.advance(1_000)
    expect(signals()).toEqual([typingStarted])
    alice.link.up()
    await rest()
    conversation.typing(true)
    expect(signals()).toEqual([typingStarted, typingStarted])
  })

  it('is told in a bounded number of conversations', async () => {
    const { account } = alice.client
    const typing = alice.core.typing
    for (let number = 0; number < TYPING_OWN_MAX + 5; number++) typing.say(`${number.toString(16).padStart(8, '0')}${account.slice(8)}` as typeof conversation.id, true)
    expect(signals()).toHaveLength(TYPING_OWN_MAX)
    await clock.advance(TYPING_IDLE_MS)
    expect(signals()).toHaveLength(2 * TYPING_OWN_MAX)
  })

  it('leaves nothing behind in the store or in the log', async () => {
    const before = server.stored.length
    conversation.typing(true)
    conversation.typing(false)
    await clock.advance(1_000)
    expect(server.stored.length).toBe(before)
  })
})

describe('typing of others', () => {
  it('is asked of the server only while somebody listens, on every connection', async () => {
    expect([...server.listening]).toEqual([bob.client.device])
    endListening()
    expect([...server.listening]).toEqual([])
    conversation.typing(true)
    await rest()
    expect(told).toEqual([])
    listen(bob, told)
    server.listening.clear()
    bob.link.down()
    bob.link.up()
    await rest()
    expect([...server.listening]).toEqual([bob.client.device])
  })

  it('ends by itself when the end of it was lost', async () => {
    conversation.typing(true)
    await rest()
    // Alice is gone: she cannot say that she stopped.
    await alice.link.close()
    await clock.advance(LIMITS.typingShownMs - 1)
    expect(told).toEqual(['alice types'])
    await clock.advance(1)
    expect(told).toEqual(['alice types', 'alice stopped'])
  })

  it('lasts while one of the devices types, and ends with a message of that device', async () => {
    const laptop = await openAs('alice')
    const onLaptop = await laptop.client.conversation(bob.client.address)
    await (await onLaptop.send('from the laptop')).acked
    await rest()
    told.length = 0
    conversation.typing(true)
    onLaptop.typing(true)
    await rest()
    conversation.typing(false)
    await rest()
    expect(told).toEqual(['alice types'])
    // The word of the end is lost, the message is not.
    server.listening.clear()
    await (await onLaptop.send('done')).acked
    await rest()
    expect(told).toEqual(['alice types', 'alice stopped'])
  })

  it('is shown for members and devices that this profile knows, whatever the server says', async () => {
    const carol = await openAs('carol')
    const signalled = { kind: typingStarted, conversation: conversation.id, account: alice.client.account, device: alice.client.device }
    for (const forged of [
      { ...signalled, account: carol.client.account, device: carol.client.device },
      { ...signalled, device: carol.client.device },
      { ...signalled, account: bob.client.account, device: bob.client.device },
      { ...signalled, conversation: carol.client.account.slice(0) as unknown as typeof conversation.id },
    ]) bob.link.push({ type: 'signalled', signalled: forged })
    await rest()
    expect(told).toEqual([])
    bob.link.push({ type: 'signalled', signalled })
    await rest()
    expect(told).toEqual(['alice types'])
    expect([bob.refusals(), bob.link.failures]).toEqual([[], []])
  })

  it('works in a group, for its members of now', async () => {
    const carol = await openAs('carol')
    const heardByCarol: string[] = []
    listen(carol, heardByCarol)
    const group = await alice.client.createGroup('North gate', [bob.client.account, carol.client.account])
    await (await group.send('hello')).acked
    await rest()
    group.typing(true)
    await rest()
    expect([told, heardByCarol]).toEqual([['alice types'], ['alice types']])
    group.typing(false)
    await rest()
    await group.remove([carol.client.account])
    await rest()
    group.typing(true)
    await rest()
    expect([told.length, heardByCarol.length]).toEqual([3, 2])
    // The server shows it all the same: Bob does not believe in a member that was removed, once he knows.
    await (await group.send('without carol')).acked
    await rest()
    told.length = 0
    bob.link.push({ type: 'signalled', signalled: { kind: typingStarted, conversation: group.id, account: carol.client.account, device: carol.client.device } })
    await rest()
    expect(told).toEqual([])
  })

  it('is told no more once the client is closed, and holds no timer', async () => {
    conversation.typing(true)
    await rest()
    await bob.client.close()
    await alice.client.close()
    await clock.advance(LIMITS.typingShownMs + TYPING_IDLE_MS)
    expect([told, signals()]).toEqual([['alice types'], [typingStarted]])
  })
})
