import { SIGNAL_KIND } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { PRESENCE_LIMITS } from './presence.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

const { presenceAsked, presenceHere, presenceAway, typingStarted, typingStopped } = SIGNAL_KIND

let clock: VirtualClock
let server: FakeServer
let alice: TestClient
let bob: TestClient
/** What alice is told of whom. */
let told: ClientEvents['presence-changed'][]
let endListening: () => void

const open = (name: string): Promise<TestClient> => openTestClient(server, new MemoryStore(), testWallet(name), undefined, undefined, 'ask')
const said = (by: TestClient): number[] => server.signals.filter(({ device }) => device === by.client.device).map(({ signal }) => signal.kind)
const statuses = (): string[] => told.map(({ status }) => status)

async function befriend(one: TestClient, other: TestClient): Promise<void> {
  await (await (await one.client.conversation(other.client.account)).send('hello')).acked
  await rest()
  for (const { conversation } of await other.client.requests()) await other.client.accept(conversation)
}

beforeEach(async () => {
  clock = new VirtualClock()
  server = new FakeServer(clock)
  alice = await open('alice')
  bob = await open('bob')
  await befriend(alice, bob)
  told = []
  endListening = alice.client.on('presence-changed', (event) => { told.push(event) })
})

describe('presence of a contact', () => {
  it('is told to who asks, when it begins and when it ends, and goes by itself', async () => {
    expect(await alice.client.presence.of(bob.client.address)).toEqual({ account: bob.client.account, status: 'unknown' })
    await rest()
    expect([statuses(), said(bob)]).toEqual([[], []])
    await bob.client.presence.here(true)
    await clock.advance(PRESENCE_LIMITS.askMs)
    expect(statuses()).toEqual(['online'])
    expect(await alice.client.presence.of(bob.client.account)).toMatchObject({ status: 'online' })
    await bob.client.presence.here(false)
    await rest()
    expect([statuses(), (await alice.client.presence.of(bob.client.account)).lastSeenAtMs]).toEqual([['online', 'away'], told[1]?.lastSeenAtMs])
    await bob.client.presence.here(true)
    await rest()
    expect(statuses()).toEqual(['online', 'away', 'online'])
    // Without a further word of the program the person is not there any more.
    await clock.advance(PRESENCE_LIMITS.hereMs)
    expect(statuses()).toEqual(['online', 'away', 'online', 'away'])
  })

  it('ends when the other side is heard no more, and when the own connection is gone', async () => {
    await bob.client.presence.here(true)
    await alice.client.presence.of(bob.client.account)
    await rest()
    expect(statuses()).toEqual(['online'])
    bob.link.down()
    await clock.advance(PRESENCE_LIMITS.shownMs)
    expect(statuses()).toEqual(['online', 'away'])
    bob.link.up()
    await bob.client.presence.here(true)
    await clock.advance(PRESENCE_LIMITS.askMs)
    expect(statuses()).toEqual(['online', 'away', 'online'])
    alice.link.down()
    expect(statuses()).toEqual(['online', 'away', 'online', 'away'])
    alice.link.up()
    await rest()
    expect(statuses().at(-1)).toBe('online')
  })

  it('is asked about again at once when the other side accepted meanwhile and asks too, and not for ever', async () => {
    const carol = await open('carol')
    await (await (await alice.client.conversation(carol.client.account)).send('hello')).acked
    await rest()
    carol.client.on('presence-changed', () => undefined)
    await carol.client.presence.here(true)
    await alice.client.presence.of(carol.client.account)
    await rest()
    expect([said(alice), said(carol), statuses()]).toEqual([[presenceAsked], [], []])
    for (const { conversation } of await carol.client.requests()) await carol.client.accept(conversation)
    await carol.client.presence.of(alice.client.account)
    await rest()
    expect(statuses()).toEqual(['online'])
    expect([said(alice), said(carol)]).toEqual([[presenceAsked, presenceAsked], [presenceAsked, presenceAsked, presenceHere]])
  })

  it('is online while any device of theirs is', async () => {
    const bob2 = await open('bob')
    // Alice learns of the device by what it says: no log is asked for because of a signal.
    await (await (await bob2.client.conversation(alice.client.account)).send('from the desk')).acked
    await clock.advance(5_000)
    await bob.client.presence.here(true)
    await bob2.client.presence.here(true)
    await alice.client.presence.of(bob.client.account)
    await rest()
    await bob.client.presence.here(false)
    await rest()
    expect(statuses()).toEqual(['online'])
    await bob2.client.close()
    await rest()
    expect(statuses()).toEqual(['online', 'away'])
  })

  it('costs one signal in half a minute for who is asked about, and nothing when nobody listens any more', async () => {
    await bob.client.presence.here(true)
    for (let times = 0; times < 20; times++) await alice.client.presence.of(bob.client.account)
    for (let times = 0; times < 20; times++) await bob.client.presence.here(true)
    await clock.advance(4 * PRESENCE_LIMITS.askMs)
    expect([said(alice), said(bob), statuses()]).toEqual([Array(5).fill(presenceAsked), Array(5).fill(presenceHere), ['online']])
    expect([...server.listening].sort()).toEqual([alice.client.device, bob.client.device].sort())
    endListening()
    await clock.advance(600_000)
    expect(said(alice)).toHaveLength(5)
    expect([...server.listening]).toEqual([])
    expect(server.stored).toHaveLength(1)
  })

  it('is asked for of so many at once', async () => {
    const others: TestClient[] = []
    for (let count = 0; count < 3; count++) others.push(await open(`other ${String(count)}`))
    expect(PRESENCE_LIMITS.watchedMax).toBeGreaterThan(others.length)
    for (const other of others) {
      await befriend(alice, other)
      await other.client.presence.here(true)
      await alice.client.presence.of(other.client.account)
    }
    await rest()
    expect(told.map(({ account, status }) => [account, status])).toEqual(others.map(({ client }) => [client.account, 'online']))
  })
})

