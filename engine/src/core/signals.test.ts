import {
  encodeFrame, encodeListen, encodeSignal, FRAME_TYPE, SIGNAL_KIND, type ConversationId, type MemberSignal, type SignalKind,
} from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { foundChannel } from './channel.fixture.js'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import { change, found } from './group.fixture.js'
import {
  account, alice, ALICE, ALICE_LAPTOP, AMPLE, bob, BOB, BOB_LAPTOP, BOB_PHONE, cluster, conversation, device, laptop, log, MALLORY, MALLORY_PHONE, one, presence, restart, sendSpan, SPAN,
  three, toBob, two, useScene,
} from './scene.fixture.js'
import { LEASE_MS } from './conversations.js'
import { SIGNAL_BEHIND_BYTES_MAX, SIGNAL_UNACKED_MAX } from './session.js'
import { encodeSignalPacket, decodeSignalPacket } from './signal-packet.js'
import { SIGNAL_LOOKUP_MS, SIGNAL_PAUSE_MS, SIGNALS_WAITING_MAX } from './signals.js'

useScene()

/** The client asks for signals. */
const listen = (client: TestClient, listens = true): void => { client.raw(encodeFrame(FRAME_TYPE.listen, 0, encodeListen(listens))) }
const signal = (client: TestClient, kind: SignalKind = SIGNAL_KIND.typingStarted, to: ConversationId = conversation): void => {
  client.raw(encodeFrame(FRAME_TYPE.signal, 0, encodeSignal({ kind, conversation: to } satisfies MemberSignal)))
}
/** What the client was told since it was read last. */
const heard = async (client: TestClient): Promise<string[]> => {
  const before = client.signalled.length
  await settle()
  await client.read()
  return client.signalled.slice(before).map(({ kind, device }) => `${device === alice.device ? 'alice' : device} ${kind === SIGNAL_KIND.typingStarted ? 'types' : 'stopped'}`)
}
const shed = (): number => cluster.nodes.reduce((sum, { metrics }) => sum + metrics.signalsShed.value, 0)

