import type { RunOptions, RunResult } from '../run-options.js'
import type { BuildFacts } from './build-facts.js'
import { checkDeterminism, type SeedRunner } from './check-determinism.js'
import { coverageRows } from './coverage-table.js'
import { parseOptions, SIM_HELP, type SimOptions } from './options.js'
import { ProgressBar } from './progress-bar.js'
import { parseRegressions } from './regressions.js'
import { cryptoLabel, deathReport, paintsOf, replayCommand, seedLine, summaryLines, violationReport, type Paints, type Summary } from './report.js'
import { timelineOf } from './timeline.js'
import type { SeedOutcome } from './worker-messages.js'

/** Failures that are reported in full; of further ones only the line of the seed is shown. */
const REPORTED_MAX = 3

/** What the command line works with; tests put their own in place. */
export interface SimEnvironment {
  readonly argv: readonly string[]
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
  /** Real ms. */
  readonly now: () => number
  /** Processes when the command line names none. */
  readonly workersDefault: number
  readonly isTerminal: boolean
  readonly isColoured: boolean
  readonly openPool: (workers: number) => SeedRunner & { close(): void }
  readonly facts: () => Promise<BuildFacts>
  /** Text of regressions.json. */
  readonly regressions: () => string
}

/** Runs the command line of the simulator; returns the exit code: 0 green, 1 a promise was broken or a run gave no result, 2 wrong usage. */
export async function runSim(environment: SimEnvironment): Promise<number> {
  const parsed = parseOptions(environment.argv, environment.workersDefault)
  if (parsed.status === 'help') {
    environment.print(SIM_HELP)
    return 0
  }
  if (parsed.status === 'wrong') {
    environment.complain(`${parsed.message}\n\n${SIM_HELP}`)
    return 2
  }
  const { options } = parsed
  return options.seeds.kind === 'determinism' ? compareProcesses(options, options.seeds, environment) : new SimRun(options, environment).run()
}

/** Which seeds, when they end, and where their numbers begin. */
interface Plan {
  readonly jobs: Iterator<RunOptions>
  /** Seeds, or seconds of a run by time. */
  readonly steps: number
  /** Of a run whose base comes from the clock. */
  readonly base?: number
}

/** One run of many seeds. */
class SimRun {
  readonly #options: SimOptions
  readonly #environment: SimEnvironment
  readonly #paints: Paints
  readonly #coverages: RunResult['coverage'][] = []
  readonly #profiles: Record<string, number> = {}
  readonly #labels = new Set<string>()
  readonly #startedMs: number
  readonly #failures: Exclude<SeedOutcome, { status: 'green' }>[] = []
  #green = 0
  #events = 0
  #virtualMs = 0

  constructor(options: SimOptions, environment: SimEnvironment) {
    this.#options = options
    this.#environment = environment
    this.#paints = paintsOf(environment.isColoured)
    this.#startedMs = environment.now()
  }

