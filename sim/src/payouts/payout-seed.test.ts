import { describe, expect, it } from 'vitest'
import { runSeed } from '../run-seed.js'
import type { RunOptions } from '../run-options.js'

const OPTIONS: RunOptions = { seed: '3', profile: 'payouts', crypto: 'real', keepTrace: false, crashPoints: 2 }

describe('a seed of payouts', () => {
  it('is green on every chain, has exercised something, and repeats to the last byte of its traces', async () => {
    const first = await runSeed(OPTIONS)
    expect(first.violation).toBeUndefined()
    expect(first.coverage).toMatchObject({ 'world/no crash planned': 3, 'world/crash planned': 6, 'audit/books are the chain': 9 })
    const other = await runSeed({ ...OPTIONS, seed: '4' })
    expect(other.traceHash).not.toBe(first.traceHash)
    const again = await runSeed({ ...OPTIONS, keepTrace: true })
    expect(again.traceHash).toBe(first.traceHash)
    expect(again.timeline.length).toBeGreaterThan(100)
  }, 120_000)

  it('can be one world of it alone, with its process killed at one call', async () => {
    const calm = await runSeed({ ...OPTIONS, seed: '3.ton' })
    const killed = await runSeed({ ...OPTIONS, seed: '3.ton.after.7', keepTrace: true })
    expect(calm.coverage).toMatchObject({ 'world/no crash planned': 1 })
    expect(killed.coverage).toMatchObject({ 'world/crash planned': 1 })
    expect(killed.timeline.filter(({ what }) => what.startsWith('crash after'))).toHaveLength(1)
  }, 120_000)

  it('kills at every call when it is asked to: before and after what writes, once at what reads', async () => {
    const every = await runSeed({ ...OPTIONS, seed: '2', crashPoints: 'every' })
    expect(every.violation).toBeUndefined()
    const { coverage } = every
    for (const when of ['before', 'after']) for (const call of ['ledger.submit', 'payouts.replace', 'source.broadcast']) expect(coverage[`crash/${when} ${call}`], `${when} ${call}`).toBeGreaterThan(2)
    expect(coverage['crash/before source.lookUp']).toBeUndefined()
    expect(coverage['crash/after source.lookUp']).toBeGreaterThan(5)
    expect(coverage['world/crash planned']).toBeGreaterThan(150)
  }, 300_000)
})
