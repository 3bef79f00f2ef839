import { describe, expect, it } from 'vitest'
import { judgeParts } from './compare-engines.js'
import type { PartResult } from './load.js'

const part = (change: Partial<PartResult>): PartResult => ({
  part: 'open', plannedPerSecond: 500, messagesPerSecond: 500, p50Ms: 1, p95Ms: 1, p99Ms: 1, p999Ms: 1, cpuUsPerDelivered: 1, storeCpuUsPerDelivered: 1,
  generatorCpuShare: 0, serverWaitShare: 0, serverRssMiB: 1, sent: 1_000, delivered: 1_000, lost: 0, doubled: 0, late: 0, ...change,
})

describe('a comparison', () => {
  it('holds when every message came once, in whatever order', () => {
    expect(judgeParts('1 engine', { beyond: [part({ part: 'closed' })], measured: [part({ late: 7 })] })).toEqual({ failures: [], notes: [] })
  })

  it('fails by a lost message, wherever that was', () => {
    expect(judgeParts('1 engine', { beyond: [part({ part: 'closed', lost: 2 })], measured: [part({ lost: 1 })] }).failures).toEqual([
      '1 engine, as fast as acknowledgements come: 2 of 1000 lost', '1 engine, 500/s planned: 1 of 1000 lost',
    ])
  })

  it('fails by a doubled one at a rate that the cluster bears; beyond, it is told', () => {
    expect(judgeParts('2 engines', { beyond: [part({ doubled: 3 })], measured: [part({ doubled: 1 })] })).toEqual({
      failures: ['2 engines, 500/s planned: 1 of 1000 delivered more than once'], notes: ['2 engines, 500/s planned: 3 of 1000 delivered more than once'],
    })
  })
})
