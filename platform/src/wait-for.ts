import { EvegramError, sleep, type Clock } from '@evegram/protocol'
import type { Logger } from './log.js'

/** Pause between two tries, and between two lines in the log. */
const TRY_MS = 500
const SAY_MS = 5_000

/** What is waited for. */
export interface WaitOptions {
  /** In words for an operator: `auth`. */
  readonly what: string
  readonly clock: Clock
  readonly log: Logger
  /** Time after which it is given up. */
  readonly limitMs: number
  /** Resolves once it is there. */
  readonly ask: () => Promise<unknown>
}

/** Waits until something that a service needs answers, and says so in the log from time to time. Rejects with its last failure after the limit. */
export async function waitFor({ what, clock, log, limitMs, ask }: WaitOptions): Promise<void> {
  const startedMs = clock.monotonicMs()
  let saidMs = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      await ask()
      if (saidMs > Number.NEGATIVE_INFINITY) log.info({ waitedMs: Math.round(clock.monotonicMs() - startedMs) }, `${what} answers`)
      return
    } catch (failure) {
      const nowMs = clock.monotonicMs()
      if (nowMs - startedMs >= limitMs) throw failure instanceof Error ? failure : new EvegramError('internal', { operation: `wait for ${what}`, cause: failure })
      if (nowMs - saidMs >= SAY_MS) {
        saidMs = nowMs
        log.info({ waitedMs: Math.round(nowMs - startedMs), limitMs, reason: failure instanceof Error ? failure.message : '' }, `waiting for ${what}`)
      }
    }
    await sleep(clock, TRY_MS)
  }
}
