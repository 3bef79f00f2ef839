import { describe, expect, it } from 'vitest'
import { Admission } from './admission.js'
import { cluster, device, account, restart, useScene } from './scene.fixture.js'
import { TestClient } from './client.fixture.js'

describe('Admission', () => {
  it('takes a burst, then its rate', () => {
    const admission = new Admission(10, 0)
    const taken = (nowMs: number, tries: number): number => Array.from({ length: tries }, () => admission.take(nowMs)).filter((waitMs) => waitMs === 0).length
    expect(taken(0, 100)).toBe(20)
    expect(taken(500, 100)).toBe(5)
    expect(taken(1_000, 100)).toBe(5)
  })

  it('spreads those who are put off over the time that it takes to take them, up to a bound', () => {
    const admission = new Admission(10, 0)
    const waits = Array.from({ length: 1_000 }, () => admission.take(0)).slice(20)
    expect(waits.slice(0, 4)).toEqual([100, 200, 300, 400])
    expect(Math.max(...waits)).toBe(30_000)
    expect(admission.take(30_000)).toBe(0)
  })
})

describe('a storm of hellos', () => {
  useScene()

  it('is taken at a bounded rate: the others are told when to come back, and are taken then', async () => {
    await restart({ hellosPerSecond: 4 })
    const [node] = cluster.nodes
    if (node === undefined) throw new Error('no node')
    await cluster.clock.advance(10_000)
    const clients = Array.from({ length: 12 }, (_, index) => {
      cluster.directory.addDevice(account(100 + index), device(100 + index))
      return new TestClient(cluster, account(100 + index), device(100 + index))
    })
    const summaries = cluster.directory.summaries
    for (const client of clients) await client.connect(node)
    const putOff = clients.filter(({ welcomed }) => !welcomed)
    expect(putOff).toHaveLength(4)
    expect(cluster.directory.summaries - summaries, 'auth is not asked about who is put off').toBe(8)
    expect(putOff.map(({ socket }) => socket.closedBy)).toEqual(putOff.map(() => 'overloaded'))
    expect(putOff.map(({ failures }) => failures.at(-1))).toEqual([250, 500, 750, 1_000].map((retryAfterMs) => expect.objectContaining({ code: 'limited.connections', retryAfterMs }) as unknown))
    expect(node.metrics.hellosPutOff.value).toBe(4)
    await cluster.clock.advance(1_000)
    for (const client of putOff) await client.connect(node)
    expect(clients.every(({ welcomed }) => welcomed)).toBe(true)
  })
})
