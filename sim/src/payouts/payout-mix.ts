import { simulatedRules, type SimulatedProfile, type SimulatedRules } from '@evegram/wallet-bridge'
import { NO_FAULTS, type ServiceFaults } from '../kernel/service.js'
import type { SimRandom } from '../kernel/random.js'
import { STRIKES, type Strike } from './strikes.js'

/** The chains whose ways to expire, to fail and to tax are simulated. */
export const CHAIN_PROFILES = ['solana', 'ton', 'terra'] as const satisfies readonly SimulatedProfile[]

/** What may happen in one world of payouts. */
export interface PayoutMix {
  readonly rules: SimulatedRules
  /** How often calls fail, by what they go to. */
  readonly stores: ServiceFaults
  readonly sources: ServiceFaults
  /** Probability that a call kills its process, beside the crash that is planned. */
  readonly crashRate: number
  /** Strikes that this world knows, and how likely one is in a block. */
  readonly strikes: readonly Strike[]
  readonly strikeRate: number
  /** The source that may lie. One alone: two that tell the same lie are believed. */
  readonly liar: 0 | 1
  readonly payouts: number
  readonly deposits: number
  /** Two processes work on the chain. */
  readonly isTwofold: boolean
  readonly feeFrom: 'account' | 'house'
  readonly holdMs: number
  /** How far the wall clock of a process is off. */
  readonly wallAheadMs: number
  /** How long people ask, pay in, and things fail, in blocks. */
  readonly chaosBlocks: number
}

/** Blocks of the chaos. Short: a world is run again for each of its calls. */
const CHAOS_BLOCKS = [7, 15] as const
const WALL_AHEAD_MS_MAX = 30_000

/** Draws a world. Each kind of trouble is there or not: a world with everything at once never gets far enough for what is rare. */
export function drawPayoutMix(profile: SimulatedProfile, random: SimRandom): PayoutMix {
  const some = (rate: number): number => {
    const isThere = random.chance(0.35)
    const factor = random.skewed(0.25, 4)
    return isThere ? rate * factor : 0
  }
  const service = (rate: number): ServiceFaults => ({ refused: some(rate), lost: some(rate), unknown: some(rate), late: some(rate), slow: some(rate) })
  const strikes = STRIKES.filter(({ chains }) => chains?.includes(profile) !== false).filter(() => random.chance(0.4))
  const blockMs = random.between(700, 1_600)
  const validBlocks = random.between(6, 12)
  return {
    rules: {
      ...simulatedRules(profile), blockMs, finalityBlocks: random.between(1, 4), validFor: profile === 'ton' ? Math.ceil(validBlocks * blockMs / 1_000) : validBlocks,
    },
    stores: service(0.02), sources: service(0.02),
    crashRate: random.chance(0.2) ? random.skewed(0.002, 0.03) : 0,
    strikes, strikeRate: random.skewed(0.2, 0.9),
    liar: random.pick([0, 1] as const),
    payouts: random.pick([1, 1, 2, 2, 3] as const), deposits: random.pick([0, 1, 1, 2, 3] as const),
    isTwofold: random.chance(0.2), feeFrom: random.pick(['account', 'account', 'house'] as const), holdMs: random.pick([0, 0, 3_000] as const),
    wallAheadMs: random.chance(0.3) ? random.between(-WALL_AHEAD_MS_MAX, WALL_AHEAD_MS_MAX) : 0,
    chaosBlocks: random.between(...CHAOS_BLOCKS),
  }
}

/** The same world once nothing fails any more. */
export function calmPayoutMixOf(mix: PayoutMix): PayoutMix {
  return { ...mix, stores: NO_FAULTS, sources: NO_FAULTS, crashRate: 0, strikes: [], strikeRate: 0 }
}
