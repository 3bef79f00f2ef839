import { encodeCatchUp, FRAME_TYPE, LIMITS, viewEnvelope } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import {
  AMPLE, MALLORY, MALLORY_PHONE, account, device, SPAN, cluster, log, one, two, three, alice, bob, conversation, restart, stay, sendSpan, useScene,
} from './scene.fixture.js'

useScene()

describe('resume', () => {
  const loseConnection = async (client: TestClient): Promise<void> => {
    client.node?.node.handlers.closed(client.socket, 1006)
    await settle()
  }

  it('gives everything since the cursor on another node, then is live', async () => {
    await stay(70_000)
    await bob.read()
    const cursor = bob.synced.at(-1) ?? 0
    await loseConnection(bob)
    await sendSpan(1, 600)
    await bob.goLive(three, cursor)
    expect(bob.pages.length).toBeGreaterThan(2)
    expect(bob.numbers).toEqual(SPAN(1, 600))
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.synced)
    await sendSpan(601, 602)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, 602))
  })

  it('costs what was missed: quiet conversations are not read', async () => {
    for (const number of SPAN(10, 40)) {
      cluster.directory.addDevice(account(number), device(number))
      await alice.conversationWith(account(number))
    }
    await sendSpan(1, 3)
    await loseConnection(bob)
    cluster.clock.suspend(2 * 3_600_000)
    await cluster.clock.advance(2_000)
    await alice.goLive(one)
    await sendSpan(4, 6)
    const reads = log.reads
    await bob.goLive(two, cluster.clock.now() - 3_600_000)
    expect(log.reads - reads).toBe(1)
    expect(bob.numbers).toEqual([4, 5, 6])
  })

  it('answers a cursor older than the retention with the time from which everything is there', async () => {
    await loseConnection(bob)
    await cluster.clock.advance(1_000)
    await bob.goLive(two, cluster.clock.now() - LIMITS.retentionMs - 5_000)
    expect(bob.pages.map((page) => page.discontinuityMs)).toEqual([undefined, cluster.clock.now() - LIMITS.retentionMs])
  })

  it('issues a cursor that is behind the start of the catch-up by the overlap', async () => {
    expect(bob.synced.at(-1)).toBeLessThanOrEqual(cluster.clock.now() - LIMITS.overlapMs)
    expect(bob.synced.at(-1)).toBeGreaterThan(cluster.clock.now() - LIMITS.overlapMs - 2_000)
  })

  it('reads again what came while pages were pulled, before it says synced', async () => {
    await loseConnection(bob)
    await sendSpan(1, 3)
    let once = true
    log.beforeRead = async () => {
      if (!once) return
      once = false
      await sendSpan(4, 6)
    }
    await bob.connect(two)
    await bob.catchUp(cluster.clock.now())
    await settle(60)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, 6))
    expect(bob.order.slice(-2)).toEqual([FRAME_TYPE.page, FRAME_TYPE.synced])
    expect(bob.deliveries).toEqual([])
  })

  it('marks live packets while pages are pulled and delivers none of them out of turn', async () => {
    await loseConnection(bob)
    await sendSpan(1, 300)
    await bob.connect(two)
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: cluster.clock.now() }))
    await bob.read()
    expect(bob.pages.at(-1)?.more).toBe(true)
    await sendSpan(301, 310)
    await bob.read()
    expect(bob.deliveries).toEqual([])
    expect(two.metrics.dirtyMarks.value).toBeGreaterThan(0)
    const token = bob.pages.at(-1)?.token ?? new Uint8Array()
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token }))
    await bob.read()
    expect(bob.pages.at(-1)?.more).toBe(false)
    expect(bob.numbers).toEqual(SPAN(1, 310))
  })

  it('lets a page that failed be asked for again, and refuses foreign tokens', async () => {
    await loseConnection(bob)
    await sendSpan(1, 300)
    await bob.connect(two)
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: cluster.clock.now() }))
    await bob.read()
    const token = bob.pages.at(-1)?.token ?? new Uint8Array()
    log.failsReads = true
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token }))
    await bob.read()
    log.failsReads = false
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token: new Uint8Array(16) }))
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token }))
    await bob.read()
    expect(bob.failures.map(({ code }) => code)).toEqual(['internal', 'invalid.position'])
    expect(bob.numbers).toEqual(SPAN(1, 300))
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.synced)
  })

  it('pulls more pages than the rate of requests would allow', async () => {
    await restart({ rates: { ...AMPLE, requests: { perSecond: 1, burst: 4 } } })
    await loseConnection(bob)
    await sendSpan(1, 2_000)
    await bob.goLive(three)
    expect(bob.pages.length).toBeGreaterThan(6)
    expect([bob.failures, bob.numbers.length]).toEqual([[], 2_000])
    for (let begun = 0; begun < 5; begun++) bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: 1 }))
    await bob.read()
    expect(bob.failures.map(({ code }) => code)).toContain('limited.rate')
  })

  it('returns history page by page to members only, with the body of the asking device', async () => {
    await sendSpan(1, 5)
    const first = await bob.history(conversation, undefined, 3)
    expect(first?.more).toBe(true)
    const second = await bob.history(conversation, first?.deliveries.at(-1)?.position, 3)
    expect([first, second].flatMap((page) => page?.deliveries ?? []).map(({ envelope }) => viewEnvelope(envelope).number)).toEqual(SPAN(1, 5))
    expect(second?.more).toBe(false)
    cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
    const mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
    await mallory.goLive(three)
    await mallory.history(conversation)
    expect(mallory.failures.map(({ code }) => code)).toEqual(['denied.not_member'])
  })
})
