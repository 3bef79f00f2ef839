import { describe, expect, it } from 'vitest'
import { ratiosOf, type ComparedRun, type Part } from './compare.js'
import type { DriverName } from './drivers/driver-names.js'
import { distribution, result } from './fake-result.fixture.js'
import { GOALS, judgeGoals, type JudgedGoal } from './goals.js'
import type { LoadResult } from './result.js'

function run(driver: DriverName, part: Part, perCpuSecond: number, change: Partial<LoadResult> = {}, clients = 200): ComparedRun {
  const base = result(change)
  return {
    scenario: 'one-to-one', part, run: 0,
    result: { ...base, config: { ...base.config, driver, clients }, server: base.server === null ? null : { ...base.server, deliveriesPerCpuSecond: perCpuSecond } },
  }
}
const COMMIT = { commits: 100, p50Ms: 1, p99Ms: 2 }
function judged(runs: readonly ComparedRun[], about: RegExp, notMeasured: readonly { driver: string; reason: string }[] = []): JudgedGoal {
  const goals = judgeGoals('evegram', { runs, ratios: ratiosOf(runs, 'evegram'), notMeasured, syncedCommit: COMMIT })
  expect(goals).toHaveLength(GOALS.length)
  return goals.find(({ text }) => about.test(text)) ?? expect.fail('no such goal')
}

describe('a goal', () => {
  const RAW = /one-to-one, closed: .* 0\.5x raw-uws/
  it('about CPU is met at its bound, and not below it', () => {
    expect(judged([run('evegram', 'closed', 50), run('raw-uws', 'closed', 100)], RAW)).toMatchObject({ state: 'met', actual: { median: 0.5 }, notes: [] })
    expect(judged([run('evegram', 'closed', 49), run('raw-uws', 'closed', 100)], RAW)).toMatchObject({ state: 'not met', actual: { median: 0.49 } })
  })

  it('about time counts in synced commits above the other', () => {
    const beside = (ms: number): JudgedGoal => judged([
      run('evegram', 'open 50 %', 1, { latency: { delivery: distribution(ms), acknowledgement: null, sendLag: null } }),
      run('raw-uws', 'open 50 %', 1, { latency: { delivery: distribution(3), acknowledgement: null, sendLag: null } }),
    ], /p99 at most/)
    expect(beside(12.9).state).toBe('met')
    expect(beside(14)).toMatchObject({ state: 'not met', notes: [expect.stringContaining('2.00 ms (p99)')] })
    expect(beside(1)).toMatchObject({ state: 'met', actual: { median: 0 } })
  })

  it('is not measured without the other system, with the reason; nor by a run that is not valid, whose figure is shown', () => {
    expect(judged([run('evegram', 'closed', 50), run('raw-uws', 'closed', 100)], /1\.8x centrifugo/, [{ driver: 'centrifugo', reason: 'CENTRIFUGO_BIN is not set' }]))
      .toEqual({ text: expect.any(String) as string, state: 'not measured', actual: null, notes: ['CENTRIFUGO_BIN is not set'] })
    const starved = { validity: { valid: false, reasons: ['busy'] }, generator: { ...result().generator, serverStarvedShare: 0.5 } }
    expect(judged([run('evegram', 'closed', 99, starved), run('raw-uws', 'closed', 100)], RAW)).toMatchObject({ state: 'not measured', actual: { median: 0.99 } })
    expect(judged([run('evegram', 'closed', 99, { server: null }), run('raw-uws', 'closed', 100)], RAW)).toMatchObject({ state: 'not measured', actual: null })
  })

  it('about CPU stands when a generator was at its end, one about time does not', () => {
    const atItsEnd = { validity: { valid: false, reasons: ['a worker used a whole core'] } }
    expect(judged([run('evegram', 'closed', 50), run('raw-uws', 'closed', 100, atItsEnd)], RAW).state).toBe('met')
    expect(judged([run('evegram', 'open 50 %', 50), run('raw-uws', 'open 50 %', 100, atItsEnd)], /p99 at most/).state).toBe('not measured')
  })

  it('says when it was measured with other sizes than it is stated for', () => {
    expect(judged([run('evegram', 'closed', 50, {}, 20), run('raw-uws', 'closed', 100, {}, 20)], RAW).notes).toEqual(['measured with 20 clients, stated for 200'])
  })
})
