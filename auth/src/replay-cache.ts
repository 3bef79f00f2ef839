import { EvegramError, type Clock } from '@evegram/protocol'

/** Names that may be used once within a time, in memory. */
export class ReplayCache {
  readonly #clock: Clock
  readonly #options: { readonly keepMs: number; readonly namesMax: number }
  /** Name -> when it may be forgotten. All live equally long, so the oldest comes first. */
  readonly #names = new Map<string, number>()

  /** `keepMs`: how long a name is remembered, at least the time in which it would be accepted. `namesMax`: names remembered at once. */
  constructor(clock: Clock, options: { readonly keepMs: number; readonly namesMax: number }) {
    this.#clock = clock
    this.#options = options
  }

  /** Whether the name is new; it is remembered then. Throws `limited.queue` when full: forgetting would let a replay through. */
  use(name: string): boolean {
    const nowMs = this.#clock.monotonicMs()
    for (const [old, untilMs] of this.#names) {
      if (untilMs > nowMs) break
      this.#names.delete(old)
    }
    if (this.#names.has(name)) return false
    if (this.#names.size >= this.#options.namesMax) {
      throw new EvegramError('limited.queue', { operation: 'remember proof', retryAfterMs: 1_000 })
    }
    this.#names.set(name, nowMs + this.#options.keepMs)
    return true
  }

  /** Names remembered now. */
  get size(): number {
    return this.#names.size
  }
}
