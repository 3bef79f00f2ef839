import { describe, expect, it } from 'vitest'
import { GATHER_FROM_PER_MS, GATHER_MS, Gathering } from './gathering.js'

/** Lets what comes at `perMs` go on whenever it may, in turns of `turnMs`, and says how many batches went in `forMs` and the longest wait. */
function flow(gathering: Gathering, perMs: number, { fromMs = 0, forMs = 500, turnMs = 0.5 } = {}): { readonly batches: number; readonly waitMaxMs: number } {
  let [batches, waiting, waitMaxMs] = [0, 0, 0]
  let firstMs = fromMs
  let goesAtMs = Number.POSITIVE_INFINITY
  for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs += turnMs) {
    if (waiting > 0 && nowMs >= goesAtMs) {
      gathering.went(waiting, nowMs)
      waitMaxMs = Math.max(waitMaxMs, nowMs - firstMs)
      batches++
      waiting = 0
    }
    if (waiting === 0) {
      firstMs = nowMs
      goesAtMs = nowMs + Math.max(turnMs, gathering.waitMs(nowMs))
    }
    waiting += perMs * turnMs
  }
  return { batches, waitMaxMs }
}

describe('gathering what is to be stored', () => {
  it('lets nobody wait while little comes', () => {
    const gathering = new Gathering()
    expect(gathering.waitMs(0)).toBe(0)
    expect(flow(gathering, GATHER_FROM_PER_MS * 0.8).waitMaxMs).toBeLessThanOrEqual(0.5)
    // A few in one moment after silence are no rate.
    for (let burst = 0; burst < 50; burst++) gathering.went(20, 10_000)
    expect(gathering.waitMs(10_000.2)).toBe(0)
  })

  it('makes few batches of much, and lets nobody wait longer than it says', () => {
    const { batches, waitMaxMs } = flow(new Gathering(), GATHER_FROM_PER_MS * 3)
    expect(batches).toBeLessThan(500 / GATHER_MS + 30)
    expect(batches).toBeGreaterThan(500 / (GATHER_MS + 2))
    expect(waitMaxMs).toBeLessThanOrEqual(GATHER_MS + 0.5)
  })

  it('does not let a batch wait when the last one went long enough ago', () => {
    const gathering = new Gathering()
    flow(gathering, GATHER_FROM_PER_MS * 3)
    expect(gathering.waitMs(500 + GATHER_MS)).toBe(0)
  })

  it('stops gathering soon after it became quiet', () => {
    const gathering = new Gathering()
    flow(gathering, GATHER_FROM_PER_MS * 8)
    const { waitMaxMs } = flow(gathering, 0.5, { fromMs: 700, forMs: 200 })
    expect(waitMaxMs).toBeLessThanOrEqual(GATHER_MS + 0.5)
    expect(gathering.waitMs(900)).toBe(0)
  })
})
