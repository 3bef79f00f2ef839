import { writeFileSync } from 'node:fs'
import { openFilesFault } from '../../open-files.js'
import { machineFacts } from '../../process-cost.js'
import { ratiosOf, type ComparedRun, type Part, type Ratio } from '../compare.js'
import type { LoadConfig } from '../config.js'
import { runLoad } from '../coordinator.js'
import { DRIVER_NAMES, isDriverName, type DriverName, type PeerName } from '../drivers/driver-names.js'
import { GOAL_CLIENTS, judgeGoals } from '../goals.js'
import { judgeRun } from '../judge.js'
import { measureSyncedCommit } from '../measure/synced-commit.js'
import { peerAdvice, peerFault } from '../peers/peer-programs.js'
import { RatePlan } from '../plan/rate-plan.js'
import { comparisonHtml } from '../report/compare-html.js'
import { comparisonLines } from '../report/compare-text.js'
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
const RATIO_MAX = 1_000
/** Name and version of what `--json` prints. */
const COMPARE_FORMAT = 'evegram-bench-compare/2'

const SPEC: CommandSpec = {
  usage: 'npm run bench -- compare --with raw-uws,nats [--scenario one-to-one,fan-out] [--duration 20s] [--runs 3] [options]',
  text: 'Puts the same load on this product and on other systems, one after the other, each in a fresh process on a core of its own: first in a closed loop, then\n' +
    'at half of its own rate at planned times. Prints what each delivers per CPU-second of its server, the ratios with their spread, and which goals are met.',
  options: {
    with: { placeholder: 'names', help: `systems to compare with, separated by commas: ${DRIVER_NAMES.filter((name) => name !== OWN).join(', ')}` },
    scenario: { placeholder: 'names', help: 'scenarios, separated by commas (default one-to-one)' },
    duration: { placeholder: 'time', help: 'of each part (default 30s)' },
    runs: { placeholder: 'n', help: 'repetitions, for the spread (default 1)' },
    closed: { placeholder: 'n', help: `messages of every sender under way in the closed loop (default ${String(WINDOW)})` },
    ...LOAD_OPTIONS,
    'at-least': { placeholder: 'ratio', help: 'fail (99) when deliveries per CPU-second in the closed loop are below this share of any of the others\'' },
    html: { placeholder: 'file', help: 'write the comparison as one HTML file' },
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
  const others = names.filter(isDriverName).filter((name): name is PeerName => name !== OWN)
  if (others.length === 0 || others.length !== names.length) throw new UsageError(`--with names systems to compare with: ${DRIVER_NAMES.filter((name) => name !== OWN).join(', ')}`)
  const atLeast = ratioOf(given)
  const scenarios = await Promise.all(listOf(given.text('scenario') ?? 'one-to-one').map(findScenario))
  const repetitions = wholeNumber('runs', given.text('runs') ?? '1', 1, RUNS_MAX)
  // Known before anything is measured: who waits for it should not wait for nothing.
  const notMeasured = others.flatMap((driver) => {
    const fault = peerFault(driver)
    return fault === undefined ? [] : [{ driver, reason: fault, advice: peerAdvice(driver) }]
  })
  if (!given.has('json')) for (const { driver, reason, advice } of notMeasured) console.error(`${driver} is not measured: ${reason}; ${advice}`)
  const syncedCommit = await measureSyncedCommit()
  const runs: ComparedRun[] = []
  for (const scenario of scenarios) {
    // Systems take turns: a machine that gets busier while this goes on shows in all of them.
    for (let run = 0; run < repetitions; run++) {
      for (const driver of [OWN, ...others.filter((other) => notMeasured.every((one) => one.driver !== other))]) {
        for (const { part, result } of await measure(scenario, driver, given)) runs.push({ scenario: scenario.name, part, run, result })
      }
    }
  }
  const ratios = ratiosOf(runs, OWN)
  const goals = judgeGoals(OWN, { runs, ratios, notMeasured, syncedCommit })
  const belowBound = ratios.filter((ratio) => isBelow(ratio, atLeast))
  const verdict = belowBound.length > 0 ? 'breach' : worst(runs.map(({ result }) => result.verdict))
  const html = given.text('html')
  if (html !== undefined) writeFileSync(html, comparisonHtml(OWN, { runs, ratios, goals, notMeasured }))
  if (given.has('json')) console.log(JSON.stringify({ format: COMPARE_FORMAT, machine: machineFacts(), syncedCommit, ratios, goals, notMeasured, runs, verdict }))
  else {
    for (const line of comparisonLines({ runs, ratios, goals, notMeasured })) console.log(line)
    console.log(`a synced commit of this machine: p50 ${syncedCommit.p50Ms.toFixed(2)} ms, p99 ${syncedCommit.p99Ms.toFixed(2)} ms (${String(syncedCommit.commits)} times 16 KiB and fdatasync)`)
    if (atLeast !== undefined) console.log(belowBound.length === 0 ? `holds: at least ${String(atLeast)}x the deliveries per CPU-second of every other system, closed loop` : '')
    for (const { scenario, to, perCpuSecond } of belowBound) console.log(`BROKEN: ${scenario}, closed loop: ${String(perCpuSecond?.median ?? 'not measured')}x the deliveries per CPU-second of ${to}, not ${String(atLeast)}x`)
  }
  return exitCodeOf(verdict)
}

/** Whether a ratio of the closed loop breaks the bound that was asked for; one that was not measured does. */
function isBelow({ part, perCpuSecond }: Ratio, atLeast: number | undefined): boolean {
  return atLeast !== undefined && part === 'closed' && (perCpuSecond === null || perCpuSecond.median < atLeast)
}

function ratioOf(given: GivenOptions): number | undefined {
  const text = given.text('at-least')
  if (text === undefined) return undefined
  const ratio = Number(text)
  if (!(ratio > 0 && ratio <= RATIO_MAX)) throw new UsageError(`--at-least is a number above 0, at most ${String(RATIO_MAX)}, not "${text}"`)
  return ratio
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
  // As many clients as the goals are about, so that a comparison answers them.
  const { config, cast } = loadConfig({ ...scenario, clients: GOAL_CLIENTS[scenario.name] ?? scenario.clients }, driver, given, loop)
  const fault = openFilesFault(config.clients + FILES_BESIDE)
  if (fault !== undefined) throw new UsageError(fault)
  const target = await startTarget({ driver, url: undefined, admin: undefined, isFresh: true, clients: config.clients, say: (line) => { if (!given.has('json')) console.error(line) } })
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
