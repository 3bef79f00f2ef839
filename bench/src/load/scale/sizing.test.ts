import { describe, expect, it } from 'vitest'
import { COST_KINDS, type CostKind } from './load-point.js'
import type { CostModel, KindCost } from './cost-model.js'
import { DEFAULT_ASSUMPTIONS, sizeFor } from './sizing.js'

function modelOf(change: Partial<Record<CostKind, KindCost>>): CostModel {
  return {
    kinds: Object.fromEntries(COST_KINDS.map((kind) => [kind, change[kind] ?? {}])) as CostModel['kinds'], // one for each kind
    turnSeconds: 0, engineBaseMiB: 100, connectionKiB: 8,
  }
}

describe('sizing', () => {
  it('counts people, messages, bytes and copies', () => {
    const size = sizeFor(modelOf({}), 864_000, { ...DEFAULT_ASSUMPTIONS, messagesPerDay: 10, peakFactor: 2, retentionDays: 10, storedBytes: 1_000, copies: 3 })
    expect(size).toMatchObject({ connections: 86_400, messagesPerSecond: 200, engines: 6, cells: undefined, databaseNodes: 3 })
    expect(size.storedTb).toBeCloseTo(0.2592, 6)
    expect(size.engineMemoryGb).toBeCloseTo(600 / 1_024 + (86_400 * 8) / 1_048_576, 6)
  })

  it('takes as many engines as their share of a core asks for', () => {
    const busy = modelOf({ engine: { message: 1e-3 } })
    // 1,000 messages/s to two devices each are two cores, filled to a half.
    const size = sizeFor(busy, 864_000, { ...DEFAULT_ASSUMPTIONS, onlineShare: 0.001, messagesPerDay: 50, peakFactor: 2, receivers: 2, engineFull: 0.5 })
    expect(size.engines).toBe(4)
  })

  it('writes every copy, and keeps the database below its share', () => {
    const size = sizeFor(modelOf({ cassandra: { message: 1e-3 } }), 86_400_000, { ...DEFAULT_ASSUMPTIONS, messagesPerDay: 10, peakFactor: 1, databaseCores: 10, databaseFull: 0.5, databaseDiskGb: 1e9 })
    expect(size.databaseCoresUsed).toBeCloseTo(30, 6)
    expect(size.databaseNodes).toBe(6)
  })

  it('asks for members once for a burst, and marks the first of an hour', () => {
    const model = modelOf({ auth: { activeConversation: 1e-3 }, cassandra: { openedConversation: 1e-3 } })
    const size = sizeFor(model, 86_400_000, { ...DEFAULT_ASSUMPTIONS, messagesPerDay: 1, peakFactor: 1, burst: 4, perActiveHour: 10, copies: 1 })
    expect(size.authCores).toBeCloseTo(0.25, 9)
    expect(size.databaseCoresUsed).toBeCloseTo(0.1, 9)
  })

  it('divides users into cells where links would fill the engines', () => {
    const size = sizeFor(modelOf({ engine: { link: 0.01, message: 1e-3 } }), 10_000_000, { ...DEFAULT_ASSUMPTIONS, messagesPerDay: 10, peakFactor: 1, receivers: 1 })
    expect(size.cells).toBeGreaterThan(1)
    expect(size.engines).toBeGreaterThan(0)
    expect(size.messagesPerSecond).toBeCloseTo(1_157.4, 1)
  })

  it('says when no number of engines does it', () => {
    expect(sizeFor(modelOf({ engine: { engine: 2, base: 2 } }), 1_000, DEFAULT_ASSUMPTIONS).engines).toBeUndefined()
  })
})