describe('nobody is told that a person is there', () => {
  it('whom that person did not accept, or blocked', async () => {
    const mallory = await open('mallory')
    await (await (await mallory.client.conversation(bob.client.account)).send('are you there?')).acked
    const heard: unknown[] = []
    mallory.client.on('presence-changed', (event) => { heard.push(event) })
    await bob.client.presence.here(true)
    await mallory.client.presence.of(bob.client.account)
    // A client that does not ask its user.
    mallory.core.core.connection()?.signal({ kind: presenceAsked, conversation: (await mallory.client.conversation(bob.client.account)).id })
    await clock.advance(PRESENCE_LIMITS.askMs)
    expect([said(bob), heard]).toEqual([[], []])
    await alice.client.presence.of(bob.client.account)
    await rest()
    expect([said(bob), statuses()]).toEqual([[presenceHere], ['online']])
    await bob.client.block(alice.client.account)
    await rest()
    expect(said(bob)).toEqual([presenceHere, presenceAway])
    await clock.advance(2 * PRESENCE_LIMITS.askMs)
    expect([said(bob), statuses()]).toEqual([[presenceHere, presenceAway], ['online', 'away']])
  })

  it('who does not want to tell it, and such a person is told of nobody', async () => {
    await bob.client.settings.set('presence.tell', false)
    await bob.client.presence.here(true)
    await alice.client.presence.of(bob.client.account)
    await clock.advance(PRESENCE_LIMITS.askMs)
    expect([said(bob), statuses()]).toEqual([[], []])
    await bob.client.settings.set('presence.tell', true)
    await clock.advance(PRESENCE_LIMITS.askMs)
    expect([said(bob), statuses()]).toEqual([[presenceHere], ['online']])
    await alice.client.settings.set('presence.tell', false)
    await rest()
    expect([statuses(), await alice.client.presence.of(bob.client.account)]).toEqual([['online', 'unknown'], { account: bob.client.account, status: 'unknown' }])
    await bob.client.settings.set('presence.tell', false)
    await rest()
    expect(said(bob).at(-1)).toBe(presenceAway)
  })

  it('by a program that never says so, nor by a server that makes it up for a device that is none', async () => {
    await alice.client.presence.of(bob.client.account)
    await clock.advance(PRESENCE_LIMITS.askMs)
    expect([said(bob), statuses()]).toEqual([[], []])
    const { id } = await alice.client.conversation(bob.client.account)
    const mallory = await open('mallory')
    for (const from of [{ account: bob.client.account, device: mallory.client.device }, { account: mallory.client.account, device: mallory.client.device }]) {
      alice.link.push({ type: 'signalled', signalled: { kind: presenceHere, conversation: id, ...from } })
    }
    await rest()
    expect(statuses()).toEqual([])
  })
})

describe('typing', () => {
  it('is told by who wants to tell it, and shown to who tells', async () => {
    const types: boolean[] = []
    bob.client.on('typing', ({ typing }) => { types.push(typing) })
    const conversation = await alice.client.conversation(bob.client.account)
    conversation.typing(true)
    await rest()
    expect([said(alice), types]).toEqual([[typingStarted], [true]])
    await alice.client.settings.set('typing.tell', false)
    await rest()
    conversation.typing(true)
    await rest()
    expect([said(alice), types]).toEqual([[typingStarted, typingStopped], [true, false]])
    await alice.client.settings.set('typing.tell', true)
    await rest()
    await bob.client.settings.set('typing.tell', false)
    await rest()
    expect([...server.listening]).toEqual([])
    conversation.typing(true)
    await rest()
    expect([said(alice).at(-1), types]).toEqual([typingStarted, [true, false]])
    await bob.client.settings.set('typing.tell', true)
    await rest()
    expect([...server.listening]).toEqual([bob.client.device])
  })
})
