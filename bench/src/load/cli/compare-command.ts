import { openFilesFault } from '../../open-files.js'
import { machineFacts } from '../../process-cost.js'
import { ratiosOf, type ComparedRun, type Part, type Ratio, type Spread } from '../compare.js'
import type { LoadConfig } from '../config.js'
import { runLoad } from '../coordinator.js'
import { DRIVER_NAMES, isDriverName, type DriverName } from '../drivers/driver-names.js'
import { judgeRun } from '../judge.js'
import { RatePlan } from '../plan/rate-plan.js'
import { verdictText } from '../report/summary.js'
import type { LoadResult, Verdict } from '../result.js'
import { findScenario } from '../scenarios/find-scenario.js'
import type { Scenario } from '../scenarios/scenario.js'
import { startTarget } from '../targets/start-target.js'
import { helpOf, readOptions, wholeNumber, type CommandSpec, type GivenOptions } from './command-line.js'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { UsageError } from '../usage-error.js'
import { LiveView } from './live-view.js'
import { arrivalsOf, durationOf, loadConfig } from './load-config.js'
import { LOAD_OPTIONS } from './run-spec.js'

const OWN: DriverName = 'evegram'
const WINDOW = 16
const WINDOW_MAX = 256
const RUNS_MAX = 20
const OPEN_SHARE = 0.5
const FILES_BESIDE = 200

const SPEC: CommandSpec = {
  usage: 'npm run bench -- compare --with raw-uws [--scenario one-to-one,fan-out] [--duration 20s] [--runs 3] [options]',
  text: 'Puts the same load on this product and on other systems, one after the other, each in a fresh process on a core of its own: first in a closed loop, then\n' +
    'at half of its own rate at planned times. Prints what each delivers per CPU-second of its server, and the ratios with their spread.',
  options: {
    with: { placeholder: 'names', help: `systems to compare with, separated by commas: ${DRIVER_NAMES.filter((name) => name !== OWN).join(', ')}` },
    scenario: { placeholder: 'names', help: 'scenarios, separated by commas (default one-to-one)' },
    duration: { placeholder: 'time', help: 'of each part (default 30s)' },
    runs: { placeholder: 'n', help: 'repetitions, for the spread (default 1)' },
    closed: { placeholder: 'n', help: `messages of every sender under way in the closed loop (default ${String(WINDOW)})` },
    ...LOAD_OPTIONS,
    'counters-only': { help: 'an overloaded generator or a starved server is told but fails nothing: for checks on busy machines' },
  },
}

/** `npm run bench -- compare`. Returns the exit code. Throws {@link UsageError} for what was asked wrongly. */
export async function compareCommand(args: readonly string[]): Promise<number> {
  const given = readOptions(args, SPEC)
  if (given.has('help')) {
    console.log(helpOf(SPEC))
    return EXIT.pass
  }
  const names = listOf(given.text('with'))
  const others = names.filter(isDriverName).filter((name) => name !== OWN)
  if (others.length === 0 || others.length !== names.length) throw new UsageError(`--with names systems to compare with: ${DRIVER_NAMES.filter((name) => name !== OWN).join(', ')}`)
  const scenarios = await Promise.all(listOf(given.text('scenario') ?? 'one-to-one').map(findScenario))
  const repetitions = wholeNumber('runs', given.text('runs') ?? '1', 1, RUNS_MAX)
  const runs: ComparedRun[] = []
  for (const scenario of scenarios) {
    // Systems take turns: a machine that gets busier while this goes on shows in all of them.
    for (let run = 0; run < repetitions; run++) {
      for (const driver of [OWN, ...others]) {
        for (const { part, result } of await measure(scenario, driver, given)) runs.push({ scenario: scenario.name, part, run, result })
      }
    }
  }
  const ratios = ratiosOf(runs, OWN)
  const verdict = worst(runs.map(({ result }) => result.verdict))
  if (given.has('json')) console.log(JSON.stringify({ format: 'evegram-bench-compare/1', machine: machineFacts(), ratios, runs, verdict }))
  else for (const line of [...runLines(runs), '', ...ratioLines(ratios)]) console.log(line)
  return exitCodeOf(verdict)
}