describe('a signal', () => {
  it('reaches the listening devices of the other members on every node, and no device of the sender', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    const bobLaptop = new TestClient(cluster, BOB, BOB_LAPTOP)
    await bobLaptop.goLive(one)
    await laptop.goLive(three)
    for (const client of [alice, laptop, bob, bobLaptop]) listen(client)
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
    expect(await heard(bobLaptop)).toEqual(['alice types'])
    expect([await heard(alice), await heard(laptop)]).toEqual([[], []])
    signal(alice, SIGNAL_KIND.typingStopped)
    expect(await heard(bob)).toEqual(['alice stopped'])
    expect(bob.signalled.map((one) => [one.conversation, one.account])).toEqual([[conversation, ALICE], [conversation, ALICE]])
  })

  it('goes on a subject apart from packets, and counts neither there nor among deliveries', async () => {
    listen(bob)
    await cluster.clock.advance(600)
    const { value: packets } = one.metrics.packetsOut
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
    expect(one.bus.offered).toEqual([`evegram.engine.signals.${String(two.node.incarnation)}`])
    expect([one.metrics.packetsOut.value, two.metrics.deliveries.value, two.metrics.linkGaps.value]).toEqual([packets, 0, 0])
    const [session] = [...two.node.sessions()]
    expect([session?.unacked, session?.clean]).toEqual([0, true])
  })

  it('is sent to nobody who did not ask, who asked no more, or who is not live yet', async () => {
    signal(alice)
    expect(await heard(bob)).toEqual([])
    listen(bob)
    listen(bob, false)
    signal(alice)
    expect(await heard(bob)).toEqual([])
    bob.socket.close('draining')
    await bob.connect(two)
    listen(bob)
    signal(alice)
    expect(await heard(bob)).toEqual([])
    await bob.catchUp(cluster.clock.now())
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
  })

  it('is never stored, never answered, and closes nothing: not for a stranger, a channel, a conversation that nobody opened, nor of an unknown kind', async () => {
    listen(bob)
    cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
    const mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
    await mallory.goLive(three)
    const channel = await foundChannel()
    const [frames, strange] = [alice.order.length, mallory.order.length]
    signal(mallory)
    signal(alice, SIGNAL_KIND.typingStarted, channel)
    // Any 32 digits are a conversation id.
    signal(alice, SIGNAL_KIND.typingStarted, 'f'.repeat(32) as ConversationId)
    alice.raw(encodeFrame(FRAME_TYPE.signal, 0, encodeSignal({ kind: SIGNAL_KIND.typingStarted, conversation }).fill(200, 0, 1)))
    expect(await heard(bob)).toEqual([])
    await alice.read()
    await mallory.read()
    expect([alice.order.length, mallory.order.length]).toEqual([frames, strange])
    expect([alice.socket.closedBy, mallory.socket.closedBy]).toEqual([undefined, undefined])
    expect(one.metrics.signalsRefused.value + three.metrics.signalsRefused.value).toBe(4)
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
    expect(log.appends).toEqual([])
  })

  it('that does not parse closes the socket, as every such frame does', async () => {
    alice.raw(encodeFrame(FRAME_TYPE.signal, 0, new Uint8Array(16)))
    await settle()
    expect(alice.socket.closedBy).toBe('protocolError')
  })

  it('goes to the members of a group, and to who was removed no more', async () => {
    cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
    const mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
    await mallory.goLive(three)
    const group = await found(BOB, MALLORY)
    for (const client of [bob, mallory]) listen(client)
    signal(alice, SIGNAL_KIND.typingStarted, group)
    expect([await heard(bob), await heard(mallory)]).toEqual([['alice types'], ['alice types']])
    expect(await change(alice, group, { kind: 'remove', body: { members: [MALLORY] } })).toBe('changed')
    signal(alice, SIGNAL_KIND.typingStarted, group)
    signal(mallory, SIGNAL_KIND.typingStarted, group)
    expect([await heard(bob), await heard(mallory)]).toEqual([['alice types'], []])
  })

  it('does not pass under a lease that ended while presence was asked', async () => {
    listen(bob)
    let answer: () => void = () => undefined
    const lookup = presence.lookup.bind(presence)
    presence.lookup = async (accounts) => {
      await new Promise<void>((resolve) => { answer = resolve })
      return lookup(accounts)
    }
    signal(alice)
    await settle()
    // Nothing runs while the process is suspended, the deadline neither.
    cluster.clock.suspend(LEASE_MS + 1)
    answer()
    expect(await heard(bob)).toEqual([])
    expect(one.metrics.signalsShed.value).toBe(1)
  })

  it('is not passed on in a wide group', async () => {
    await restart({ wideOver: 2 })
    const members = SPAN(10, 12).map(account)
    members.forEach((member, index) => cluster.directory.addDevice(member, device(100 + index)))
    const group = await found(BOB, ...members)
    listen(bob)
    signal(alice, SIGNAL_KIND.typingStarted, group)
    expect(await heard(bob)).toEqual([])
    expect(one.metrics.signalsRefused.value).toBe(1)
  })

  it('has a rate of its own: what is above it is dropped, and messages and requests go on', async () => {
    await restart({ rates: { ...AMPLE, signals: { perSecond: 1, burst: 3 } } })
    listen(bob)
    for (let count = 0; count < 50; count++) {
      signal(alice)
      await settle(4)
    }
    expect(await heard(bob)).toHaveLength(3)
    expect(one.metrics.signalsLimited.value).toBe(47)
    alice.send(toBob(1))
    await alice.read()
    expect([alice.acks.length, alice.failures.length, alice.socket.closedBy]).toEqual([1, 0, undefined])
    await cluster.clock.advance(1_000)
    signal(alice)
    expect(await heard(bob)).toHaveLength(1)
  })
})