  async run(): Promise<number> {
    const { openPool, isTerminal, print } = this.#environment
    const { json, stopAtFirst, workers, seeds } = this.#options
    const plan = this.#plan()
    if (plan.base !== undefined && !json) print(`base ${String(plan.base)} (${cryptoLabel(this.#options.crypto)})`)
    const pool = openPool(workers)
    const bar = new ProgressBar('sim', plan.steps, isTerminal && !json)
    const lane = async (): Promise<void> => {
      while (!(stopAtFirst && this.#failures.length > 0)) {
        const next = plan.jobs.next()
        if (next.done === true) return
        const outcome = await pool.run(next.value)
        if (stopAtFirst && this.#failures.length > 0) return
        this.#count(outcome)
        if (!json && !isTerminal) print(seedLine(outcome, this.#paints))
        if (json && outcome.status === 'green') print(JSON.stringify(seedRecord(outcome)))
        bar.update(seeds.kind === 'minutes' ? Math.round(this.#elapsedMs() / 1_000) : this.#green + this.#failures.length, this.#note())
      }
    }
    try {
      await Promise.all(Array.from({ length: workers }, lane))
      const wallMs = this.#elapsedMs()
      bar.stop()
      await this.#reportFailures(pool)
      this.#summarize(wallMs, plan.base)
    } finally {
      bar.stop()
      pool.close()
    }
    return this.#failures.length === 0 ? 0 : 1
  }

  #plan(): Plan {
    const { seeds } = this.#options
    switch (seeds.kind) {
      case 'count':
        return { jobs: this.#numbers(seeds.base, (index) => index < seeds.count), steps: seeds.count }
      case 'one':
        return { jobs: [this.#job(seeds.seed)].values(), steps: 1 }
      case 'minutes': {
        const base = seeds.base ?? Math.floor(this.#startedMs)
        const endMs = seeds.minutes * 60_000
        return { jobs: this.#numbers(base, () => this.#elapsedMs() < endMs), steps: Math.ceil(endMs / 1_000), base }
      }
      case 'regressions': {
        const entries = parseRegressions(this.#environment.regressions())
        return { jobs: entries.map(({ seed, profile, crypto }) => ({ seed, profile, crypto, keepTrace: false })).values(), steps: entries.length }
      }
      case 'determinism':
        throw new Error('a comparison of processes is no run')
      default:
        return seeds satisfies never
    }
  }

  * #numbers(base: number, more: (index: number) => boolean): Generator<RunOptions> {
    for (let index = 0; more(index); index++) yield this.#job(String(base + index))
  }

  #job(seed: string): RunOptions {
    return jobOf(this.#options, seed)
  }

  #elapsedMs(): number {
    return this.#environment.now() - this.#startedMs
  }

  #note(): string {
    return `${this.#failures.length === 0 ? 'green' : `${String(this.#failures.length)} NOT GREEN`} (${this.#label()})`
  }

  /** Of all that ran: regressions may have both. */
  #label(): string {
    return this.#labels.size === 0 ? cryptoLabel(this.#options.crypto) : [...this.#labels].sort().join(' and ')
  }

  #count(outcome: SeedOutcome): void {
    this.#labels.add(cryptoLabel(outcome.options.crypto))
    if (outcome.status === 'green') this.#green++
    else this.#failures.push(outcome)
    if (outcome.status === 'died') return
    const { profile, events, virtualMs, coverage } = outcome.result
    this.#profiles[profile] = (this.#profiles[profile] ?? 0) + 1
    this.#events += events
    this.#virtualMs += virtualMs
    this.#coverages.push(coverage)
  }

  async #reportFailures(pool: SeedRunner): Promise<void> {
    const { print, facts, isTerminal } = this.#environment
    if (this.#failures.length === 0) return
    const built = await facts()
    for (const [index, outcome] of this.#failures.entries()) {
      const options = replayOf(outcome)
      const isFull = index < REPORTED_MAX
      const isWanted = isFull && outcome.status === 'broken' && this.#options.timeline !== 0
      const again = isWanted ? await pool.run({ ...options, keepTrace: true }) : undefined
      const deviation = again === undefined || outcome.status === 'died' ? undefined : deviationOf(outcome, again)
      const trace = again === undefined || again.status === 'died' ? undefined : again.result.timeline
      const timeline = outcome.status === 'broken' && trace !== undefined ? timelineOf(trace, outcome.violation, this.#options.timeline) : undefined
      if (this.#options.json) print(JSON.stringify({ ...seedRecord(outcome), ...built, timeline: timeline?.lines, deviation }))
      else if (!isFull) {
        if (isTerminal) print(seedLine(outcome, this.#paints))
      } else if (outcome.status === 'died') for (const line of deathReport(options, outcome.reason, built, this.#paints)) print(line)
      else for (const line of violationReport(options, outcome.violation, timeline, built, this.#paints, deviation)) print(line)
    }
  }

  #summarize(wallMs: number, base: number | undefined): void {
    const { json, profile, seeds } = this.#options
    // One seed cannot have everything, and regressions are chosen for something else.
    const expecting = seeds.kind === 'count' || seeds.kind === 'minutes' ? profile : undefined
    const died = this.#failures.filter(({ status }) => status === 'died').length
    const summary: Summary = {
      crypto: this.#label(), green: this.#green, broken: this.#failures.length - died, died, profiles: this.#profiles, events: this.#events,
      virtualHours: this.#virtualMs / 3_600_000, wallMs, coverage: coverageRows(this.#coverages, expecting),
    }
    const lines = json
      ? [JSON.stringify({ kind: 'summary', seeds: this.#green + this.#failures.length, base, ...summary })]
      : summaryLines(summary, base, this.#paints)
    for (const line of lines) this.#environment.print(line)
  }
}

function jobOf({ profile, crypto, crashPoints }: SimOptions, seed: string): RunOptions {
  return { seed, profile, crypto, keepTrace: false, ...(crashPoints === undefined ? {} : { crashPoints }) }
}

/** What shows the end of a seed again: of a payout that broke a promise its world alone. */
function replayOf(outcome: SeedOutcome): RunOptions {
  if (outcome.status !== 'broken') return outcome.options
  const { crashPoints: _all, ...options } = outcome.options
  return { ...options, seed: outcome.result.seed }
}

function deviationOf(before: Extract<SeedOutcome, { status: 'broken' }>, again: SeedOutcome): string | undefined {
  if (again.status !== 'died' && again.result.traceHash === before.result.traceHash) return undefined
  return 'the second run of this seed, made for the timeline, did something else: the simulated code is not deterministic'
}

/** One seed for machines. */
function seedRecord(outcome: SeedOutcome): object {
  const { seed, profile, crypto } = outcome.options
  const record = { kind: 'seed', seed, profile, crypto: cryptoLabel(crypto), status: outcome.status, replay: replayCommand(replayOf(outcome)) }
  if (outcome.status === 'died') return { ...record, reason: outcome.reason }
  const { profile: ran, events, virtualMs, traceHash } = outcome.result
  return { ...record, ran, events, virtualMs, traceHash, ...(outcome.status === 'broken' ? { violation: outcome.violation } : {}) }
}

async function compareProcesses(
  options: SimOptions, { base, count }: { readonly base: number; readonly count: number }, environment: SimEnvironment,
): Promise<number> {
  const { print, openPool, isTerminal, isColoured } = environment
  const { crypto, json } = options
  const paints = paintsOf(isColoured)
  const seeds = Array.from({ length: count }, (_, index) => jobOf(options, String(base + index)))
  const pools = [openPool(1), openPool(1)] as const
  const bar = new ProgressBar('sim', 2 * count, isTerminal && !json)
  let done = 0
  try {
    const deviations = await checkDeterminism(seeds, pools[0], pools[1], () => { bar.update(++done, cryptoLabel(crypto)) })
    bar.stop()
    const label = cryptoLabel(crypto)
    const same = count - deviations.length
    const found = deviations.map(({ options: { seed }, what }) => ({ seed, what }))
    if (json) print(JSON.stringify({ kind: 'determinism', seeds: count, same, crypto: label, deviations: found }))
    else {
      for (const { seed, what } of found) print(`${paints.bad(`seed ${seed} differs between two processes`)} (${label}): ${what}`)
      const text = `${String(same)} of ${String(count)} seeds left the same trace in two processes`
      print(`${found.length === 0 ? paints.good(text) : text} (${label})`)
    }
    return deviations.length === 0 ? 0 : 1
  } finally {
    bar.stop()
    for (const pool of pools) pool.close()
  }
}
