import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acceptBaseline, BASELINES, baselineOf, lastBaseline } from './baseline.js'
import { diffWithBaseline } from './diff.js'
import { distribution, result } from './fake-result.fixture.js'
import { judgeTask, type TaskResult } from './tasks/task-result.js'

/** A run of a scenario with steps; tests change what they are about. */
function taskResult(figures: Readonly<Record<string, number>>, change: Partial<TaskResult> = {}): TaskResult {
  const { startedAt, machine, system } = result()
  return {
    ...judgeTask({
      scenario: 'resume', startedAt, machine, system, seed: 's', config: { clients: 2, messages: 5 }, text: '2 clients', units: {}, measuredSeconds: 1, figures, distributions: [], failures: {}, notes: [],
      invalid: [],
    }, [], false), ...change,
  }
}

describe('the history of accepted runs', () => {
  let folder = ''
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-baselines-')) })
  afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

  it('has the last one of the same load on the same class of machine', () => {
    const one = result()
    expect(lastBaseline(folder, one)).toBeUndefined()
    acceptBaseline(folder, baselineOf(one, 'first'))
    acceptBaseline(folder, baselineOf(result({ deliveriesPerSecond: 11, machine: { ...one.machine, commit: 'def', kernel: 'newer' } }), 'faster'))
    acceptBaseline(folder, baselineOf(result({ machine: { ...one.machine, cpu: 'another' } }), 'elsewhere'))
    acceptBaseline(folder, baselineOf(result({ config: { ...one.config, clients: 9 } }), 'another load'))
    acceptBaseline(folder, baselineOf(result({ config: { ...one.config, seed: 'x', driver: 'raw-uws' } }), 'another system'))
    expect(lastBaseline(folder, result({ config: { ...one.config, seed: 'another' } }))).toMatchObject({ commit: 'def', why: 'faster', figures: { rate: 11 } })
    expect(readdirSync(folder)).toEqual(['one-to-one.ndjson'])
  })

  it('takes no run that is not valid or broke a promise, and is not read when it is something else', () => {
    expect(() => baselineOf(result({ validity: { valid: false, reasons: ['busy'] } }), 'x')).toThrow(/busy/)
    expect(() => baselineOf(result({ verdict: 'breach' }), 'x')).toThrow(/threshold/)
    appendFileSync(join(folder, 'one-to-one.ndjson'), '{"format":"evegram-bench-baseline/0"}\n')
    expect(() => lastBaseline(folder, result())).toThrow(/one-to-one\.ndjson:1/)
  })

  it('stays in its folder whatever a scenario is called', () => {
    const one = result()
    const file = acceptBaseline(folder, baselineOf(result({ config: { ...one.config, scenario: '../../etc/x y' } }), 'x'))
    expect(file).toBe(join(folder, '______etc_x_y.ndjson'))
  })

  it('is what a diff compares with', () => {
    const before = baselineOf(result({ latency: { delivery: distribution(10), acknowledgement: null, sendLag: null } }), 'x')
    const slower = diffWithBaseline(before, result({ latency: { delivery: distribution(12), acknowledgement: null, sendLag: null } }), 0.1)
    expect(slower).toMatchObject({ isWorse: true, differences: [] })
    expect(slower.changes.find(({ metric }) => metric === 'p99')?.verdict).toBe('worse')
    expect(diffWithBaseline(before, result({ latency: { delivery: distribution(10.5), acknowledgement: null, sendLag: null } }), 0.1).isWorse).toBe(false)
    expect(diffWithBaseline(before, result({ validity: { valid: false, reasons: ['busy'] } }), 0.1).differences).toEqual(['the result after is not valid: busy'])
  })

  it('has scenarios with steps too, with all of their figures, and knows which way they are better', () => {
    const figures = { resumesPerSecond: 100, cpuPerResume: 2, p99: 50, lost: 0, caughtUp: 10, 'ton.verified': 5_000 }
    acceptBaseline(folder, baselineOf(taskResult(figures), 'first'))
    expect(readdirSync(folder)).toEqual(['resume.ndjson'])
    expect(lastBaseline(folder, taskResult(figures, { config: { clients: 3, messages: 5 } }))).toBeUndefined()
    const kept = lastBaseline(folder, taskResult(figures, { seed: 'another', config: { messages: 5, clients: 2 } }))
    expect(kept).toMatchObject({ scenario: 'resume', figures, why: 'first' })
    if (kept === undefined) return
    const verdicts = (now: Readonly<Record<string, number>>): Readonly<Record<string, string>> =>
      Object.fromEntries(diffWithBaseline(kept, taskResult({ ...figures, ...now }), 0.1).changes.map(({ metric, verdict }) => [metric, verdict]))
    expect(verdicts({})).toEqual({ resumesPerSecond: 'same', cpuPerResume: 'same', p99: 'same', lost: 'same', 'ton.verified': 'same' })
    expect(verdicts({ resumesPerSecond: 50, cpuPerResume: 1, p99: 80, lost: 1, caughtUp: 99, 'ton.verified': 4_000 })).toEqual({ resumesPerSecond: 'worse', cpuPerResume: 'better', p99: 'worse', lost: 'worse', 'ton.verified': 'worse' })
    expect(diffWithBaseline(kept, taskResult(figures, { config: { clients: 3, messages: 5 } }), 0.1).differences).toEqual(['clients: 2 before, 3 after'])
  })

  it('that is kept here can be read', () => {
    // It begins with the first run that is accepted.
    for (const name of (existsSync(BASELINES) ? readdirSync(BASELINES) : []).filter((file) => file.endsWith('.ndjson'))) {
      const lines = readFileSync(join(BASELINES, name), 'utf8').trimEnd().split('\n')
      for (const line of lines) expect(JSON.parse(line), name).toMatchObject({ format: 'evegram-bench-baseline/1', scenario: name.replace('.ndjson', '') })
    }
  })
})
