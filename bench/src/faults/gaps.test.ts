import { describe, expect, it } from 'vitest'
import type { DeviceReport } from './client-protocol.js'
import { measureWindows, percentile, toldTwice } from './gaps.js'
import { faultText, goalMsOf, parseTargets, planFaults, rigOf, TARGETS, type Fault } from './schedule.js'

const report = (name: string, part: Partial<DeviceReport>): DeviceReport => ({ name, acks: [], shown: [], connects: [], conversations: [], counters: {}, ...part })

describe('gaps', () => {
  const reports = [
    report('a', { acks: [[1, 0, 10], [2, 100, 2_500], [3, 2_600, 2_610]], connects: [5, 2_100, 2_200] }),
    report('b', { shown: [['a:1', 20], ['a:2', 2_550], ['a:3', 2_620], ['x:9', 1]], connects: [2_150] }),
  ]
  const [peace, fault] = measureWindows([{ name: 'peace', startMs: 0, endMs: 500 }, { name: 'fault', startMs: 500, endMs: 3_000 }], reports)

  it('count a wait in every stretch that it lasted into', () => {
    expect(peace).toMatchObject({ ackWaitMs: 2_400, deliveryMs: 2_450, sent: 2 })
    expect(fault).toMatchObject({ ackWaitMs: 2_400, deliveryMs: 2_450, sent: 1 })
  })

  it('find the longest silence, also at the beginning and at the end of a stretch', () => {
    expect(peace?.ackSilenceMs).toBe(490)
    expect(fault?.ackSilenceMs).toBe(2_000)
    expect(measureWindows([{ name: 'none', startMs: 5_000, endMs: 9_000 }], reports)[0]?.ackSilenceMs).toBe(4_000)
  })

  it('take percentiles of what was sent in the stretch, and connections of one device', () => {
    expect(peace).toMatchObject({ deliveryP50Ms: 2_450, deliveryP99Ms: 2_450, reconnects: 1, reconnectsOfOneMax: 1 })
    expect(fault).toMatchObject({ deliveryP50Ms: 20, reconnects: 3, reconnectsOfOneMax: 2 })
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(3)
    expect(percentile([], 0.99)).toBe(0)
  })
})

describe('what people saw happen', () => {
  it('counts a message that one device told of twice, and not one that two devices told of', () => {
    const once = [report('b', { shown: [['a:1', 1], ['a:2', 2]] }), report('c', { shown: [['a:1', 1]] })]
    expect(toldTwice(once)).toBe(0)
    expect(toldTwice([...once, report('d', { shown: [['a:1', 1], ['a:2', 2], ['a:1', 9]] })])).toBe(1)
  })
})

describe('a goal', () => {
  it('is missed when a message waited longer, for its ack or to be shown, and met otherwise', () => {
    const reports = [report('a', { acks: [[1, 0, 900]] }), report('b', { shown: [['a:1', 1_400]] })]
    const goals = [1_500, 1_000, 500].map((goalMs) => measureWindows([{ name: 'fault', startMs: 0, endMs: 2_000, goalMs }], reports)[0]?.withinGoal)
    expect(goals).toEqual([true, false, false])
    expect(measureWindows([{ name: 'fault', startMs: 0, endMs: 2_000 }], reports)[0]).not.toHaveProperty('withinGoal')
  })
})

describe('schedule', () => {
  const faults: readonly Fault[] = [{ kind: 'kill', target: 'engine' }, { kind: 'kill', target: 'redis' }, { kind: 'pause', target: 'engine', ms: 20_000 }, { kind: 'roll' }]

  it('is the same for the same seed, holds every fault once, and differs between seeds', () => {
    const planned = planFaults(faults, '1')
    expect(planFaults(faults, '1')).toEqual(planned)
    expect(new Set(planned.map(({ fault }) => fault))).toEqual(new Set(faults))
    const orders = new Set(Array.from({ length: 20 }, (_, seed) => JSON.stringify(planFaults(faults, String(seed)).map(({ fault }) => fault))))
    expect(orders.size).toBeGreaterThan(5)
    for (const { quietMs } of planned) expect(quietMs >= 4_000 && quietMs < 8_000).toBe(true)
  })

  it('knows the targets and refuses others', () => {
    expect(parseTargets('engine, nats', TARGETS)).toEqual(['engine', 'nats'])
    expect(parseTargets('none', TARGETS)).toEqual([])
    expect(parseTargets('engine,disk', TARGETS)).toBeUndefined()
    expect(parseTargets('engine', ['redis'])).toBeUndefined()
  })

  it('says of every fault what it needs, what its goal is and how it is called', () => {
    const all: readonly Fault[] = [
      ...faults, { kind: 'failover', detachedMs: 5_000 }, { kind: 'partition', ms: 20_000 }, { kind: 'full', ms: 20_000 },
      { kind: 'skew', ms: 20_000, aheadMs: -30_000, restarts: false }, { kind: 'skew', ms: 20_000, aheadMs: 30_000, restarts: true },
    ]
    expect(all.map(rigOf)).toEqual([undefined, undefined, undefined, undefined, undefined, 'cable', 'disk', 'clocks', 'clocks'])
    expect(all.map(goalMsOf).filter((goal) => goal !== undefined)).toEqual([3_000])
    expect(all.map(faultText)).toEqual([
      'kill engine', 'kill redis', 'pause engine 20 s', 'roll', 'failover redis, 5 s behind', 'partition cassandra 20 s', 'disk full cassandra 20 s',
      'clock of engine -30 s', 'start engine by clock +30 s',
    ])
  })
})
