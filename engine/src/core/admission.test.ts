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

/** A service that checks `perSecond` hellos one after the other, and clients that wait two seconds for theirs and come back when they were told to. */
function storm({ clients, perSecond, admission }: { readonly clients: number, readonly perSecond: number, readonly admission: Admission }): { readonly throughMs: number, readonly inVain: number } {
  const events: { readonly atMs: number, readonly run: (nowMs: number) => void }[] = []
  const at = (atMs: number, run: (nowMs: number) => void): void => { events.push({ atMs, run }) }
  let [freeMs, through, throughMs, inVain] = [0, 0, 0, 0]
  const arrive = (seed: number, tries: number) => (nowMs: number): void => {
    // Spread as the back-off of clients does, but the same in every run.
    const jitterMs = ((seed * 7_919 + tries * 104_729) % 1_000) / 1_000 * Math.min(30_000, 5_000 * 2 ** tries)
    const waitMs = admission.take(nowMs)
    if (waitMs > 0) {
      at(nowMs + waitMs + jitterMs, arrive(seed, tries + 1))
      return
    }
    admission.began()
    freeMs = Math.max(freeMs, nowMs) + 1_000 / perSecond
    at(freeMs, (endMs) => {
      admission.checked(nowMs, endMs)
      if (endMs - nowMs > 2_000) {
        inVain++
        at(endMs + jitterMs, arrive(seed, tries + 1))
      } else {
        through++
        throughMs = endMs
      }
    })
  }
  for (let client = 0; client < clients; client++) at(client / 100, arrive(client, 0))
  for (let steps = 0; events.length > 0 && steps < 100_000; steps++) {
    events.sort((one, other) => other.atMs - one.atMs)
    const next = events.pop()
    next?.run(next.atMs)
  }
  expect(through).toBe(clients)
  return { throughMs, inVain }
}

describe('hellos that take long to check', () => {
  it('are taken as many at once as are checked in good time: a storm is through in about the time of its checks, and few checks are in vain', () => {
    for (const perSecond of [20, 200]) {
      const { throughMs, inVain } = storm({ clients: 1_000, perSecond, admission: new Admission(2_000, 0) })
      expect(inVain, `checks in vain at ${String(perSecond)}/s`).toBeLessThan(100)
      expect(throughMs, `time at ${String(perSecond)}/s`).toBeLessThan((1_000 / perSecond) * 1_000 * 1.5 + 40_000)
    }
  })

  it('are advised waits that fit the rate at which they are checked', () => {
    const admission = new Admission(2_000, 0)
    for (let index = 0; index < 200; index++) {
      admission.began()
      admission.checked(index * 100, index * 100 + 100)
    }
    let taken = 0
    while (admission.take(100_000) === 0) {
      admission.began()
      taken++
    }
    // 64 at once, 100 ms each.
    expect(taken).toBe(64)
    const waits = [admission.take(100_000), admission.take(100_000), admission.take(100_000)]
    expect(waits.map((waitMs, index) => waitMs - (waits[index - 1] ?? 0))).toEqual(waits.map(() => expect.closeTo(1.6, -1) as unknown))
  })

  it('are taken more of when checks are fast', () => {
    const admission = new Admission(1_000_000, 0)
    let nowMs = 0
    for (let round = 0; round < 400; round++) {
      let taken = 0
      while (admission.take(nowMs) === 0) {
        admission.began()
        taken++
      }
      for (let index = 0; index < taken; index++) admission.checked(nowMs, nowMs + 10)
      nowMs += 10
    }
    let taken = 0
    while (admission.take(nowMs) === 0) {
      admission.began()
      taken++
    }
    expect(taken).toBe(1_024)
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
