import type { Core } from '../core/context.js'

/** What needs the signals of others. */
export type SignalReason = 'typing' | 'presence'

/** Asks the server for signals while something needs them, on every connection, and says once that nothing does any more. */
export class SignalWish {
  readonly #core: Pick<Core, 'connection'>
  readonly #reasons = new Set<SignalReason>()

  constructor(core: Pick<Core, 'connection'>) {
    this.#core = core
  }

  /** Something needs them, or does so no more. */
  want(reason: SignalReason, wanted: boolean): void {
    const before = this.#reasons.size > 0
    if (wanted) this.#reasons.add(reason)
    else this.#reasons.delete(reason)
    const wants = this.#reasons.size > 0
    if (wants !== before) this.#core.connection()?.listen(wants)
  }

  /** A connection is live, and begins without. */
  resume(): void {
    if (this.#reasons.size > 0) this.#core.connection()?.listen(true)
  }
}
