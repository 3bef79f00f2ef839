import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RunOptions, RunResult } from '../run-options.js'
import { parseRegressions } from './regressions.js'
import { runSim } from './run-sim.js'
import type { SeedOutcome } from './worker-messages.js'

type Fake = (options: RunOptions, pool: number) => SeedOutcome

function resultOf(options: RunOptions, more: Partial<RunResult> = {}): RunResult {
  const { seed, crypto } = options
  const coverage = { 'fault/cut': 2 }
  return { seed, profile: 'crash', crypto, events: 1_000, virtualMs: 60_000, traceHash: `hash of ${seed}`, coverage, timeline: [], ...more }
}

const green: Fake = (options) => ({ status: 'green', options, result: resultOf(options) })

function broken(options: RunOptions): SeedOutcome {
  const violation = { promise: 'P1', what: 'the ack of ab12cd34 was not stored', atMs: 2_000, event: 20 } as const
  const line = (atMs: number, what: string): RunResult['timeline'][number] => ({ atMs, event: 1, who: 'n1.1', what })
  const chatter = Array.from({ length: 40 }, (_, index) => line(index, `chatter ${String(index)}`))
  const timeline = options.keepTrace ? [line(0, 'send ab12cd34'), line(0.5, 'crash before log.append'), ...chatter] : []
  return { status: 'broken', options, violation, result: resultOf(options, { violation, timeline }) }
}

interface Ran {
  readonly code: number
  readonly text: string
  readonly lines: readonly string[]
  readonly errors: readonly string[]
  /** What the pools were asked for. */
  readonly ran: readonly string[]
}

function brokenWhen(seed: string): Fake {
  return (options, pool) => (options.seed === seed ? broken(options) : green(options, pool))
}

function deadWhen(seed: string): Fake {
  return (options, pool) => (options.seed === seed ? { status: 'died', options, reason: 'its process ended with SIGKILL' } : green(options, pool))
}

async function run(line: string, fake: Fake, regressions = '[]'): Promise<Ran> {
  const lines: string[] = []
  const errors: string[] = []
  const ran: string[] = []
  let nowMs = 1_700_000_000_000
  let pools = 0
  const code = await runSim({
    argv: line.split(' '), print: (text) => { lines.push(text) }, complain: (text) => { errors.push(text) }, now: () => nowMs += 10_000,
    workersDefault: 2, isTerminal: false, isColoured: false, regressions: () => regressions,
    facts: () => Promise.resolve({ commit: 'c0ffee', dirty: true, node: 'v20' }),
    openPool: () => {
      const pool = pools++
      return {
        run: (options) => {
          ran.push(`${options.seed} ${options.profile} ${options.crypto}`)
          return Promise.resolve(fake(options, pool))
        },
        close: () => undefined,
      }
    },
  })
  return { code, text: lines.join('\n'), lines, errors, ran }
}

test('green seeds end with 0, and every figure names the crypto', async () => {
  const { code, text, lines } = await run('--seeds 3 --profile crash', green)
  expect(code).toBe(0)
  expect(text).toContain('3 seeds: 3 green')
  expect(lines.filter((line) => /seed |events/.test(line)).every((line) => line.includes('stand-in crypto'))).toBe(true)
  expect(text).toMatch(/fault\/cut +6 +3/)
  // Nothing crashed in these runs, which a green result must not hide.
  expect(text).toMatch(/fault\/crash at a call +NEVER/)
})

test('a broken promise ends with 1 and says how to see it again', async () => {
  const { code, text, ran } = await run('--seeds 3 --profile crash', brokenWhen('2'))
  expect(code).toBe(1)
  expect(text).toContain('SEED 2 BROKE P1: an ack is durable (stand-in crypto)')
  expect(text).toContain('c0ffee with local changes, Node v20')
  expect(text).toContain('npm run sim -- --seed 2 --profile crash --crypto stand-in --timeline all')
  expect(text).toContain('send ab12cd34')
  expect(text).toContain('crash before log.append')
  expect(text).not.toContain('chatter 5')
  expect(text).toContain('chatter 39')
  expect(ran).toHaveLength(4)
})