describe('signals are shed first', () => {
  it('at a socket that is behind, where messages still go', async () => {
    listen(bob)
    bob.socket.buffered = SIGNAL_BEHIND_BYTES_MAX + 1
    signal(alice)
    alice.send(toBob(1))
    expect(await heard(bob)).toEqual([])
    expect([bob.numbers, shed(), bob.socket.closedBy]).toEqual([[1], 1, undefined])
    bob.socket.buffered = 0
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
  })

  it('at a device that does not keep up with its messages', async () => {
    listen(bob)
    await sendSpan(1, SIGNAL_UNACKED_MAX + 1)
    await bob.read()
    signal(alice)
    expect(await heard(bob)).toEqual([])
    expect([bob.numbers.length, shed()]).toEqual([SIGNAL_UNACKED_MAX + 1, 1])
    bob.acknowledge(SIGNAL_UNACKED_MAX + 1)
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
  })

  it('at a bus that is crowded, where packets still go', async () => {
    listen(bob)
    one.bus.crowded = true
    signal(alice)
    alice.send(toBob(1))
    expect(await heard(bob)).toEqual([])
    await alice.read()
    expect([bob.numbers, alice.acks.length, shed()]).toEqual([[1], 1, 1])
  })

  it('when presence does not answer: asked for once, not for long, then not for a while, and no ack waits', async () => {
    listen(bob)
    let asked = 0
    const lookup = presence.lookup.bind(presence)
    presence.lookup = (accounts) => {
      asked++
      // Sends ask for both sides, signals for the others only.
      return accounts.length > 1 ? lookup(accounts) : new Promise(() => undefined)
    }
    signal(alice)
    await settle()
    alice.send(toBob(1))
    await alice.read()
    expect([alice.acks.length, asked]).toEqual([1, 2])
    await cluster.clock.advance(SIGNAL_LOOKUP_MS + 10)
    for (let count = 0; count < 20; count++) signal(alice, count % 2 === 0 ? SIGNAL_KIND.typingStopped : SIGNAL_KIND.typingStarted)
    await settle()
    expect([asked, shed()]).toEqual([2, 21])
    presence.lookup = lookup
    await cluster.clock.advance(SIGNAL_PAUSE_MS)
    signal(alice)
    expect(await heard(bob)).toEqual(['alice types'])
    // Presence that failed a signal does not make sends go to every node.
    expect(one.metrics.broadcasts.value).toBe(0)
  })

  it('beyond a bounded number that waits; the newest of a device in one conversation is the one that counts', async () => {
    await restart({ rates: { ...AMPLE, signals: { perSecond: 1_000, burst: 10_000 } } })
    listen(bob)
    signal(alice)
    signal(alice, SIGNAL_KIND.typingStopped)
    expect(await heard(bob)).toEqual(['alice stopped'])
    for (const number of SPAN(0, SIGNALS_WAITING_MAX + 9)) {
      // Any 32 digits are a conversation id.
      signal(alice, SIGNAL_KIND.typingStarted, number.toString(16).padStart(32, '0') as ConversationId)
    }
    await settle()
    expect([one.metrics.signalsShed.value, one.metrics.signalsRefused.value]).toEqual([10, SIGNALS_WAITING_MAX])
  })
})

describe('packets of signals', () => {
  it('come back as they were, whatever kind a newer node wrote, and nothing else parses', async () => {
    const signalled = new Uint8Array(49).fill(77)
    const packet = encodeSignalPacket({ signalled, accounts: [ALICE, BOB] })
    expect(decodeSignalPacket(packet)).toEqual({ signalled: Buffer.from(signalled), accounts: [ALICE, BOB] })
    listen(bob)
    const subject = one.bus
    signal(alice)
    expect(await heard(bob)).toHaveLength(1)
    const [name] = subject.offered
    if (name === undefined) throw new Error('a signal was offered')
    for (const wrong of [packet.subarray(1), packet.subarray(0, 30), new Uint8Array(0), new Uint8Array(100).fill(255)]) subject.offer(name, wrong)
    await settle()
    expect(two.metrics.packetsMalformed.value).toBe(4)
    subject.offer(name, encodeSignalPacket({ signalled, accounts: [BOB] }))
    await settle()
    await bob.read()
    expect([bob.order.filter((type) => type === FRAME_TYPE.signalled).length, bob.signalled.length, bob.device]).toEqual([2, 1, BOB_PHONE])
  })
})
