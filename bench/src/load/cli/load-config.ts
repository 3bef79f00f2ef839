import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import { LIMITS } from '@evegram/protocol'
import type { LoadConfig } from '../config.js'
import type { DriverName } from '../drivers/driver-names.js'
import { DRIVER_FACTS } from '../drivers/make-driver.js'
import { PAYLOAD_BYTES_MIN } from '../measure/stamp.js'
import { ARRIVALS } from '../plan/arrivals.js'
import { castFault, CLIENTS_MAX, type Cast } from '../plan/cast.js'
import { parseSeconds, parseStages, RATE_MAX_PER_SECOND, RatePlan } from '../plan/rate-plan.js'
import type { Scenario } from '../scenarios/scenario.js'
import { wholeNumber, type GivenOptions } from './command-line.js'
import { UsageError } from '../usage-error.js'

const DURATION = '30s'
const WORKERS_MAX = 64
/** More processes than this help nobody unless they are asked for. */
const WORKERS_DEFAULT_MAX = 8
const WARM_UP_SHARE = 0.2
const WARM_UP_SECONDS_MAX = 5
const WINDOW_MAX = 256
/** Room for the stamp, and a post of a channel around it. */
const PAYLOAD_BYTES_MAX = 48_000
/** What base64 makes a text of that can be sent. */
const E2EE_PAYLOAD_BYTES_MAX = Math.floor(LIMITS.textBytesMax / 4) * 3

/** What a run is asked for: its configuration, and the cast of its scenario. Throws {@link UsageError}, or RangeError with what was expected. */
export function loadConfig(scenario: Scenario, driver: DriverName, given: GivenOptions, loop?: LoadConfig['loop']): { readonly config: LoadConfig; readonly cast: Cast } {
  const clientsWanted = wholeNumber('clients', given.text('clients') ?? String(scenario.clients), scenario.clientsMin, CLIENTS_MAX)
  const cast = scenario.cast(clientsWanted)
  const fault = castFault(cast)
  if (fault !== undefined) throw new UsageError(`the scenario ${scenario.name} cannot be played: ${fault}`)
  const unknown = cast.conversations.find(({ kind }) => !DRIVER_FACTS[driver].kinds.includes(kind))
  if (unknown !== undefined) throw new UsageError(`${driver} has no conversations of kind ${unknown.kind}`)
  if (given.has('e2ee') && driver !== 'evegram') throw new UsageError(`--e2ee is for evegram: the clients of ${driver} encrypt nothing`)
  const theLoop = loop ?? loopOf(scenario, given)
  const seconds = theLoop.kind === 'closed' ? theLoop.seconds : new RatePlan(theLoop.stages).seconds
  const warmup = given.text('warmup')
  return {
    cast,
    config: {
      scenario: scenario.name, driver, clients: cast.clients, payload: given.has('e2ee') ? 'e2ee' : 'opaque', loop: theLoop, pinned: given.has('pin'),
      payloadBytes: wholeNumber('payload', given.text('payload') ?? String(scenario.payloadBytes), PAYLOAD_BYTES_MIN, given.has('e2ee') ? E2EE_PAYLOAD_BYTES_MAX : PAYLOAD_BYTES_MAX),
      seed: given.text('seed') ?? randomBytes(6).toString('hex'),
      workers: wholeNumber('workers', given.text('workers') ?? String(defaultWorkers(cast)), 1, WORKERS_MAX),
      warmUpSeconds: warmup === '0' ? 0 : warmup === undefined ? Math.min(WARM_UP_SECONDS_MAX, seconds * WARM_UP_SHARE) : parseSeconds(warmup),
    },
  }
}

/** Length of a run or of each part of a comparison. */
export function durationOf(given: GivenOptions): number {
  return parseSeconds(given.text('duration') ?? DURATION)
}

/** How planned times lie. */
export function arrivalsOf(given: GivenOptions): (typeof ARRIVALS)[number] {
  const wanted = given.text('arrivals') ?? 'poisson'
  const arrivals = ARRIVALS.find((kind) => kind === wanted)
  if (arrivals === undefined) throw new UsageError(`--arrivals is ${ARRIVALS.join(' or ')}, not "${wanted}"`)
  return arrivals
}

function loopOf(scenario: Scenario, given: GivenOptions): LoadConfig['loop'] {
  const [closed, stages, rate] = [given.text('closed'), given.text('stages'), given.text('rate')]
  if ([closed, stages, rate].filter((one) => one !== undefined).length > 1) throw new UsageError('--rate, --stages and --closed exclude each other')
  if (closed !== undefined) return { kind: 'closed', window: wholeNumber('closed', closed, 1, WINDOW_MAX), seconds: durationOf(given) }
  if (stages !== undefined && given.has('duration')) throw new UsageError('--stages has its own lengths: leave --duration out')
  const perSecond = Number(rate ?? scenario.ratePerSecond)
  if (!(perSecond > 0 && perSecond <= RATE_MAX_PER_SECOND)) throw new UsageError(`--rate is a number above 0, at most ${String(RATE_MAX_PER_SECOND)}`)
  const parsed = stages === undefined ? [{ seconds: durationOf(given), fromPerSecond: perSecond, toPerSecond: perSecond }] : parseStages(stages)
  return { kind: 'open', stages: new RatePlan(parsed).stages, arrivals: arrivalsOf(given) }
}

function defaultWorkers({ clients }: Cast): number {
  return Math.max(1, Math.min(WORKERS_DEFAULT_MAX, cpus().length - 1, Math.floor(clients / 2)))
}
