import type { Clock } from '@evegram/protocol'
import type { UsedProofs } from './ports/used-proofs.js'
import { ReplayCache } from './replay-cache.js'

/** How far the time of a proof may lie from ours, either way. */
export const DPOP_SKEW_MS = 60_000
/** How long a used proof is remembered: one from the future stays acceptable for twice the skew. */
export const DPOP_KEEP_MS = 2 * DPOP_SKEW_MS + 1_000
/** Proofs remembered at once, all devices together. */
export const DPOP_PROOFS_MAX = 400_000

/** Bounds of a memory of proofs. */
export interface UsedProofsBounds {
  /** Default: {@link DPOP_KEEP_MS}. */
  readonly keepMs?: number
  /** Default: {@link DPOP_PROOFS_MAX}. */
  readonly namesMax?: number
}

/** The proofs that were used in this process. */
export class LocalUsedProofs implements UsedProofs {
  readonly #names: ReplayCache

  constructor(clock: Clock, { keepMs = DPOP_KEEP_MS, namesMax = DPOP_PROOFS_MAX }: UsedProofsBounds = {}) {
    this.#names = new ReplayCache(clock, { keepMs, namesMax })
  }

  async use(name: string): Promise<boolean> {
    return this.#names.use(name)
  }
}
