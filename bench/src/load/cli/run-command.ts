import { writeFileSync } from 'node:fs'
import type { LoadConfig } from '../config.js'
import { runLoad } from '../coordinator.js'
import { isDriverName, DRIVER_NAMES, type DriverName } from '../drivers/driver-names.js'
import { judgeRun } from '../judge.js'
import { allThresholds, parseThreshold } from '../measure/thresholds.js'
import { RatePlan } from '../plan/rate-plan.js'
import { ServerProfile } from '../profile/server-profile.js'
import { deliveryHgrm, prometheusText, timelineCsv } from '../report/exports.js'
import { htmlReport } from '../report/html-report.js'
import { configText, summaryLines } from '../report/summary.js'
import type { LoadResult } from '../result.js'
import { findScenario } from '../scenarios/find-scenario.js'
import type { ClusterSize } from '../targets/cluster-target.js'
import { startTarget } from '../targets/start-target.js'
import { openFilesFault } from '../../open-files.js'
import { helpOf, readOptions, wholeNumber, type GivenOptions } from './command-line.js'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { UsageError } from '../usage-error.js'
import { LiveView } from './live-view.js'
import { loadConfig } from './load-config.js'
import { RUN_SPEC } from './run-spec.js'

/** Files and sockets of a process beside one for each client. */
const FILES_BESIDE = 200
const ENGINES_MAX = 8

/** `npm run bench -- <scenario>`. Returns the exit code. Throws {@link UsageError} for what was asked wrongly. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const given = readOptions(args, RUN_SPEC)
  if (given.has('help')) {
    console.log(helpOf(RUN_SPEC))
    return EXIT.pass
  }
  const [name, ...others] = given.positionals
  if (name === undefined || others.length > 0) throw new UsageError('name one scenario, or a file')
  const thresholds = given.texts('threshold').map(parseThreshold)
  const scenario = await findScenario(name)
  const { config, cast } = loadConfig(scenario, driverOf(given), given)
  const cluster = clusterOf(given, config)
  const isJson = given.has('json')
  if (given.has('dry-run')) {
    printPlan(config, allThresholds(thresholds).map(({ text }) => text), isJson)
    return EXIT.pass
  }
  const fault = openFilesFault(config.clients + FILES_BESIDE)
  if (fault !== undefined) throw new UsageError(fault)
  const profile = profileOf(given, config, cluster)
  const target = await startTarget({
    driver: config.driver, url: given.text('server'), admin: given.text('admin'), isFresh: given.has('fresh') || config.pinned || profile !== undefined, clients: config.clients, cluster,
    say: (line) => { if (!isJson) console.error(line) },
    ...(profile === undefined ? {} : { nodeOptions: profile.nodeOptions }),
  })
  const view = new LiveView(config.scenario, isJson)
  try {
    if (!isJson) console.error(`Load on ${target.description}${config.driver === 'evegram' ? '; clients are real accounts, which stay in its data' : ''}.`)
    const run = await runLoad({ config, cast, target, abortOn: given.has('abort-on-fail') ? allThresholds(thresholds) : [], events: profile?.watching(view) ?? view })
    view.stop()
    const result = judgeRun(run, { thresholds, isCountersOnly: given.has('counters-only') })
    writeFiles(result, given, isJson)
    console.log(isJson ? JSON.stringify(result) : summaryLines(result).join('\n'))
    if (profile !== undefined) {
      // A server writes its profile when it ends; the second call below finds nothing left to end.
      await target.dispose()
      console.error(`profile: ${profile.write(`${config.scenario}, ${String(result.deliveriesPerSecond)} deliveries/s, ${result.machine.commit}: main thread of the server, idle time left out`)}`)
    }
    return exitCodeOf(result.verdict)
  } finally {
    view.stop()
    await target.dispose()
  }
}

function driverOf(given: GivenOptions): DriverName {
  const name = given.text('driver') ?? 'evegram'
  if (!isDriverName(name)) throw new UsageError(`--driver is ${DRIVER_NAMES.join(', ')}, not "${name}"`)
  return name
}

/** The cluster that was asked for. */
function clusterOf(given: GivenOptions, { driver, pinned }: LoadConfig): ClusterSize | undefined {
  const [nodesText, enginesText] = [given.text('nodes'), given.text('engines')]
  if (nodesText === undefined) {
    if (enginesText !== undefined) throw new UsageError('--engines is the size of a cluster: give --nodes 1 with it')
    return undefined
  }
  if (driver !== 'evegram' || given.text('server') !== undefined || pinned) throw new UsageError('--nodes starts a cluster of this product: leave --driver, --server and --pin out')
  const nodes = Number(nodesText)
  if (nodes !== 1 && nodes !== 3) throw new UsageError(`--nodes is 1 or 3, not "${nodesText}"`)
  return { nodes, engines: wholeNumber('engines', enginesText ?? nodesText, 1, ENGINES_MAX) }
}

/** Where the server spends its time, when that was asked for. */
function profileOf(given: GivenOptions, { driver }: LoadConfig, cluster: ClusterSize | undefined): ServerProfile | undefined {
  const folder = given.text('profile')
  if (folder === undefined) return undefined
  if (driver !== 'evegram' || given.text('server') !== undefined || cluster !== undefined) throw new UsageError('--profile starts a server of its own: leave --driver, --server and --nodes out')
  return new ServerProfile(folder)
}

function printPlan(config: LoadConfig, thresholds: readonly string[], isJson: boolean): void {
  const messages = config.loop.kind === 'closed' ? undefined : Math.round(new RatePlan(config.loop.stages).plannedUntil(Number.POSITIVE_INFINITY))
  if (isJson) console.log(JSON.stringify({ config, thresholds, messages: messages ?? null }))
  else {
    console.log(configText(config))
    console.log(messages === undefined ? 'as many messages as the system takes' : `about ${String(messages)} messages behind the warm-up`)
    console.log(`thresholds: ${thresholds.join(', ')}`)
    console.log('dry run: nothing was started or sent')
  }
}

function writeFiles(result: LoadResult, given: GivenOptions, isJson: boolean): void {
  const writers = { html: htmlReport, csv: timelineCsv, hgrm: deliveryHgrm, prometheus: prometheusText } as const
  for (const [option, write] of Object.entries(writers)) {
    const file = given.text(option)
    if (file === undefined) continue
    writeFileSync(file, write(result))
    if (!isJson) console.error(`${option}: ${file}`)
  }
}
