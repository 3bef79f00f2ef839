import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COST_KINDS, loadOf, PLANNED_POINTS, type LoadPoint } from './load-point.js'
import { checkPoint, fitCosts, predictCores, remoteShare, turnsPerSecond, type KindCost } from './cost-model.js'
import { nonNegativeFit } from './non-negative-fit.js'

const COST: KindCost = { base: 0.02, engine: 0.01, connection: 2e-5, message: 4e-4, turn: 3e-4, remoteTurn: 1e-4, link: 5e-4, openedConversation: 2e-3 }
/** One of the lengths that are tried. */
const TURN_SECONDS = 0.001 * 1.25 ** 12
/** Those that each kind has. */
const SHARED: KindCost = { base: 0.02, engine: 0.01 }

/** What a cluster would use whose engines cost exactly `cost`, at the sizes of the plan. */
function pointsOf(cost: KindCost, purpose: 'fit' | 'check'): readonly LoadPoint[] {
  return PLANNED_POINTS.filter((planned) => planned.purpose === purpose).map((planned) => {
    const load = loadOf(planned, planned.ratePerSecond, 20)
    return {
      ...load, cores: Object.fromEntries(COST_KINDS.map((kind) => [kind, predictCores(kind === 'engine' ? cost : SHARED, load, TURN_SECONDS)])),
      rssMiB: { engine: 100 * load.engines + load.connections * 0.01 },
    }
  })
}

describe('costs', () => {
  it('of the planned sizes are enough to find every one, and to predict the others', () => {
    const model = fitCosts(pointsOf(COST, 'fit'))
    expect(model.turnSeconds).toBe(TURN_SECONDS)
    for (const [term, cost] of Object.entries(COST)) expect((model.kinds.engine[term as keyof KindCost] ?? 0) / cost, term).toBeCloseTo(1, 5) // the keys of COST
    for (const point of pointsOf(COST, 'check')) {
      for (const error of Object.values(checkPoint(model, point).error)) expect(error).toBeCloseTo(0, 5)
    }
    expect(model.engineBaseMiB).toBeCloseTo(100, 3)
    expect(model.connectionKiB).toBeCloseTo(10.24, 3)
  })

  it('that changed show in the check', () => {
    const model = fitCosts(pointsOf(COST, 'fit'))
    const [point] = pointsOf({ ...COST, message: (COST.message ?? 0) * 3 }, 'check')
    expect(point).toBeDefined()
    if (point !== undefined) expect(checkPoint(model, point).error.engine).toBeLessThan(-0.2)
  })

  it('need as many points as they have terms', () => {
    expect(() => fitCosts(pointsOf(COST, 'check'))).toThrow(RangeError)
  })

  it('know that one engine has nobody to send to', () => {
    expect(remoteShare(1)).toBe(0)
    expect(remoteShare(4)).toBe(0.75)
    expect(predictCores({ ...COST, remoteTurn: 1_000, link: 1_000 }, { engines: 1, connections: 10, messagesPerSecond: 10, activePerSecond: 5, openedPerSecond: 1 }, 0.1))
      .toBeCloseTo(0.02 + 2e-4 + 4e-3 + 1.5e-3 + 2e-3, 9)
  })

  it('of a turn are paid for every message alone, and hardly more often when many come', () => {
    expect(turnsPerSecond({ messagesPerSecond: 100, engines: 4 }, 0)).toBe(100)
    expect(turnsPerSecond({ messagesPerSecond: 1, engines: 1 }, 0.01)).toBeCloseTo(1, 1)
    // Never more than one each 10 ms and engine.
    expect(turnsPerSecond({ messagesPerSecond: 1e6, engines: 4 }, 0.01)).toBeCloseTo(400, 0)
  })
})

describe('the load of a point', () => {
  const planned = { engines: 2, clients: 200, ratePerSecond: 100, warmUpSeconds: 0, purpose: 'fit' } as const
  it('knows how many pairs talk in a second, and how many for the first time', () => {
    const load = loadOf(planned, 100, 1_000)
    expect(load).toMatchObject({ engines: 2, connections: 200, messagesPerSecond: 100 })
    expect(load.activePerSecond).toBeCloseTo(100 * (1 - Math.exp(-1)), 9)
    // All hundred pairs have begun after so long.
    expect(load.openedPerSecond * 1_000).toBeCloseTo(100, 6)
    expect(loadOf({ ...planned, warmUpSeconds: 1_000 }, 100, 10).openedPerSecond).toBeCloseTo(0, 9)
    // Drawn: senders evenly, as the harness does.
    let random = 12_345
    const seen = new Set<number>()
    for (let message = 0; message < 500; message++) {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31
      seen.add(Math.floor((random / 2 ** 31) * 100))
    }
    expect(Math.abs(seen.size - loadOf(planned, 100, 5).openedPerSecond * 5)).toBeLessThan(3)
  })
})

describe('the fit', () => {
  it('finds what made the values, whatever that was', () => {
    const rows = [[1, 0, 3], [1, 5, 1], [1, 2, 7], [1, 9, 4], [1, 4, 0]]
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 3, maxLength: 3 }), (wanted) => {
      const values = rows.map((row) => row.reduce((sum, cell, column) => sum + cell * (wanted[column] ?? 0), 0))
      const found = nonNegativeFit(rows, values)
      rows.forEach((row, at) => { expect(row.reduce((sum, cell, column) => sum + cell * (found[column] ?? 0), 0) / (values[at] ?? 0)).toBeCloseTo(1, 5) })
      found.forEach((value, column) => { expect(Math.abs(value - (wanted[column] ?? 0))).toBeLessThan(1e-5 * Math.max(...wanted)) })
    }), { numRuns: 50 })
  })

  it('never goes below zero', () => {
    expect(nonNegativeFit([[1, 0], [1, 1], [1, 2]], [3, 2, 1]).every((value) => value >= 0)).toBe(true)
    expect(nonNegativeFit([[1, 0], [1, 0]], [2, 2])).toEqual([2, 0])
  })
})
