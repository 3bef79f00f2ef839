import { encodeCatchUp, FRAME_TYPE, LIMITS, type ConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { DEFAULT_RATES } from '../config.js'
import { settle } from './cluster.fixture.js'
import { BOB_PHONE, SPAN, cluster, log, two, alice, bob, restart, toBob, stay, sendSpan, useScene } from './scene.fixture.js'
import { DIRTY_CONVERSATIONS_MAX } from './session.js'

useScene()

describe('flow control', () => {
  it('turns to the log when the window of unacknowledged deliveries is full, and goes on from there', async () => {
    const total = LIMITS.unackedDeliveriesMax + 500
    await sendSpan(1, total)
    await cluster.clock.advance(1_000)
    await bob.read()
    expect(bob.deliveries).toHaveLength(LIMITS.unackedDeliveriesMax)
    const synced = bob.synced.length
    await cluster.clock.advance(20_000)
    await bob.read()
    expect(bob.synced).toHaveLength(synced)
    bob.acknowledge(LIMITS.unackedDeliveriesMax)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, total))
    bob.acknowledge(bob.deliveries.length)
    await cluster.clock.advance(11_000)
    await bob.read()
    expect(bob.synced.length).toBeGreaterThan(synced)
  })

  it('closes a consumer that acknowledges nothing for long', async () => {
    await sendSpan(1, LIMITS.unackedDeliveriesMax + 1)
    await stay(45_000)
    expect(bob.socket.closedBy).toBe('slowConsumer')
  })

  it('turns to the log when one turn brings more bytes than a socket should hold, instead of closing it', async () => {
    const text = 'x'.repeat(60_000)
    for (let number = 1; number <= 80; number++) alice.send(toBob(number, { bodies: [{ device: BOB_PHONE, text }] }))
    await alice.read()
    await bob.read()
    expect(bob.deliveries.length).toBeLessThan(80)
    await stay(3_000)
    await bob.read()
    expect(bob.socket.closedBy).toBeUndefined()
    expect(bob.numbers).toEqual(SPAN(1, 80))
  })

  it('pauses a repair while the socket holds much, and closes the consumer when that lasts', async () => {
    bob.socket.buffered = LIMITS.outboundBytesMax / 2
    const text = 'x'.repeat(60_000)
    for (let number = 1; number <= 80; number++) alice.send(toBob(number, { bodies: [{ device: BOB_PHONE, text }] }))
    await stay(5_000)
    await bob.read()
    const first = bob.deliveries.length
    expect(first).toBeLessThan(80)
    bob.socket.buffered = 0
    two.node.handlers.drained(bob.socket)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, 80))
    bob.acknowledge(bob.deliveries.length)
    bob.socket.buffered = LIMITS.outboundBytesMax / 2
    for (let number = 81; number <= 160; number++) alice.send(toBob(number, { bodies: [{ device: BOB_PHONE, text }] }))
    await stay(40_000)
    expect(bob.socket.closedBy).toBe('slowConsumer')
    expect(two.metrics.slowConsumers.value).toBe(1)
  })

  it('limits messages of a device with the time to wait, and closes a flood', async () => {
    await restart({ rates: DEFAULT_RATES })
    for (let number = 1; number <= 510; number++) {
      alice.send(toBob(number))
      if (number % 100 === 0) await alice.read()
    }
    await alice.read()
    expect(alice.acks).toHaveLength(500)
    expect(alice.failures).toHaveLength(10)
    expect(alice.failures[0]).toMatchObject({ code: 'limited.rate', retryAfterMs: 20 })
    await cluster.clock.advance(1_000)
    alice.send(toBob(511))
    await alice.read()
    expect(alice.acks).toHaveLength(501)
    for (let number = 600; number <= 1_000; number++) alice.send(toBob(number))
    await alice.read()
    expect(alice.socket.closedBy).toBe('rateLimited')
  })

  it('refuses more sends in flight than the limit', async () => {
    log.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(100, resolve) })
    for (let number = 1; number <= LIMITS.sendsInFlightMax + 5; number++) alice.send(toBob(number))
    await cluster.clock.advance(1_000)
    await alice.read()
    expect(alice.acks).toHaveLength(LIMITS.sendsInFlightMax)
    expect(alice.failures.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => 'limited.queue'))
  })

  it('closes a flood also while the store is slow and the queue of sends in flight refuses most of it', async () => {
    await restart({ rates: DEFAULT_RATES })
    alice.send(toBob(1))
    await alice.read()
    log.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(100, resolve) })
    for (let number = 2; number <= 800; number++) alice.send(toBob(number))
    await alice.read()
    expect(alice.socket.closedBy).toBe('rateLimited')
    expect(new Set(alice.failures.map(({ code }) => code))).toEqual(new Set(['limited.queue', 'limited.rate']))
  })

  it('reads everything again when more conversations got dirty than are remembered', async () => {
    bob.node?.node.handlers.closed(bob.socket, 1006)
    await bob.connect(two)
    alice.send(toBob(1))
    await alice.read()
    let hold = (): void => undefined
    log.beforeRead = () => new Promise<void>((resolve) => { hold = resolve })
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: cluster.clock.now() }))
    await settle()
    const session = [...two.node.sessions()].find((candidate) => candidate.owner?.device === BOB_PHONE)
    for (let number = 0; number <= DIRTY_CONVERSATIONS_MAX; number++) {
      session?.markDirty(number.toString(16).padStart(32, '0') as ConversationId, { timeMs: 1, incarnation: 1, counter: 1 })
    }
    log.beforeRead = async () => undefined
    hold()
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(bob.received).toHaveLength(2)
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.synced)
  })
})
