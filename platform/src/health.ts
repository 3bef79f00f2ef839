import { EvegramError, type Clock } from '@evegram/protocol'
import { withDeadline } from './deadline.js'

/** Time for one check; one that takes longer counts as failed. */
export const HEALTH_CHECK_TIMEOUT_MS = 2_000

/** Answer of one check: fine, or the reason why not, in words for an operator. */
export type HealthAnswer = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Answer of all checks of a kind. */
export interface HealthReport {
  readonly ok: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[]
}

/** `live`: when it fails the process should be replaced. `ready`: when it fails no new work should be sent here. */
export type HealthKind = 'live' | 'ready'

/** The checks of a process. A service without checks of a kind is well in that respect. */
export class HealthChecks {
  readonly #clock: Clock
  readonly #checks = new Map<string, { readonly kind: HealthKind; readonly check: () => HealthAnswer | Promise<HealthAnswer> }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Adds a check under a name of its own; returns its removal. Throws `invalid.argument` when the name is taken. */
  add(kind: HealthKind, name: string, check: () => HealthAnswer | Promise<HealthAnswer>): () => void {
    if (this.#checks.has(name)) throw new EvegramError('invalid.argument', { operation: `add health check ${name}` })
    this.#checks.set(name, { kind, check })
    return () => { this.#checks.delete(name) }
  }

  /** Runs all checks of `kind` at once. A check that throws or takes too long has failed; this never throws. */
  async report(kind: HealthKind): Promise<HealthReport> {
    const asked = [...this.#checks].filter(([, entry]) => entry.kind === kind)
    const checks = await Promise.all(asked.map(async ([name, { check }]) => {
      try {
        const answer = await withDeadline(this.#clock, HEALTH_CHECK_TIMEOUT_MS, `check ${name}`, check)
        return answer.ok ? { name, ok: true } : { name, ok: false, reason: answer.reason }
      } catch (failure) {
        return { name, ok: false, reason: failure instanceof Error ? failure.message : 'the check failed' }
      }
    }))
    return { ok: checks.every(({ ok }) => ok), checks }
  }
}
