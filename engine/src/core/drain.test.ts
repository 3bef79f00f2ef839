import { describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { ALICE, ALICE_PHONE, cluster, one, three, alice, bob, toBob, useScene } from './scene.fixture.js'

useScene()

describe('draining', () => {
  it('tells the clients, closes them spread over the time, loses nothing, and takes no new ones', async () => {
    alice.send(toBob(1))
    const draining = one.node.drain(2_000)
    await alice.read()
    expect(one.node.ready().ok).toBe(false)
    expect(alice.notices).toEqual([{ kind: 'draining', spreadMs: 2_000 }])
    await cluster.clock.advance(2_500)
    await draining
    expect(alice.socket.closedBy).toBe('draining')
    await bob.read()
    expect([alice.acks.length, bob.numbers]).toEqual([1, [1]])
    const late = new TestClient(cluster, ALICE, ALICE_PHONE)
    late.open(one)
    expect(late.socket.closedBy).toBe('draining')
    await one.node.stop()
    await alice.goLive(three)
    alice.send(toBob(2))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([1, 2])
  })
})