test('a payout that broke a promise is shown again by its world alone', async () => {
  const { text, ran } = await run('--seeds 1 --profile payouts --crash-points every', (options) => {
    const outcome = broken(options)
    return outcome.status === 'broken' ? { ...outcome, result: { ...outcome.result, seed: '1.ton.after.45' } } : outcome
  })
  expect(ran).toEqual(['1 payouts real', '1.ton.after.45 payouts real'])
  expect(text).toContain('npm run sim -- --seed 1.ton.after.45 --profile payouts --crypto real --timeline all')
  // What is expected of worlds of messages is not expected here.
  expect(text).toMatch(/end\/paid +NEVER/)
  expect(text).not.toContain('workload/say')
})

test('with --timeline all nothing is left out', async () => {
  const { text } = await run('--seed 2 --timeline all', broken)
  expect(text).toContain('chatter 5')
})

test('a run that is not the same when it is repeated says so', async () => {
  const { text } = await run('--seed 2', (options) => {
    const outcome = broken(options)
    return outcome.status === 'broken' && options.keepTrace ? { ...outcome, result: { ...outcome.result, traceHash: 'other' } } : outcome
  })
  expect(text).toContain('not deterministic')
})

test('a seed whose process died is a failure with its seed', async () => {
  const { code, text } = await run('--seeds 2', deadWhen('2'))
  expect(code).toBe(1)
  expect(text).toContain('SEED 2 GAVE NO RESULT')
  expect(text).toContain('SIGKILL')
})

test('--stop-at-first starts no further seed', async () => {
  const { ran } = await run('--seeds 50 --stop-at-first --timeline 0 --workers 1', broken)
  expect(ran).toEqual(['1 all stand-in'])
})

test('--json prints records alone, the summary last', async () => {
  const { code, lines } = await run('--seeds 2 --json --workers 1', brokenWhen('2'))
  // The shape that is claimed here is what is checked below.
  const records = lines.map((line) => JSON.parse(line) as {
    readonly kind: string; readonly status?: string; readonly crypto: string; readonly seeds?: number; readonly timeline?: unknown[]
  })
  expect(code).toBe(1)
  expect(records.map(({ kind, status }) => status ?? kind)).toEqual(['green', 'broken', 'summary'])
  expect(records.every(({ crypto }) => crypto === 'stand-in crypto')).toBe(true)
  expect(records[1]?.timeline?.length).toBeGreaterThan(2)
  expect(records[2]?.seeds).toBe(2)
})

test('--minutes takes its base from the clock and stops when the time is over', async () => {
  const { ran, text } = await run('--minutes 1 --workers 1', green)
  expect(text).toContain('base 17000000')
  expect(ran[0]).toMatch(/^17\d+ all/)
  expect(ran.length).toBeGreaterThan(1)
  expect(ran.length).toBeLessThan(10)
})

test('--regressions runs each as it is noted', async () => {
  const entry = { seed: '77', profile: 'skew', crypto: 'real', found: 'x', fixed: 'y', date: '2027-01-31' }
  const { ran, text } = await run('--regressions', green, JSON.stringify([entry]))
  expect(ran).toEqual(['77 skew real'])
  expect(text).toContain('real crypto')
  expect(text).not.toContain('NEVER')
})

test('two processes that differ are named with the first line that differs', async () => {
  const { code, text } = await run('--check-determinism 3', (options, pool) => {
    const isOther = options.seed === '2' && pool === 1
    const timeline = options.keepTrace ? [{ atMs: 1, event: 1, who: 'n1.1', what: isOther ? 'left' : 'right' }] : []
    return { status: 'green', options, result: resultOf(options, { traceHash: isOther ? 'other' : 'same', timeline }) }
  })
  expect(code).toBe(1)
  expect(text).toContain('seed 2 differs between two processes (stand-in crypto): line 1 is')
  expect(text).toContain('2 of 3 seeds left the same trace')
  expect((await run('--check-determinism 3', green)).code).toBe(0)
})

test('wrong usage ends with 2 and the help, on standard error', async () => {
  const { code, lines, errors } = await run('--seeds none', green)
  expect(code).toBe(2)
  expect(lines).toEqual([])
  expect(errors.join('\n')).toContain('Exit codes')
})

test('regressions.json parses, and an entry that lacks something is named', () => {
  expect(parseRegressions(readFileSync(new URL('../../regressions.json', import.meta.url), 'utf8'))).toBeInstanceOf(Array)
  expect(() => parseRegressions('[{"seed":"1"}]')).toThrow('Entry 1 of regressions.json: "profile" must be a text')
})
