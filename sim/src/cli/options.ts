import { parseArgs } from 'node:util'
import type { RunOptions } from '../run-options.js'
import { CRASH_POINTS_DEFAULT } from '../payouts/crash-points.js'
import { PROFILES, type ProfileName } from '../world/profiles.js'

/** Seeds of a run that says nothing else. */
const SEEDS_DEFAULT = 100
const SEEDS_MAX = 10_000_000
const MINUTES_MAX = 7 * 24 * 60
const WORKERS_MAX = 256
/** Lines of a timeline that says nothing else. */
const TIMELINE_DEFAULT = 60
const TIMELINE_MAX = 1_000_000
const CRYPTO = ['stand-in', 'real'] as const
const CRASH_POINTS_MAX = 100_000

/** Which seeds are run. */
export type SeedChoice =
  /** `count` seeds, the numbers from `base` on. */
  | { readonly kind: 'count'; readonly base: number; readonly count: number }
  | { readonly kind: 'one'; readonly seed: string }
  /** New seeds from `base` (or from the clock) on, until `minutes` are over. */
  | { readonly kind: 'minutes'; readonly base: number | undefined; readonly minutes: number }
  | { readonly kind: 'regressions' }
  /** The first `count` seeds, each in two processes, which must do the same. */
  | { readonly kind: 'determinism'; readonly base: number; readonly count: number }

/** What the command line asks for. */
export interface SimOptions {
  readonly seeds: SeedChoice
  readonly profile: ProfileName
  readonly crypto: RunOptions['crypto']
  readonly json: boolean
  /** Lines of a timeline; 0 for none. */
  readonly timeline: number | 'all'
  readonly workers: number
  readonly stopAtFirst: boolean
  /** Of `payouts`: see {@link RunOptions}. */
  readonly crashPoints?: number | 'every'
}

/** A command line, read. */
export type ParsedOptions =
  | { readonly status: 'run'; readonly options: SimOptions }
  | { readonly status: 'help' }
  | { readonly status: 'wrong'; readonly message: string }

/** What `--help` prints. */
export const SIM_HELP = `npm run sim -- [options]

Runs the real code of engine, auth and SDK (of the wallet bridge: --profile payouts) on virtual time, with seeded faults, and checks the promises of
ARCHITECTURE.md.

  --seeds <n>               n seeds (default ${String(SEEDS_DEFAULT)})
  --base <n>                number of the first seed (default 1)
  --minutes <m>             new seeds until m minutes are over; the base then comes from the clock and is printed
  --seed <text>             this seed alone
  --regressions             the seeds of sim/regressions.json: each found a fault once
  --check-determinism <n>   n seeds, each in two processes, which must leave the same trace
  --profile <name>          ${PROFILES.join(' | ')} (default all)
  --crypto <name>           stand-in: fast, keeps no secrets (default); real: libsignal. Payouts are always signed in earnest.
  --crash-points <n|every>  of payouts: each world again for so many of its calls, or for every one, its process killed there (default ${String(CRASH_POINTS_DEFAULT)})
  --stop-at-first           end at the first broken promise
  --timeline <n|all>        of a broken promise: the last n lines that concern it (default ${String(TIMELINE_DEFAULT)}, 0 for none), or every line
  --workers <n>             processes (default: one a core)
  --json                    one JSON object a line on standard output: one for each seed, then a summary
  --help

Exit codes: 0 all promises held, 1 one was broken or a run gave no result, 2 wrong usage.`

class WrongUsage extends Error {}

