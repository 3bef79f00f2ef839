import { describe, expect, it } from 'vitest'
import { helpOf, readOptions } from '../cli/command-line.js'
import { parseThresholdOf } from '../measure/thresholds.js'
import { castFault } from '../plan/cast.js'
import { RatePlan } from '../plan/rate-plan.js'
import { SCENARIOS } from '../scenarios/find-scenario.js'
import { findTask, TASKS } from './find-task.js'
import { dayCast, dayStages } from './mixed-day.js'
import type { TaskOutcome } from './task.js'
import { judgeTask, taskThresholds, type UnjudgedTask } from './task-result.js'

const given = (args: readonly string[], name: string): ReturnType<typeof readOptions> => readOptions(args, { usage: '', text: '', options: { ...findTask(name)?.options, server: { help: '', placeholder: 'url' } } })
const outcome = (figures: TaskOutcome['figures'], invalid: readonly string[] = []): UnjudgedTask => ({
  scenario: 's', startedAt: '', seed: 's', config: {}, text: '', system: { description: '', pids: [] }, units: { lost: '', p99: 'ms' },
  machine: { cpu: '', cores: 1, kernel: '', node: '', commit: '', memoryGiB: 1, loadAverageBefore: [], loadAverageAfter: [] },
  measuredSeconds: 1, figures, distributions: [], failures: {}, notes: [], invalid,
})

describe('every task', () => {
  it.each(TASKS)('$name plans what its defaults say, and its thresholds are about its figures', (task) => {
    const plan = task.plan(given([], task.name))
    expect(plan.clients).toBeGreaterThan(0)
    expect(Object.keys(plan.config).length).toBeGreaterThan(0)
    for (const text of task.mustHold) expect(parseThresholdOf(text, task.figures).text).toBe(text)
    expect(helpOf({ usage: task.name, text: task.text, options: task.options })).toContain('--')
  })

  it('has a name of its own', () => {
    const names = [...TASKS, ...SCENARIOS].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it('refuses numbers out of its bounds, and what it cannot do', () => {
    expect(() => findTask('resume')?.plan(given(['--clients', '1'], 'resume'))).toThrow(/--clients is a whole number/)
    expect(() => findTask('sign-in-storm')?.plan(given(['--chains', 'solana,bitcoin'], 'sign-in-storm'))).toThrow(/--chains/)
    expect(() => findTask('node-kill')?.plan(given(['--server', 'http://somewhere'], 'node-kill'))).toThrow(/cluster of its own/)
    expect(() => findTask('soak')?.plan(given(['--of', 'nothing'], 'soak'))).toThrow(/--of is/)
    expect(() => findTask('prekeys')?.plan(given(['--nodes', '2'], 'prekeys'))).toThrow(/--nodes/)
  })
})

describe('the verdict of a task', () => {
  const figures = { lost: '', p99: 'ms, from somewhere' }
  const own = { mustHold: ['lost==0'], figures }

  it('is a breach when what must hold does not, or was not measured', () => {
    expect(judgeTask(outcome({ lost: 0 }), taskThresholds(own, []), false).verdict).toBe('pass')
    expect(judgeTask(outcome({ lost: 1 }), taskThresholds(own, []), true).verdict).toBe('breach')
    expect(judgeTask(outcome({}), taskThresholds(own, []), false).verdict).toBe('breach')
  })

  it('takes a threshold that was given in place of its own, with times in their units', () => {
    const thresholds = taskThresholds(own, ['lost<=2', 'p99<1s'].map((text) => parseThresholdOf(text, figures)))
    expect(thresholds.map(({ text }) => text)).toEqual(['lost<=2', 'p99<1s'])
    expect(judgeTask(outcome({ lost: 2, p99: 999 }), thresholds, false).verdict).toBe('pass')
    expect(judgeTask(outcome({ lost: 2, p99: 1_000 }), thresholds, false).verdict).toBe('breach')
  })

  it('is invalid when the figures say nothing, unless only the counters count', () => {
    expect(judgeTask(outcome({ lost: 0 }, ['busy']), taskThresholds(own, []), false)).toMatchObject({ verdict: 'invalid', validity: { valid: false, reasons: ['busy'] } })
    expect(judgeTask(outcome({ lost: 0 }, ['busy']), taskThresholds(own, []), true).verdict).toBe('pass')
  })
})

describe('a day', () => {
  it.each([20, 21, 33, 60, 199])('of %i clients can be played, with everybody in a conversation of two kinds', (clients) => {
    const cast = dayCast(clients)
    expect(castFault(cast)).toBeUndefined()
    const direct = new Set(cast.conversations.filter(({ kind }) => kind !== 'channel').flatMap(({ members }) => members))
    expect(direct.size).toBe(clients)
  })

  it('is as long as it is said, reaches its peak and never more', () => {
    const plan = new RatePlan(dayStages(100, 50))
    expect(plan.seconds).toBeCloseTo(100)
    const rates = Array.from({ length: 1_000 }, (_, index) => plan.rateAt(index / 10))
    expect(Math.max(...rates)).toBeLessThanOrEqual(50)
    expect(Math.max(...rates)).toBeGreaterThan(49)
    expect(plan.rateAt(1)).toBeCloseTo(5)
  })
})
