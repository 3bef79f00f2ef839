import { describe, expect, it } from 'vitest'
import { NO_COST } from '../../process-cost.js'
import { bottleneckText, costsOf, processShares } from './process-shares.js'

const engine = { name: 'engine-1', kind: 'engine', pid: 11 }
const cassandra = { name: 'cassandra-1', kind: 'cassandra', pid: 12 }
const cost = (cpuSeconds: number, rssBytes = 0): typeof NO_COST => ({ ...NO_COST, cpuSeconds, rssBytes })
const share = (name: string, kind: string, coreShare: number): ReturnType<typeof processShares>[number] => ({ name, kind, coreShare, cpuSeconds: coreShare * 10, rssMiB: 1 })

describe('shares of processes', () => {
  it('are what each used between the two looks, the most first', () => {
    const [before, after] = [new Map([[11, cost(1)], [12, cost(5)]]), new Map([[11, cost(3, 1_048_576)], [12, cost(11, 2_097_152)]])]
    expect(processShares([engine, cassandra], before, after, 4)).toEqual([
      { name: 'cassandra-1', kind: 'cassandra', cpuSeconds: 6, coreShare: 1.5, rssMiB: 2 }, { name: 'engine-1', kind: 'engine', cpuSeconds: 2, coreShare: 0.5, rssMiB: 1 },
    ])
  })

  it('have no line for a process that ended', () => {
    expect(processShares([engine, cassandra], new Map([[11, cost(1)], [12, cost(5)]]), new Map([[11, cost(3)]]), 4).map(({ name }) => name)).toEqual(['engine-1'])
    // Above every pid that Linux gives out.
    expect(costsOf([{ ...engine, pid: 2 ** 22 + 1 }]).size).toBe(0)
    expect(costsOf([{ ...engine, pid: process.pid }]).get(process.pid)?.rssBytes).toBeGreaterThan(0)
  })
})

describe('the bottleneck', () => {
  it('is a process of one thread that fills a core, also when another one uses more', () => {
    expect(bottleneckText([share('cassandra-1', 'cassandra', 1.6), share('engine-1', 'engine', 0.9)], 8, 0.5)).toBe('bottleneck: engine-1, one thread that uses 90 % of a core')
  })

  it('is the machine when nobody has a core left', () => {
    expect(bottleneckText([share('cassandra-1', 'cassandra', 0.9), share('engine-1', 'engine', 0.4)], 2, 0.5))
      .toBe('bottleneck: the cores of this machine (90 % used, 25 % by the generator); most of what the system uses is cassandra-1\'s, 90 % of a core')
  })

  it('is nobody while there is room', () => {
    expect(bottleneckText([share('cassandra-1', 'cassandra', 0.9)], 2, 0.1)).toBe('no bottleneck yet (50 % of the machine in use); the busiest is cassandra-1, 90 % of a core')
    expect(bottleneckText([], 2, 0.1)).toBe('the processes of the server are not known')
  })
})
