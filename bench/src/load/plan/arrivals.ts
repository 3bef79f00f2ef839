import type { RatePlan } from './rate-plan.js'
import { SeededUniform } from './seeded-uniform.js'

/** How planned times lie: independent of each other, as those of many people, or evenly. */
export const ARRIVALS = ['poisson', 'constant'] as const
/** See {@link ARRIVALS}. */
export type ArrivalKind = (typeof ARRIVALS)[number]

/** One planned message. */
export interface Arrival {
  /** Seconds from the start. */
  readonly atSeconds: number
  /** Which of the senders, from 0. */
  readonly sender: number
}

/**
 * The planned times of one worker, fixed by plan and seed before anything is sent: no answer of a server changes them. A Poisson process of any rate is one
 * of rate 1 on the axis "messages planned so far", mapped back to time; even arrivals are the whole numbers on that axis.
 */
export class Arrivals {
  readonly #plan: RatePlan
  readonly #kind: ArrivalKind
  readonly #senders: number
  readonly #uniform: SeededUniform
  #planned: number
  #count = 0

  constructor(plan: RatePlan, kind: ArrivalKind, senders: number, seed: string) {
    this.#plan = plan
    this.#kind = kind
    this.#senders = senders
    this.#uniform = new SeededUniform(`arrivals/${seed}`)
    // Workers that send evenly must not all send at the same moment.
    this.#planned = kind === 'constant' ? this.#uniform.next() - 1 : 0
  }

  /** The next planned message; undefined behind the end of the plan. */
  next(): Arrival | undefined {
    if (this.#senders === 0) return undefined
    this.#planned += this.#kind === 'constant' ? 1 : -Math.log(1 - this.#uniform.next())
    const atSeconds = this.#plan.timeOf(this.#planned)
    if (atSeconds === undefined) return undefined
    const sender = this.#kind === 'constant' ? this.#count % this.#senders : this.#uniform.below(this.#senders)
    this.#count++
    return { atSeconds, sender }
  }
}
