import { describe, expect, it } from 'vitest'
import { SimProcess } from './process.js'
import { SimRandom } from './random.js'
import { Run } from './run.js'
import { NO_FAULTS, Service, type ServiceFaults } from './service.js'

const TIMES = { latencyMs: [1, 2], timeoutMs: [100, 101], slowMs: [500, 501], lateMs: [50, 51] } as const

function start(run: Run, machine = 'n1', rate = 1): SimProcess {
  return new SimProcess({ machine, start: 1, scheduler: run.scheduler, random: new SimRandom(machine), startEpochMs: 1_000_000, faults: { wallAheadMs: 0, rate } })
}

const go = (run: Run, ms: number): Promise<void> => run.scheduler.run(run.nowMs + ms, () => undefined)
const newRun = (): Run => new Run({ seed: 'test', keepTrace: true })

describe('the scheduler', () => {
  it('runs events by time, those of one moment as they were planned, and all that one causes before the next', async () => {
    const run = newRun()
    const seen: string[] = []
    run.scheduler.after(2, () => { seen.push('late') })
    run.scheduler.after(1, () => {
      seen.push('first')
      void Promise.resolve().then(() => Promise.resolve()).then(() => { seen.push('its reaction') })
    })
    run.scheduler.after(1, () => { seen.push('second') })
    run.scheduler.after(1, () => { seen.push('never') }).cancel()
    await go(run, 10)
    expect(seen).toEqual(['first', 'its reaction', 'second', 'late'])
    expect(run.nowMs).toBe(10)
  })

  it('breaks off what comes to no end, as a broken promise of the seed', async () => {
    const run = new Run({ seed: 'test', keepTrace: false, eventsMax: 1_000 })
    const again = (): void => { run.scheduler.after(0.5, again) }
    again()
    await go(run, 3_600_000)
    expect(run.violation).toEqual({ promise: 'liveness', what: '1,000 events, and no end: something happens again and again', atMs: 500, event: 1_000 })
    expect(run.scheduler.events).toBe(1_000)
  })
})

describe('a process', () => {
  it('does nothing any more once it was killed: no timer, no answer', async () => {
    const run = newRun()
    const process = start(run)
    const seen: string[] = []
    process.clock.after(5, () => { seen.push('timer') })
    process.clock.every(3, () => { seen.push('interval') })
    void process.hold<void>((resolve) => { run.scheduler.after(5, () => { resolve() }) }).then(() => { seen.push('answer') })
    process.onKilled(() => { seen.push('killed') })
    run.scheduler.after(4, () => { process.kill() })
    await go(run, 50)
    expect(seen).toEqual(['interval', 'killed'])
  })

  it('handles what came while it slept afterwards, in order, and its monotonic clock may have missed the time', async () => {
    const run = newRun()
    const [counted, uncounted] = [start(run, 'a'), start(run, 'b')]
    const seen: string[] = []
    for (const process of [counted, uncounted]) {
      process.clock.after(10, () => { seen.push(`${process.machine} timer`) })
      run.scheduler.after(20, () => { process.run(() => { seen.push(`${process.machine} message`) }) })
      process.suspend(1_000, process === counted)
    }
    await go(run, 2_000)
    expect(seen).toEqual(['a timer', 'a message', 'b timer', 'b message'])
    expect([counted.clock.monotonicMs(), uncounted.clock.monotonicMs()]).toEqual([2_000, 1_000])
    expect([counted.clock.now(), uncounted.clock.now()]).toEqual([1_002_000, 1_002_000])
  })

  it('has a clock that runs fast or slow, and a wall clock that can be set', async () => {
    const run = newRun()
    const process = start(run, 'n1', 1.5)
    let firedMs = 0
    process.clock.after(300, () => { firedMs = run.nowMs })
    await go(run, 1_000)
    expect(firedMs).toBe(200)
    expect(process.clock.monotonicMs()).toBe(1_500)
    process.faults.wallAheadMs = -5
    expect(process.clock.now()).toBe(1_000_995)
  })
})

describe('a service', () => {
  const call = async (faults: Partial<ServiceFaults>, crash?: 'before' | 'after'): Promise<{ outcome: string; effects: number[]; alive: boolean }> => {
    const run = newRun()
    const process = start(run)
    const effects: number[] = []
    const service = new Service(run, {
      name: 'store', failure: 'unavailable.store', times: TIMES, faults: () => ({ ...NO_FAULTS, ...faults }), crashPoint: () => crash, reaches: () => true,
    })
    let outcome = 'nothing'
    service.call(process, 'write', () => effects.push(run.nowMs)).then(() => { outcome = 'done' }, (failure: unknown) => { outcome = String(failure).slice(14, 31) })
    await go(run, 1_000)
    return { outcome, effects, alive: process.alive }
  }

  it.each<readonly [string, Partial<ServiceFaults>, string, number]>([
    ['fine', {}, 'done', 1], ['refused', { refused: 1 }, 'unavailable.store', 0], ['lost', { lost: 1 }, 'unavailable.store', 0],
    ['unknown', { unknown: 1 }, 'unavailable.store', 1], ['late', { late: 1 }, 'unavailable.store', 1], ['slow', { slow: 1 }, 'unavailable.store', 1],
  ])('%s: the caller hears one thing, and the effect happened or not', async (_, faults, outcome, effects) => {
    const seen = await call(faults)
    expect(seen.outcome).toBe(outcome)
    expect(seen.effects).toHaveLength(effects)
  })

  it('lets a late effect happen after the caller was told no', async () => {
    const { effects: [atMs = 0] } = await call({ late: 1 })
    expect(atMs).toBeGreaterThan(TIMES.timeoutMs[1])
  })

  it('kills the caller before or after the effect, and tells it nothing', async () => {
    expect(await call({}, 'before')).toEqual({ outcome: 'nothing', effects: [], alive: false })
    const after = await call({}, 'after')
    expect([after.outcome, after.effects.length, after.alive]).toEqual(['nothing', 1, false])
  })
})

describe('randomness', () => {
  it('is the same for a name, another for another, and one stream does not move the others', () => {
    const draw = (random: SimRandom): number[] => Array.from({ length: 5 }, () => random.between(0, 1_000_000))
    const run = newRun()
    const first = draw(run.random('a'))
    draw(run.random('b'))
    expect(draw(newRun().random('a'))).toEqual(first)
    expect(draw(newRun().random('b'))).not.toEqual(first)
  })

  it('draws doublings alike between its bounds', () => {
    const random = new SimRandom('skewed')
    const drawn = Array.from({ length: 2_000 }, () => random.skewed(1, 1_024))
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(1)
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1_024)
    expect(drawn.filter((value) => value < 32).length / drawn.length).toBeCloseTo(0.5, 1)
  })
})
