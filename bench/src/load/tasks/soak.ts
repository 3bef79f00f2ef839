import { loadConfig } from '../cli/load-config.js'
import { LOAD_OPTIONS } from '../cli/run-spec.js'
import { runLoad } from '../coordinator.js'
import { saturationReasons } from '../measure/saturation.js'
import { slopePerHour } from '../measure/slope.js'
import type { TimelinePoint } from '../result.js'
import { SCENARIOS } from '../scenarios/find-scenario.js'
import { UsageError } from '../usage-error.js'
import type { Task, TaskOutcome } from './task.js'

const SCENARIO = 'one-to-one'
const DURATION = '2h'
/** A server that keeps what it should not grows for ever; one whose caches fill stops. In the second half of a run they are full. */
const SETTLED_FROM = 0.5
const RSS_MIB_PER_HOUR_MAX = 64
const P99_MS_PER_HOUR_MAX = 20

/** Any scenario of messages for long, and whether memory or latency grow. */
export const soak: Task = {
  name: 'soak', summary: 'a scenario of messages for long: does memory or latency grow',
  defaults: `${SCENARIO} for ${DURATION}`,
  text: `Plays a scenario (--of, ${SCENARIO} by itself) for as long as --duration says, and fits a line to the server's memory and to the p99 of every half second in the second\n` +
    'half of the run, by the median of the slopes of all pairs of points. A run that is too short says so: its slope is that of caches which fill.',
  options: {
    of: { placeholder: 'name', help: `the scenario: ${SCENARIOS.map(({ name }) => name).join(', ')} (default ${SCENARIO})` },
    duration: { placeholder: 'time', help: `as 10m, 2h (default ${DURATION})` },
    rate: { placeholder: 'n', help: 'messages a second of all senders together (default: the scenario\'s own)' },
    ...Object.fromEntries(Object.entries(LOAD_OPTIONS).filter(([name]) => !['json', 'seed'].includes(name))),
  },
  figures: {
    'rssPerHour': 'MiB an hour', 'p99PerHour': 'ms an hour', 'rss': 'MiB, the most', 'p99': 'ms', 'p999': 'ms', 'max': 'ms', 'rate': 'delivered a second', 'delivered': '',
    'lost': '', 'duplicated': '', 'reordered': '', 'undecryptable': '', 'misdelivered': '', 'unacknowledged': '', 'refused': '', 'disconnected': '',
  },
  mustHold: [
    'lost==0', 'duplicated==0', 'reordered==0', 'undecryptable==0', 'misdelivered==0', 'unacknowledged==0', 'refused==0', 'disconnected==0',
    `rssPerHour<=${String(RSS_MIB_PER_HOUR_MAX)}`, `p99PerHour<=${String(P99_MS_PER_HOUR_MAX)}`,
  ],
  plan: (given) => {
    const wanted = given.text('of') ?? SCENARIO
    const scenario = SCENARIOS.find(({ name }) => name === wanted)
    if (scenario === undefined) throw new UsageError(`--of is ${SCENARIOS.map(({ name }) => name).join(', ')}, not "${wanted}"`)
    // The long run is what this is about: nothing else is read otherwise than for the scenario alone.
    const { config, cast } = loadConfig(scenario, 'evegram', { ...given, text: (name) => given.text(name) ?? (name === 'duration' ? DURATION : undefined) })
    const seconds = config.loop.kind === 'open' ? config.loop.stages.reduce((sum, stage) => sum + stage.seconds, 0) : config.loop.seconds
    return {
      clients: config.clients, config: { of: scenario.name, clients: config.clients, payload: config.payloadBytes, workers: config.workers, seconds, rate: Number(given.text('rate') ?? scenario.ratePerSecond) },
      text: `${scenario.name} with ${String(config.clients)} clients for ${String(seconds)} s`,
      run: async ({ target, seed, onProgress }) => {
        const run = await runLoad({
          config: { ...config, seed }, cast, target, abortOn: [],
          events: {
            onPreparing: (done, total) => { onProgress('signing in and connecting', Math.floor(done / 2), Math.floor(total / 2)) },
            onProgress: (at, of) => { onProgress(scenario.name, Math.round(at), Math.round(of)) }, onPhase: () => undefined,
          },
        })
        return outcomeOf(run, seconds)
      },
    }
  },
}

/** Runs below this have not settled: what they show is told, and not called a trend of the server. */
const SECONDS_MIN = 600

function outcomeOf(run: Awaited<ReturnType<typeof runLoad>>, seconds: number): TaskOutcome {
  const measured = run.timeline.filter(({ isWarmUp }) => !isWarmUp)
  const settled = measured.slice(Math.floor(measured.length * SETTLED_FROM))
  const slope = (of: (point: TimelinePoint) => number | undefined): number | undefined => slopePerHour(settled.flatMap((point) => {
    const value = of(point)
    return value === undefined ? [] : [{ atSeconds: point.atSeconds, value }]
  }))
  const [rssPerHour, p99PerHour] = [slope(({ serverRssMiB }) => serverRssMiB), slope(({ p99Ms }) => p99Ms)]
  const { delivery, acknowledgement, sendLag } = run.latency
  const { sent: _sent, acknowledged: _acknowledged, expected: _expected, ...counters } = run.counters
  return {
    measuredSeconds: run.measuredSeconds, failures: run.failures,
    figures: {
      ...(rssPerHour === undefined ? {} : { rssPerHour }), ...(p99PerHour === undefined ? {} : { p99PerHour }), ...(run.server === null ? {} : { rss: run.server.rssMaxMiB }),
      p99: delivery.p99, p999: delivery.p999, max: delivery.max, rate: run.deliveriesPerSecond, ...counters,
    },
    distributions: [
      { name: 'plan to delivery', distribution: delivery }, ...(acknowledgement === null ? [] : [{ name: 'plan to acknowledgement', distribution: acknowledgement }]),
      ...(sendLag === null ? [] : [{ name: 'sends behind plan', distribution: sendLag }]),
    ],
    invalid: [...saturationReasons(run.generator), ...(seconds < SECONDS_MIN ? [`a trend needs ${String(SECONDS_MIN / 60)} minutes: in ${String(seconds)} s memory grows because caches fill`] : [])],
    notes: [`the slopes are those of the second half of the run (${String(settled.length)} points); the bounds are ${String(RSS_MIB_PER_HOUR_MAX)} MiB and ${String(P99_MS_PER_HOUR_MAX)} ms an hour`],
  }
}