/** Reads a command line (without node and script). `workersDefault`: processes when it names none. */
export function parseOptions(argv: readonly string[], workersDefault: number): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seeds: { type: 'string' }, base: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' }, profile: { type: 'string' },
        crypto: { type: 'string' }, timeline: { type: 'string' }, workers: { type: 'string' }, 'check-determinism': { type: 'string' }, 'crash-points': { type: 'string' },
        regressions: { type: 'boolean', default: false }, 'stop-at-first': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { status: 'help' }
    const chosen = (['seeds', 'minutes', 'seed', 'check-determinism'] as const).filter((name) => values[name] !== undefined)
    const ways = [...chosen, ...(values.regressions ? ['regressions'] : [])]
    if (ways.length > 1) throw new WrongUsage(`Choose one of ${ways.map((name) => `--${name}`).join(' and ')}.`)
    if (values.base !== undefined && (values.seed !== undefined || values.regressions)) {
      throw new WrongUsage('--base goes with --seeds, --minutes or --check-determinism.')
    }
    if (values.regressions && (values.profile !== undefined || values.crypto !== undefined)) {
      throw new WrongUsage('--regressions names profile and crypto of each seed itself.')
    }
    const profile = oneOf('profile', values.profile, PROFILES, 'all')
    const isPayouts = profile === 'payouts'
    if (values['crash-points'] !== undefined && !isPayouts) throw new WrongUsage('--crash-points goes with --profile payouts.')
    if (isPayouts && values.crypto === 'stand-in') throw new WrongUsage('Nothing stands in for the signatures of payouts.')
    const base = values.base === undefined ? undefined : whole('base', values.base, 0, Number.MAX_SAFE_INTEGER - SEEDS_MAX)
    return {
      status: 'run',
      options: {
        seeds: choiceOf(values, base),
        profile,
        crypto: isPayouts ? 'real' : oneOf('crypto', values.crypto, CRYPTO, 'stand-in'),
        json: values.json,
        timeline: values.timeline === 'all' ? 'all' : whole('timeline', values.timeline ?? String(TIMELINE_DEFAULT), 0, TIMELINE_MAX),
        workers: values.workers === undefined ? workersDefault : whole('workers', values.workers, 1, WORKERS_MAX),
        stopAtFirst: values['stop-at-first'],
        ...(isPayouts ? { crashPoints: crashPointsOf(values['crash-points']) } : {}),
      },
    }
  } catch (error) {
    // parseArgs throws TypeErrors with a sentence for the user.
    if (error instanceof WrongUsage || error instanceof TypeError) return { status: 'wrong', message: error.message }
    throw error
  }
}

interface SeedValues {
  readonly seeds?: string | undefined
  readonly minutes?: string | undefined
  readonly seed?: string | undefined
  readonly regressions: boolean
  readonly 'check-determinism'?: string | undefined
}

function choiceOf(values: SeedValues, base: number | undefined): SeedChoice {
  if (values.regressions) return { kind: 'regressions' }
  if (values.seed !== undefined) {
    if (values.seed.trim() === '') throw new WrongUsage('--seed must not be empty.')
    return { kind: 'one', seed: values.seed }
  }
  if (values.minutes !== undefined) {
    const minutes = Number(values.minutes)
    if (!(minutes > 0 && minutes <= MINUTES_MAX)) throw new WrongUsage(`--minutes must be above 0 and at most ${String(MINUTES_MAX)}.`)
    return { kind: 'minutes', base, minutes }
  }
  const determinism = values['check-determinism']
  if (determinism !== undefined) return { kind: 'determinism', base: base ?? 1, count: whole('check-determinism', determinism, 1, SEEDS_MAX) }
  return { kind: 'count', base: base ?? 1, count: values.seeds === undefined ? SEEDS_DEFAULT : whole('seeds', values.seeds, 1, SEEDS_MAX) }
}

function crashPointsOf(text: string | undefined): number | 'every' {
  if (text === undefined) return CRASH_POINTS_DEFAULT
  return text === 'every' ? text : whole('crash-points', text, 0, CRASH_POINTS_MAX)
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new WrongUsage(`--${name} must be a whole number from ${String(min)} to ${String(max)}, not "${text}".`)
  }
  return value
}

function oneOf<Name extends string>(option: string, text: string | undefined, names: readonly Name[], standard: Name): Name {
  if (text === undefined) return standard
  const found = names.find((name) => name === text)
  if (found === undefined) throw new WrongUsage(`--${option} must be one of ${names.join(', ')}, not "${text}".`)
  return found
}
