import { unitInterval, type Clock, type Random, type Timer } from '@evegram/protocol'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'

/** Time between looks at what is left while draining. */
const LOOK_MS = 20

/** What draining needs. */
export interface DrainParts {
  readonly clock: Clock
  readonly random: Random
  readonly sessions: Sessions
  /** Sends that are positioned and not routed yet. */
  readonly sendsInFlight: () => number
}

/**
 * Empties a node (rule 13): every client is told to connect elsewhere at a random moment within `spreadMs`; those that did not go by
 * themselves are closed one by one, spread over the same time; then the sends on their way are waited for, up to `settleMs`.
 */
export class Drain {
  readonly #parts: DrainParts

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  /** Resolves when no session is left and no send is on its way, or the time is over. */
  async run(spreadMs: number, settleMs: number): Promise<void> {
    const { clock, random, sessions } = this.#parts
    const timers: Timer[] = []
    for (const session of sessions.all()) {
      if (session.owner !== undefined) session.notify({ kind: 'draining', spreadMs })
      timers.push(clock.after(spreadMs * unitInterval(random), () => { closeQuietly(session) }))
    }
    await this.#until(() => sessions.size === 0, spreadMs)
    for (const timer of timers) timer.cancel()
    for (const session of [...sessions.all()]) session.close('draining')
    await this.#until(() => this.#parts.sendsInFlight() === 0, settleMs)
  }

  async #until(reached: () => boolean, limitMs: number): Promise<void> {
    const { clock } = this.#parts
    const endMs = clock.monotonicMs() + limitMs
    while (!reached() && clock.monotonicMs() < endMs) await new Promise<void>((resolve) => { clock.after(LOOK_MS, resolve) })
  }
}

/** A session with sends that wait for their acknowledgement is left to the end of the spread. */
function closeQuietly(session: Session): void {
  if (session.sendsInFlight === 0) session.close('draining')
}
