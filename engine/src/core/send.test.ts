import { FRAME_TYPE, LIMITS, viewEnvelope, type ConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { MemoryEnvelopeLog } from '../adapters/memory/envelope-log.js'
import { MemoryNodeRegistry } from '../adapters/memory/node-registry.js'
import { TestClient } from './client.fixture.js'
import { settle, VirtualClock } from './cluster.fixture.js'
import {
  ALICE, BOB, MALLORY, ALICE_PHONE, ALICE_LAPTOP, BOB_PHONE, BOB_LAPTOP, MALLORY_PHONE, SPAN, MoodyLog, cluster, log, presence, one, two, three, alice, laptop, bob, conversation, restart, toBob, stay, useScene,
} from './scene.fixture.js'

useScene()

describe('a send', () => {
  it('goes to the one node that has the recipient, and is acknowledged at the position that was delivered', async () => {
    const correlation = alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(alice.failures).toEqual([])
    expect(alice.acks.map((ack) => ack.correlation)).toEqual([correlation])
    expect(bob.texts).toEqual(['message 1'])
    expect(bob.deliveries[0]?.position).toEqual(alice.acks[0]?.position)
    expect([two.metrics.packetsIn.value, three.metrics.packetsIn.value]).toEqual([1, 0])
  })

  it('reaches every other device of both members, and not the device that sent it', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    await laptop.goLive(three)
    await tablet.goLive(one)
    alice.send(toBob(1, { bodies: [BOB_PHONE, BOB_LAPTOP, ALICE_LAPTOP].map((target) => ({ device: target, text: `for ${target}` })) }))
    for (const client of [alice, bob, laptop, tablet]) await client.read()
    expect(alice.acks).toHaveLength(1)
    expect(alice.texts).toEqual([])
    expect([bob, tablet, laptop].map((client) => client.texts)).toEqual([[`for ${BOB_PHONE}`], [`for ${BOB_LAPTOP}`], [`for ${ALICE_LAPTOP}`]])
  })

  it('gives a device its own body only', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE, text: 'phone' }, { device: BOB_LAPTOP, text: 'secret of the laptop' }] }))
    await bob.read()
    const [delivery] = bob.deliveries
    expect(viewEnvelope(delivery?.envelope ?? new Uint8Array()).bodies.map((body) => body.device)).toEqual([BOB_PHONE])
    expect(Buffer.from(delivery?.envelope ?? []).includes('secret')).toBe(false)
  })

  it('is acknowledged only after it is stored and the broker has every packet', async () => {
    const steps: string[] = []
    let letStore = (): void => undefined
    let letFlush = (): void => undefined
    await stay(100)
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = () => { steps.push('stored'); resolve() } })
    one.bus.beforeFlush = () => new Promise<void>((resolve) => { letFlush = () => { steps.push('flushed'); resolve() } })
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([0, 0])
    letStore()
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([0, 1])
    one.bus.beforeFlush = async () => undefined
    letFlush()
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(steps).toEqual(['stored', 'flushed'])
  })

  it('is not acknowledged when the store or the broker failed, and may be sent again', async () => {
    log.failure = new Error('the disk is full')
    alice.send(toBob(1))
    await alice.read()
    expect([alice.acks.length, alice.failures.map(({ code }) => code)]).toEqual([0, ['internal']])
    log.failure = undefined
    one.bus.failure = new Error('no broker')
    alice.send(toBob(1))
    await alice.read()
    expect([alice.acks.length, alice.failures.map(({ code }) => code)]).toEqual([0, ['internal', 'unavailable.bus']])
    one.bus.failure = undefined
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(1)
    expect(bob.numbers).toEqual([1])
  })

  it('that is retried with the same bytes is delivered and acknowledged again at the stored position', async () => {
    alice.send(toBob(1))
    await alice.read()
    await cluster.clock.advance(3_000)
    const bytes = log.appends[0]?.envelope ?? new Uint8Array()
    alice.request(FRAME_TYPE.send, bytes)
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(2)
    expect(alice.acks[1]?.position).toEqual(alice.acks[0]?.position)
    expect(bob.texts).toEqual(['message 1', 'message 1'])
  })

  it('whose append took longer than the deadline is stored again at a new position, at most three times', async () => {
    const memoryLog = new MemoryEnvelopeLog({ answersExists: false })
    const slow = new MoodyLog(memoryLog)
    await restart({ log: slow, marks: memoryLog.marks })
    let delayMs = LIMITS.appendDeadlineMs + 500
    slow.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(delayMs, () => { delayMs = 10; resolve() }) })
    alice.send(toBob(1))
    await cluster.clock.advance(4_000)
    await alice.read()
    await bob.read()
    expect(slow.appends).toHaveLength(2)
    const [first, second] = slow.appends.map((append) => append.position.timeMs)
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(LIMITS.appendDeadlineMs)
    expect(alice.acks.map((ack) => ack.position)).toEqual([slow.appends[1]?.position])
    expect(bob.numbers).toEqual([1])
    slow.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(LIMITS.appendDeadlineMs + 500, resolve) })
    alice.send(toBob(2))
    await cluster.clock.advance(12_000)
    await alice.read()
    expect(slow.appends).toHaveLength(5)
    expect(alice.failures.map(({ code }) => code)).toEqual(['append.too_late'])
  })

  it('that the store does not answer is given up; its copy is routed when it turns up, and other sends of the device go on', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    const sentMs = cluster.clock.now()
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    alice.send(toBob(2))
    await stay(8_000)
    await alice.read()
    await bob.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['append.too_late'])
    expect([alice.acks.length, bob.numbers]).toEqual([1, [2]])
    await stay(100_000)
    await bob.read()
    expect(Math.max(...bob.synced)).toBeLessThan(sentMs)
    letStore()
    await stay(30_000)
    await alice.read()
    await bob.read()
    expect([alice.acks.length, alice.failures.length, bob.numbers]).toEqual([1, 1, [1, 2]])
    expect(Math.max(...bob.synced)).toBeGreaterThan(sentMs)
  })

  it('that waits holds back the cursors of all nodes until it was routed', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    await cluster.clock.advance(1_000)
    const sentMs = cluster.clock.now()
    alice.send(toBob(1))
    await stay(90_000)
    await bob.read()
    expect(Math.max(...bob.synced)).toBeLessThan(sentMs)
    expect(bob.deliveries).toEqual([])
    log.beforeStored = async () => undefined
    letStore()
    await stay(40_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(Math.max(...bob.synced)).toBeGreaterThan(sentMs)
  })

  it('waits for the append of the same device that is under way, and goes with what waited', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    for (const number of SPAN(2, 5)) alice.send(toBob(number))
    await settle()
    expect(log.appends).toHaveLength(1)
    letStore()
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(5)
    expect(bob.texts).toEqual(SPAN(1, 5).map((number) => `message ${number}`))
    expect(presence.lookups).toBe(2)
  })

  it('waits for nothing where the log keeps the order itself', async () => {
    let letStore = (): void => undefined
    log.keepsOrder = true
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    for (const number of SPAN(2, 5)) alice.send(toBob(number))
    await settle()
    expect(log.appends).toHaveLength(5)
    letStore()
    await alice.read()
    expect(alice.acks).toHaveLength(5)
  })

  it('keeps the order of its device also when it comes in the moment between two appends', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    alice.send(toBob(2))
    letStore()
    // The append has resolved, what waited for it goes at the end of the turn: message 3 comes before that.
    for (let step = 0; step < 20; step++) await Promise.resolve()
    alice.send(toBob(3))
    await alice.read()
    await bob.read()
    expect(bob.received.map(({ number }) => number)).toEqual([1, 2, 3])
  })

  it('of one turn shares one presence lookup and one packet', async () => {
    const before = one.metrics.packetsOut.value
    for (const number of SPAN(1, 50)) alice.send(toBob(number))
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(50)
    expect(alice.order.filter((type) => type === FRAME_TYPE.ack)).toHaveLength(1)
    expect(bob.numbers).toEqual(SPAN(1, 50))
    expect([presence.lookups, one.metrics.packetsOut.value - before]).toEqual([1, 1])
  })

  it('is refused when it is not from the device of the connection, not a member, unknown, or from the future', async () => {
    cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
    const mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
    await mallory.goLive(three)
    mallory.send(toBob(1, { as: { account: ALICE, device: ALICE_PHONE } }))
    mallory.send(toBob(1))
    mallory.send(toBob(1, { conversation: `${conversation.slice(0, 31)}0` as ConversationId }))
    alice.send(toBob(1, { orderMs: cluster.clock.now() + LIMITS.orderAheadMsMax + 2_000 }))
    await mallory.read()
    await alice.read()
    await bob.read()
    expect(mallory.failures.map(({ code }) => code).sort()).toEqual(['denied.not_member', 'denied.sender', 'not_found.conversation'])
    expect(alice.failures.map(({ code }) => code)).toEqual(['order.ahead'])
    expect([log.appends.length, bob.deliveries.length]).toEqual([0, 0])
  })

  it('is refused while the clocks disagree, and goes through when they agree again', async () => {
    let offsetMs = 0
    class OffsetRegistry extends MemoryNodeRegistry {
      override async referenceMs(): Promise<number> {
        return await super.referenceMs() + offsetMs
      }
    }
    const clock = new VirtualClock()
    await restart({ clock, registry: new OffsetRegistry(clock) })
    // The node is ahead of the store by more than it may be: it cannot go back, so it must not acknowledge.
    offsetMs = -LIMITS.maxSkewMs - 100
    await cluster.clock.advance(3_000)
    alice.send(toBob(1))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['unavailable.clock'])
    expect(one.node.ready()).toEqual({ ok: false, reason: 'the clock is not confirmed' })
    offsetMs = 0
    await cluster.clock.advance(1_000)
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(one.node.ready()).toEqual({ ok: true })
  })

  it('after a gap of the event loop waits for a fresh comparison of clocks', async () => {
    cluster.clock.suspend(800)
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(one.metrics.loopGaps.value).toBe(1)
  })
})