async function measure(scenario: Scenario, driver: DriverName, given: GivenOptions): Promise<readonly { readonly part: Part; readonly result: LoadResult }[]> {
  const closedLoop = { kind: 'closed', window: wholeNumber('closed', given.text('closed') ?? String(WINDOW), 1, WINDOW_MAX), seconds: durationOf(given) } as const
  const first = await measurePart('closed', scenario, driver, given, closedLoop)
  const perSecond = first.result.sentPerSecond * OPEN_SHARE
  // A system that did nothing has no half.
  if (perSecond === 0) return [first]
  const stages = new RatePlan([{ seconds: durationOf(given), fromPerSecond: perSecond, toPerSecond: perSecond }]).stages
  return [first, await measurePart('open 50 %', scenario, driver, given, { kind: 'open', stages, arrivals: arrivalsOf(given) })]
}

async function measurePart(
  part: Part, scenario: Scenario, driver: DriverName, given: GivenOptions, loop: LoadConfig['loop'],
): Promise<{ readonly part: Part; readonly result: LoadResult }> {
  const { config, cast } = loadConfig(scenario, driver, given, loop)
  const fault = openFilesFault(config.clients + FILES_BESIDE)
  if (fault !== undefined) throw new UsageError(fault)
  const target = await startTarget({ driver, url: undefined, admin: undefined, isFresh: true, clients: config.clients })
  const view = new LiveView(`${scenario.name}, ${driver}, ${part}`, given.has('json'))
  try {
    const run = await runLoad({ config: { ...config, pinned: true }, cast, target, abortOn: [], events: view })
    return { part, result: judgeRun(run, { thresholds: [], isCountersOnly: given.has('counters-only') }) }
  } finally {
    view.stop()
    await target.dispose()
  }
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').map((one) => one.trim()).filter((one) => one !== '')
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return (['breach', 'invalid'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'pass'
}

function runLines(runs: readonly ComparedRun[]): readonly string[] {
  const head = `${'scenario'.padEnd(14)}${'system'.padEnd(10)}${'part'.padEnd(11)}${'run'.padStart(4)}${'delivered/s'.padStart(13)}${'per CPU-s'.padStart(11)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}`
  return [head, ...runs.flatMap(({ scenario, part, run, result }) => {
    const { config, deliveriesPerSecond, server, latency, verdict, validity } = result
    const line = scenario.padEnd(14) + config.driver.padEnd(10) + part.padEnd(11) + String(run + 1).padStart(4) + String(deliveriesPerSecond).padStart(13) +
      (server === null ? '-' : String(server.deliveriesPerCpuSecond)).padStart(11) + latency.delivery.p50.toFixed(2).padStart(9) + latency.delivery.p99.toFixed(2).padStart(9)
    return verdict === 'pass' && validity.valid ? [line] : [line, `  ${verdict === 'breach' ? verdictText(result) : `not valid: ${validity.reasons.join('; ')}`}`]
  })]
}

function ratioLines(ratios: readonly Ratio[]): readonly string[] {
  const text = (spread: Spread | null): string => (spread === null ? 'not measured' : `${spread.median.toFixed(2)} (${spread.min.toFixed(2)} to ${spread.max.toFixed(2)})`)
  return ratios.map(({ scenario, part, of, to, perCpuSecond, rate, p99, valid, perCpuSecondValid }) =>
    `${scenario}, ${part}: ${of} / ${to}: deliveries per CPU-second ${text(perCpuSecond)}, deliveries/s ${text(rate)}, p99 ${text(p99)}${valid ? '' : perCpuSecondValid ? '  [per CPU-second stands; rate and p99 do not: a generator was at its end]' : '  [not valid on this machine now]'}`)
}
