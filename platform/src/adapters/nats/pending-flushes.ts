import { EvegramError } from '@evegram/protocol'

/** Flushes that wait for an answer at once; each is a few bytes on the wire. */
export const FLUSHES_MAX = 10_000

interface Waiter {
  sinceMs: number
  readonly settle: (failure: EvegramError | undefined) => void
}

/**
 * The flushes of one connection that have no answer yet. The driver answers them in order while the connection lives and never once it is
 * gone, so whoever loses the connection rejects them here.
 */
export class PendingFlushes {
  readonly #waiters = new Set<Waiter>()

  /** When the oldest was asked for, on the monotonic clock; undefined when none waits. */
  get oldestSinceMs(): number | undefined {
    const [oldest] = this.#waiters
    return oldest?.sinceMs
  }

  /** Waits for `answer`, or for {@link failAll}. Rejects `unavailable.bus`. */
  add(nowMs: number, answer: () => Promise<void>): Promise<void> {
    if (this.#waiters.size >= FLUSHES_MAX) return Promise.reject(new EvegramError('unavailable.bus', { operation: 'flush', details: { flushesMax: FLUSHES_MAX } }))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        sinceMs: nowMs,
        settle: (failure) => {
          this.#waiters.delete(waiter)
          if (failure === undefined) resolve()
          else reject(failure)
        },
      }
      this.#waiters.add(waiter)
      answer().then(
        () => { waiter.settle(undefined) },
        (cause: unknown) => { waiter.settle(new EvegramError('unavailable.bus', { operation: 'flush', cause })) },
      )
    })
  }

  /** Rejects all that wait. */
  failAll(cause: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.settle(new EvegramError('unavailable.bus', { operation: 'flush', cause }))
  }

  /** Counts the time from `nowMs` on: the process itself stood still, so late answers are not the fault of the server. */
  forgive(nowMs: number): void {
    for (const waiter of this.#waiters) waiter.sinceMs = nowMs
  }
}
