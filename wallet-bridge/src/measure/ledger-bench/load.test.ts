import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { capacityRun, openRun } from './load.js'
import { seededUniform } from './zipf.js'

const nothing = (): void => undefined
/** What plans wrongly does so every time; what a busy machine made late is not. */
const TIMED = { retry: 2 }

describe('the load of the ledger bench', () => {
  it('counts the time that a transfer waited because others were late', TIMED, async () => {
    let calls = 0
    // The first of all stands still for 300 ms, and with it all behind it.
    const gate = delay(300)
    const measured = await openRun(async () => { if (calls++ < 40) await gate }, { perSecond: 200, seconds: 0.4, underWayMax: 1_000, uniform: seededUniform(3) })
    expect(measured.failures).toEqual([])
    expect(measured.p99Ms).toBeGreaterThan(100)
    expect(measured.p50Ms).toBeLessThan(100)
  })

  it('plans as many as were asked for', TIMED, async () => {
    const measured = await openRun(async () => undefined, { perSecond: 2_000, seconds: 0.5, underWayMax: 1_000, uniform: seededUniform(4) })
    expect(measured.transfers).toBeGreaterThan(800)
    expect(measured.transfers).toBeLessThan(1_200)
    expect(measured.keptUp).toBe(true)
  })

  it('plans nothing more for what does not keep up, and says so', async () => {
    let calls = 0
    const measured = await openRun(() => { calls++; return delay(400) }, { perSecond: 1_000, seconds: 5, underWayMax: 100, uniform: seededUniform(5) })
    expect([measured.keptUp, calls]).toEqual([false, 100])
  })

  it('keeps no more callers under way than its window, and reports why transfers were not done', async () => {
    let [underWay, most] = [0, 0]
    const one = async (): Promise<void> => {
      most = Math.max(most, ++underWay)
      await delay(2)
      underWay--
    }
    const measured = await capacityRun(one, { window: 7, seconds: 0.2, atStart: nothing, atEnd: nothing })
    expect(most).toBe(7)
    expect(measured.transfers).toBeGreaterThan(50)
    const broken = await capacityRun(() => Promise.reject(new Error('refused')), { window: 2, seconds: 0.2, atStart: nothing, atEnd: nothing })
    expect(broken.failures[0]).toBe('refused')
  })
})
