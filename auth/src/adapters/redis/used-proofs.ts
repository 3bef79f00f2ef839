import { WhileAway } from '@evegram/platform/redis'
import { DPOP_KEEP_MS, LocalUsedProofs, type UsedProofsBounds } from '../../local-used-proofs.js'
import type { UsedProofs } from '../../ports/used-proofs.js'
import { keyOf, type SharedOptions } from './shared-options.js'

/**
 * Proofs that were used in any process on one Redis. Each process also remembers its own, so that a Redis that lost its memory lets a proof through
 * only where it was not used before; while Redis is away that is all.
 */
export class RedisUsedProofs implements UsedProofs {
  readonly #options: SharedOptions & UsedProofsBounds
  readonly #local: LocalUsedProofs
  readonly #whileAway: WhileAway

  constructor(options: SharedOptions & UsedProofsBounds) {
    this.#options = options
    this.#local = new LocalUsedProofs(options.clock, options)
    this.#whileAway = new WhileAway({ ...options, service: 'auth', what: 'proofs' })
  }

  async use(name: string): Promise<boolean> {
    if (!await this.#local.use(name)) return false
    const { redis, keepMs = DPOP_KEEP_MS } = this.#options
    return await this.#whileAway.ask(() => redis.setIfAbsent(keyOf(this.#options, 'proof', name), '', keepMs)) ?? true
  }
}
