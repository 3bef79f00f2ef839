import { isEvegramError, sleep, type Clock } from '@evegram/protocol'
import type { Logger } from './log.js'

/** Pause between two tries, and between two lines in the log. */
const TRY_MS = 500
const SAY_MS = 5_000

/** What is waited for. */
export interface WaitOptions<Result> {
  /** In words for an operator: `auth`. */
  readonly what: string
  readonly clock: Clock
  readonly log: Logger
  /** Time after which it is given up. */
  readonly limitMs: number
  /** May be called more than once. */
  readonly ask: () => Promise<Result>
}

/**
 * The result of something that a service needs at its start. While that is not available it is asked for again, and the log says so from time to time.
 * Rejects with the last failure after the limit, and at once with any failure that waiting does not mend.
 */
export async function waitFor<Result>({ what, clock, log, limitMs, ask }: WaitOptions<Result>): Promise<Result> {
  const startedMs = clock.monotonicMs()
  let saidMs = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      const result = await ask()
      if (saidMs > Number.NEGATIVE_INFINITY) log.info({ waitedMs: Math.round(clock.monotonicMs() - startedMs) }, `${what} answers`)
      return result
    } catch (failure) {
      const nowMs = clock.monotonicMs()
      if (!passes(failure) || nowMs - startedMs >= limitMs) throw failure
      if (nowMs - saidMs >= SAY_MS) {
        saidMs = nowMs
        log.info({ waitedMs: Math.round(nowMs - startedMs), limitMs, reason: failure instanceof Error ? failure.message : '' }, `waiting for ${what}`)
      }
    }
    await sleep(clock, TRY_MS)
  }
}

function passes(failure: unknown): boolean {
  return isEvegramError(failure) && (failure.code.startsWith('unavailable.') || failure.code === 'timeout' || failure.code === 'limited.queue')
}
