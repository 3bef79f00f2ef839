import { comparePositions, type Position } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredEnvelope } from '../../ports/envelope-log.js'
import { mergeParts, type LogPart } from './merge-parts.js'

const ENVELOPE = new Uint8Array(0)
const at = (timeMs: number, counter: number): Position => ({ timeMs, incarnation: 1, counter })

/** Parts over rows of the given times, with a count of the rows that were read. */
function partsOf(times: readonly (readonly number[])[]): { parts: readonly LogPart[]; all: readonly Position[]; rowsRead: () => number } {
  let [counter, rowsRead] = [0, 0]
  const rows = times.map((part) => part.map((timeMs): StoredEnvelope => ({ position: at(timeMs, counter++), envelope: ENVELOPE }))
    .sort((left, right) => comparePositions(left.position, right.position)))
  return {
    all: rows.flat().map(({ position }) => position).sort(comparePositions), rowsRead: () => rowsRead,
    parts: rows.map((part, index): LogPart => ({
      fromMs: Math.min(...times[index] ?? [0]),
      read: async (behind, limit) => {
        const found = part.filter(({ position }) => behind === undefined || comparePositions(position, behind) > 0).slice(0, limit)
        rowsRead += found.length
        return found
      },
    })),
  }
}

describe('merging parts', () => {
  it('gives the first rows of all parts in order, however they lie and whatever the limit', async () => {
    const someTimes = fc.array(fc.array(fc.nat(300), { minLength: 1, maxLength: 60 }), { maxLength: 8 })
    await fc.assert(fc.asyncProperty(someTimes, fc.integer({ min: 1, max: 300 }), async (times, limit) => {
      const { parts, all } = partsOf(times)
      expect((await mergeParts(parts, limit)).map(({ position }) => position)).toEqual(all.slice(0, limit))
    }), { numRuns: 500 })
  })

  it('reads few rows in vain of parts that hold the same time', async () => {
    const { parts, rowsRead } = partsOf(Array.from({ length: 4 }, (_, part) => Array.from({ length: 1_000 }, (_row, index) => index * 4 + part)))
    expect(await mergeParts(parts, 256)).toHaveLength(256)
    expect(rowsRead()).toBeLessThan(520)
  })

  it('does not open a part whose time has not come', async () => {
    const { parts, rowsRead } = partsOf(Array.from({ length: 50 }, (_, part) => Array.from({ length: 100 }, (_row, index) => part * 1_000 + index)))
    expect(await mergeParts(parts, 50)).toHaveLength(50)
    expect(rowsRead()).toBe(50)
  })
})
