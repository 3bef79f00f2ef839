import { LIMITS } from '@evegram/protocol'
import { NO_FAULTS, type ServiceFaults } from '../kernel/service.js'
import type { SimRandom } from '../kernel/random.js'
import type { DiskFaults } from '../device/disk.js'
import { NO_NETWORK_FAULTS, type NetworkFaults } from '../network/network-faults.js'
import { NO_EXCHANGE_FAULTS, type ExchangeFaults } from '../services/auth/exchange.js'
import { NO_ENGINE_FAULTS, type EngineFaults, type StorePersonality } from '../services/engine/engine-faults.js'
import type { WorldProfile } from './profiles.js'

/** Events that strike the world from outside: how often per minute each comes. */
export interface StrikeRates {
  readonly nodeCrash: number
  readonly deploy: number
  readonly nodePause: number
  /** A pause that the monotonic clock does not count. */
  readonly nodeSleep: number
  readonly wallStep: number
  readonly deviceCrash: number
  readonly devicePause: number
  readonly authCrash: number
  readonly presenceForget: number
  readonly partition: number
  readonly diskLost: number
}

/** All faults of one world. */
export interface FaultMix {
  readonly personality: StorePersonality
  readonly engine: EngineFaults
  readonly authStore: ServiceFaults
  readonly directory: ExchangeFaults
  /** What devices ask of auth. */
  readonly requests: ExchangeFaults
  readonly network: NetworkFaults
  readonly disk: DiskFaults
  /** Probability that a process dies around one of its calls. */
  readonly crashPoint: number
  readonly strikes: StrikeRates
  /** What may wait in the socket of a node before its peer is a slow consumer. */
  readonly outboundBytesMax: number
  /** What kernels and network hold before anything waits there. */
  readonly windowBytes: number
  /** Clocks of machines differ by up to this, in ms. */
  readonly wallSkewMs: number
  /** Life of an access token: short ones run out while everything else fails. */
  readonly tokenLifeMs: number
  /** The whole world is dark once, for a long time. */
  readonly dark: boolean
  readonly malicious: boolean
}

const NO_STRIKES: StrikeRates = {
  nodeCrash: 0, deploy: 0, nodePause: 0, nodeSleep: 0, wallStep: 0, deviceCrash: 0, devicePause: 0, authCrash: 0, presenceForget: 0, partition: 0, diskLost: 0,
}

/** The same world once nothing fails any more. */
export function calmOf(mix: FaultMix): FaultMix {
  return {
    ...mix, engine: NO_ENGINE_FAULTS, authStore: NO_FAULTS, directory: NO_EXCHANGE_FAULTS, requests: NO_EXCHANGE_FAULTS, network: NO_NETWORK_FAULTS,
    disk: { slow: 0, full: 0 }, crashPoint: 0, strikes: NO_STRIKES,
  }
}

/** More than the time before its end at which a client replaces a token. */
const SHORT_TOKEN_MS = [35_000, 90_000] as const

type Focus = 'crash' | 'partition' | 'skew' | 'malicious' | 'mixed'

/**
 * Draws the faults of a world. Each kind is there or not, and often or seldom, independently: a world with everything at once never gets far
 * enough for rare conditions, a world with few things does (swarm testing, Groce et al. 2012).
 */
export function drawMix(profile: WorldProfile, random: SimRandom): FaultMix {
  const focus: Focus = profile === 'all' ? random.pick(['mixed', 'mixed', 'crash', 'partition', 'skew', 'malicious'] as const)
    : profile === 'receipts' || profile === 'changes' ? random.pick(['mixed', 'crash', 'partition'] as const) : profile
  const malicious = focus === 'malicious'
  /** Present in half of the worlds, always where the focus is; between a quarter of `rate` and four times it. */
  const some = (rate: number, ...focuses: readonly Focus[]): number => {
    const wanted = focuses.includes(focus)
    const present = random.chance(malicious ? 0.15 : 0.5)
    const factor = random.skewed(0.25, 4)
    return present || wanted ? rate * factor * (wanted ? 1.5 : 1) : 0
  }
  const service = (rate: number, ...focuses: readonly Focus[]): ServiceFaults => ({
    refused: some(rate, ...focuses), lost: some(rate, ...focuses), unknown: some(rate, ...focuses), late: some(rate, ...focuses), slow: some(2 * rate, ...focuses),
  })
  const exchange = (rate: number, ...focuses: readonly Focus[]): ExchangeFaults => ({
    refused: some(rate, ...focuses), lost: some(rate, ...focuses), answerLost: some(rate, ...focuses), duplicated: some(rate, ...focuses),
    repeated: some(rate, ...focuses), slow: some(rate, ...focuses),
  })
  const personality = random.pick(['atomic', 'quorum'] as const)
  const log = service(0.01, 'crash')
  return {
    personality,
    engine: {
      services: {
        log, posts: log, marks: service(0.004), membership: service(0.004), presence: service(0.01, 'partition'),
        registry: service(0.004, 'skew'), broker: service(0.003, 'partition'),
      },
      packets: { lost: some(0.01, 'partition'), duplicated: some(0.01, 'partition'), reordered: some(0.02, 'partition'), broken: some(0.001, 'partition') },
      hidden: some(0.02, 'crash'), unfound: some(0.2),
    },
    authStore: service(0.004), directory: exchange(0.004),
    // Copies of requests are cheap to make and dear to get wrong: more of them than any network sends.
    requests: { ...exchange(0.02, 'partition'), duplicated: some(0.1, 'partition'), repeated: some(0.05, 'partition') },
    network: {
      refused: some(0.03), hanging: some(0.03), slowLink: some(0.25, 'partition'), lost: some(0.02, 'partition'), stalled: some(0.004), reset: some(0.002, 'partition'),
      halfOpen: some(0.001, 'partition'), silentDeath: some(0.3),
    },
    disk: { slow: some(0.01), full: some(0.002) },
    crashPoint: some(0.000_4, 'crash'),
    strikes: {
      nodeCrash: some(1, 'crash'), deploy: some(0.4, 'crash'), nodePause: some(1, 'skew'), nodeSleep: some(1, 'skew'), wallStep: some(1, 'skew'),
      deviceCrash: some(2, 'crash'), devicePause: some(1), authCrash: some(0.5, 'crash'), presenceForget: some(0.7, 'partition'), partition: some(1, 'partition'),
      diskLost: some(0.3, 'crash'),
    },
    ...drawRoom(random),
    wallSkewMs: focus === 'skew' ? random.skewed(100, 3_600_000) : some(200), dark: random.chance(0.12), malicious,
    tokenLifeMs: random.chance(0.25) ? random.between(...SHORT_TOKEN_MS) : LIMITS.accessTokenMs,
  }
}

/** Small rooms make slow consumers of clients that are only a little slow. */
function drawRoom(random: SimRandom): Pick<FaultMix, 'outboundBytesMax' | 'windowBytes'> {
  return random.chance(0.5)
    ? { outboundBytesMax: random.pick([65_536, 262_144]), windowBytes: random.pick([2_048, 8_192]) }
    : { outboundBytesMax: LIMITS.outboundBytesMax, windowBytes: 65_536 }
}
