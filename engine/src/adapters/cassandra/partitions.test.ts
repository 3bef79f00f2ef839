import { isEvegramError } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sampleConversation } from '../../ports/sample-envelope.contract.js'
import {
  BUCKET_MS, hourOf, LEVEL_MAX, partOf, PARTITION_BYTES_MAX, PartitionChoice, ROW_BYTES, spanOf, WIDE_PARTS, type ChosenPartition,
} from './partitions.js'

const HOUR = 494_444
const T0 = HOUR * BUCKET_MS
const SMALLINT_MAX = 32_767
const ENVELOPE_BYTES = 50_000
const message = (number: number): Uint8Array => {
  const key = new Uint8Array(28).fill(7)
  key.set([number >> 8, number & 255], 26)
  return key
}
const one = sampleConversation(1)

describe('parts of a bucket', () => {
  it('hold the times that their number says, at every level, and fit the column', () => {
    fc.assert(fc.property(fc.nat(BUCKET_MS - 1), fc.nat(LEVEL_MAX), fc.boolean(), fc.nat(60_000), (offsetMs, level, isWide, number) => {
      const timeMs = T0 + offsetMs
      const part = partOf(timeMs, message(number), isWide, level)
      const { fromMs, toMs } = spanOf({ hour: hourOf(timeMs), part })
      expect(part).toBeLessThanOrEqual(SMALLINT_MAX)
      expect(fromMs).toBeLessThanOrEqual(timeMs)
      expect(toMs).toBeGreaterThan(timeMs)
      expect(toMs - fromMs).toBeLessThanOrEqual(Math.ceil(BUCKET_MS / 4 ** level))
    }), { numRuns: 2_000 })
  })

  it('are as many as their levels say, without two that mean the same', () => {
    const parts = new Set<number>()
    for (let level = 0; level <= LEVEL_MAX; level++) {
      for (let slice = 0; slice < 4 ** level; slice++) {
        const { fromMs, toMs } = spanOf({ hour: HOUR, part: partOf(T0 + Math.ceil((slice * BUCKET_MS) / 4 ** level), message(0), false, level) })
        parts.add(fromMs * 10 + Math.round(Math.log2(BUCKET_MS / (toMs - fromMs)) / 2))
      }
    }
    expect(parts.size).toBe((4 ** (LEVEL_MAX + 1) - 1) / 3)
  })

  it('take messages of a wide conversation in equal shares, whatever their order', () => {
    const shares = Array.from({ length: WIDE_PARTS }, () => 0)
    for (let number = 0; number < 4_000; number++) {
      const part = partOf(T0, message(number), true, 0)
      shares[part] = (shares[part] ?? 0) + 1
    }
    expect(Math.min(...shares)).toBeGreaterThan(900)
    const ofNeighbours = new Set(Array.from({ length: 16 }, (_, number) => partOf(T0, message(number), true, 0)))
    expect(ofNeighbours.size).toBe(WIDE_PARTS)
    expect(partOf(T0 + 5, message(77), true, 0)).toBe(partOf(T0 + 9, message(77), true, 0))
  })
})

describe('the choice of a partition', () => {
  interface Filled {
    readonly bytes: number
    readonly partition: ChosenPartition
  }
  const fill = (choice: PartitionChoice, count: number, everyMs: number, isWide = false): ReadonlyMap<string, Filled> => {
    const filled = new Map<string, Filled>()
    for (let number = 0; number < count; number++) {
      const position = { timeMs: T0 + Math.floor(number * everyMs), incarnation: 1, counter: number }
      const partition = choice.choose(one, position, message(number), isWide, ENVELOPE_BYTES)
      filled.set(partition.key, { bytes: (filled.get(partition.key)?.bytes ?? 0) + ENVELOPE_BYTES + ROW_BYTES, partition })
    }
    return filled
  }

  it('is the whole hour as long as little comes', () => {
    expect([...fill(new PartitionChoice(), 80, 45_000).values()].map(({ partition }) => partition.part)).toEqual([0])
  })

  const kinds = [['an ordinary', false], ['a wide', true]] as const
  it.each(kinds)('keeps every partition of %s conversation within its bound, at three times what a device may send', (_, isWide) => {
    const filled = fill(new PartitionChoice(), 216_000, BUCKET_MS / 216_000, isWide)
    const largest = Math.max(...[...filled.values()].map(({ bytes }) => bytes))
    expect(largest).toBeLessThan(PARTITION_BYTES_MAX + ENVELOPE_BYTES + ROW_BYTES)
    // Few of them are small: an hour of 10 GB is no more than twice as many partitions as it needs.
    expect(filled.size).toBeLessThan((2 * 216_000 * ENVELOPE_BYTES) / PARTITION_BYTES_MAX)
  })

  it('refuses what the finest slice has no room for, and has room in the next slice', () => {
    const choice = new PartitionChoice()
    const rows = Math.ceil(PARTITION_BYTES_MAX / (ENVELOPE_BYTES + ROW_BYTES)) * (LEVEL_MAX + 1)
    fill(choice, rows, 0)
    let refused: unknown
    try {
      fill(choice, 1, 0)
    } catch (failure) {
      refused = failure
    }
    expect(isEvegramError(refused, 'limited.queue')).toBe(true)
    expect(choice.choose(one, { timeMs: T0 + 1_000, incarnation: 1, counter: 1 }, message(1), false, 1).part).toBeGreaterThan(0)
  })

  it('counts conversations and hours apart', () => {
    const choice = new PartitionChoice(1_000)
    const at = (conversation: number, offsetMs: number): number =>
      choice.choose(sampleConversation(conversation), { timeMs: T0 + offsetMs, incarnation: 1, counter: 1 }, message(1), false, 1_000).part
    expect([at(1, 0), at(2, 0), at(1, BUCKET_MS), at(1, 0)]).toEqual([0, 0, 0, WIDE_PARTS])
  })
})
