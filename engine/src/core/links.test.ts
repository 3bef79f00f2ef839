import { LIMITS } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { PACKET_KIND } from './packet.js'
import { cluster, one, two, three, alice, bob, presence, toBob, stay, useScene } from './scene.fixture.js'

useScene()

describe('the links between nodes', () => {
  const dataPackets = (bytes: Uint8Array): boolean => bytes[1] === PACKET_KIND.data

  it('recover a lost packet from its headers', async () => {
    one.bus.drops = (_, bytes) => dataPackets(bytes)
    alice.send(toBob(1))
    await alice.read()
    one.bus.drops = () => false
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([1, 0])
    await cluster.clock.advance(1_100)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect([two.metrics.linkGaps.value, two.metrics.linkLosses.value]).toEqual([1, 0])
  })

  it('recover a packet lost between two that arrived', async () => {
    alice.send(toBob(1))
    await alice.read()
    one.bus.drops = (_, bytes) => dataPackets(bytes)
    alice.send(toBob(2))
    await alice.read()
    one.bus.drops = () => false
    alice.send(toBob(3))
    await alice.read()
    await bob.read()
    await bob.read()
    expect(bob.numbers).toEqual([1, 2, 3])
  })

  it('catch up every session when the answer does not come either', async () => {
    one.bus.drops = (_, bytes) => dataPackets(bytes) || bytes[1] === PACKET_KIND.headers
    alice.send(toBob(1))
    await alice.read()
    await cluster.clock.advance(4_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(two.metrics.linkLosses.value).toBe(1)
    expect(two.metrics.repairs.value).toBeGreaterThanOrEqual(1)
  })

  it('hold the cursor back while a packet is missing', async () => {
    await stay(61_000)
    one.bus.drops = (_, bytes) => bytes[1] !== PACKET_KIND.goodbye
    const lostMs = cluster.clock.now()
    alice.send(toBob(1))
    await alice.read()
    await cluster.clock.advance(1_900)
    await bob.read()
    expect(Math.max(...bob.synced)).toBeLessThanOrEqual(lostMs - LIMITS.overlapMs + 1)
    await cluster.clock.advance(2_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('let sessions catch up when a node dies without goodbye', async () => {
    one.bus.drops = () => true
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    // The node is dead from here on: nothing it does is seen any more.
    await one.bus.close()
    one.bus.failure = new Error('dead')
    await cluster.clock.advance(3_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('do not make sessions catch up when a node says goodbye', async () => {
    await three.node.drain(10)
    await three.node.stop()
    await cluster.clock.advance(15_000)
    await bob.read()
    expect([two.metrics.linkLosses.value, two.metrics.repairs.value]).toEqual([0, 0])
    expect(cluster.clock.now() - LIMITS.overlapMs - Math.max(...bob.synced)).toBeLessThan(13_000)
  })

  it('advance the live cursor within the refresh of presence and the overlap', async () => {
    await stay(120_000)
    await bob.read()
    const lagMs = cluster.clock.now() - Math.max(...bob.synced)
    expect(lagMs).toBeGreaterThanOrEqual(LIMITS.overlapMs)
    expect(lagMs).toBeLessThan(LIMITS.overlapMs + 25_000)
    expect(bob.synced).toEqual([...bob.synced].sort((left, right) => left - right))
  })

  it('catch up once more when a silent node is gone for good: what it still did after the first catch-up is read', async () => {
    one.bus.drops = () => true
    await stay(3_000)
    const repairs = two.metrics.repairs.value
    expect(repairs).toBeGreaterThan(0)
    // The node is cut off from its peers but not from store and broker: it still acknowledges.
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    await one.node.stop()
    await bob.read()
    expect(bob.deliveries).toEqual([])
    await stay(12_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('keep counting when a node that seemed gone comes back, so that later losses are seen', async () => {
    alice.send(toBob(1))
    await alice.read()
    // Node two is silent and unknown to the registry for a while, but not dead.
    const { registry } = cluster
    const heartbeat = registry.heartbeat.bind(registry)
    const gone = [...await registry.peers(1_000)].sort()[1] ?? 0
    registry.heartbeat = async (incarnation) => { if (incarnation !== gone) await heartbeat(incarnation) }
    two.bus.drops = () => true
    await stay(13_000)
    registry.heartbeat = heartbeat
    two.bus.drops = () => false
    await stay(2_000)
    await bob.read()
    one.bus.drops = (_, bytes) => dataPackets(bytes)
    alice.send(toBob(2))
    await alice.read()
    one.bus.drops = () => false
    await stay(2_000)
    await bob.read()
    expect(bob.numbers).toEqual([1, 2])
  })

  it('make sessions catch up on a node that was taken for gone while something went to every peer', async () => {
    const { registry } = cluster
    const heartbeat = registry.heartbeat.bind(registry)
    const gone = [...await registry.peers(1_000)].sort()[1] ?? 0
    registry.heartbeat = async (incarnation) => { if (incarnation !== gone) await heartbeat(incarnation) }
    two.bus.drops = () => true
    await stay(13_000)
    // Nobody knows where Bob is connected, and his node is no peer.
    presence.failure = new Error('no presence')
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    presence.failure = undefined
    registry.heartbeat = heartbeat
    two.bus.drops = () => false
    await stay(3_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('make sessions catch up on a node that was not known yet when something went to every peer', async () => {
    const four = await cluster.add()
    await bob.goLive(four)
    presence.failure = new Error('no presence')
    alice.send(toBob(1))
    await alice.read()
    presence.failure = undefined
    expect(alice.acks).toHaveLength(1)
    await bob.read()
    expect(bob.numbers).toEqual([])
    await cluster.clock.advance(3_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('make a node unready that has no broker for two seconds', async () => {
    expect(one.node.ready()).toEqual({ ok: true })
    one.bus.failure = new Error('no broker')
    await cluster.clock.advance(3_000)
    expect(one.node.ready()).toEqual({ ok: false, reason: 'the broker does not answer' })
    one.bus.failure = undefined
    await cluster.clock.advance(1_000)
    expect(one.node.ready()).toEqual({ ok: true })
  })
})
