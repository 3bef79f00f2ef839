import { describe, expect, it } from 'vitest'
import { runSeed } from './run-seed.js'
import type { RunOptions } from './run-options.js'

const OPTIONS: RunOptions = { seed: '7', profile: 'crash', crypto: 'stand-in', keepTrace: false }

describe('a run', () => {
  it('is green, has exercised something, and repeats to the last byte of its trace', async () => {
    const first = await runSeed(OPTIONS)
    expect(first.violation).toBeUndefined()
    expect(first.timeline).toEqual([])
    expect(first.coverage['workload/say']).toBeGreaterThan(5)
    expect(first.coverage['audit/delivered']).toBeGreaterThan(5)
    // Another run in between leaves nothing behind that the next one could see.
    const other = await runSeed({ ...OPTIONS, seed: '8' })
    expect(other.traceHash).not.toBe(first.traceHash)
    const again = await runSeed({ ...OPTIONS, keepTrace: true })
    expect(again.traceHash).toBe(first.traceHash)
    expect(again.events).toBe(first.events)
    expect(again.timeline.length).toBeGreaterThan(100)
  }, 120_000)

  it('runs on the real encryption library as it does on the stand-in', async () => {
    const real = await runSeed({ ...OPTIONS, crypto: 'real' })
    expect(real.violation).toBeUndefined()
    expect(real.coverage['workload/say']).toBeGreaterThan(5)
  }, 120_000)
})
