import { describe, expect, it } from 'vitest'
import { settle } from './cluster.fixture.js'
import { PACKET_KIND } from './packet.js'
import { ALICE, ALICE_LAPTOP, BOB_PHONE, cluster, presence, one, two, three, alice, bob, laptop, toBob, useScene } from './scene.fixture.js'

useScene()

describe('presence', () => {
  it('that does not answer makes the node publish to every node', async () => {
    presence.failure = new Error('no presence')
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.numbers]).toEqual([1, [1]])
    expect(one.metrics.broadcasts.value).toBe(1)
    await cluster.clock.advance(4_000)
    expect(one.node.ready()).toEqual({ ok: false, reason: 'presence does not answer' })
  })

  it('that forgot everything is registered again, and what was missed is read', async () => {
    cluster.presence.forget()
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([1, 0])
    await cluster.clock.advance(12_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    alice.send(toBob(2))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([1, 2])
  })

  it('that forgot one entry is asked for the others at once, whenever their turn is', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await cluster.clock.advance(5_000)
    await laptop.goLive(two)
    await cluster.clock.advance(4_000)
    cluster.presence.forget()
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE }, { device: ALICE_LAPTOP }] }))
    await alice.read()
    // The turn of Bob's phone comes after ten seconds, that of the laptop on the same node after fifteen.
    await cluster.clock.advance(3_500)
    await Promise.all([bob.read(), laptop.read()])
    expect([bob.numbers, laptop.numbers]).toEqual([[1], [1]])
  })

  it('that did not answer for a while is asked for all entries when it does', async () => {
    presence.failure = new Error('no presence')
    await cluster.clock.advance(2_000)
    cluster.presence.forget()
    presence.failure = undefined
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([])
    await cluster.clock.advance(2_500)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('is not asked for all entries again and again while it forgets one after the other', async () => {
    let refreshed = 0
    const refresh = presence.refresh.bind(presence)
    presence.refresh = (...entries) => {
      refreshed++
      return refresh(...entries)
    }
    const forgetting = cluster.clock.every(200, () => { cluster.presence.forget() })
    await cluster.clock.advance(30_000)
    forgetting.cancel()
    // Two nodes with a session each, every two seconds at most.
    expect(refreshed).toBeLessThanOrEqual(32)
  })

  it('that was told again and never answered so is still followed by a reading, once the entry is found', async () => {
    const register = presence.register.bind(presence)
    presence.register = async (...entry) => {
      await register(...entry)
      throw new Error('no answer')
    }
    cluster.presence.forget()
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    await cluster.clock.advance(12_000)
    await bob.read()
    expect(bob.numbers).toEqual([])
    presence.register = register
    await cluster.clock.advance(12_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('lets the newest socket of a device win, on the same node and on another', async () => {
    const first = bob.socket
    await bob.goLive(two)
    expect(first.closedBy).toBe('replaced')
    const second = bob.socket
    await bob.goLive(three)
    await settle()
    expect(second.closedBy).toBe('replaced')
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(bob.socket.closedBy).toBeUndefined()
  })

  it('closes the older socket at the next refresh when nobody told its node', async () => {
    const first = bob.socket
    three.bus.drops = (_, bytes) => bytes[1] === PACKET_KIND.replaced
    await bob.goLive(three)
    await settle()
    expect(first.closedBy).toBeUndefined()
    await cluster.clock.advance(12_000)
    expect(first.closedBy).toBe('replaced')
    expect(bob.socket.closedBy).toBeUndefined()
  })
})
