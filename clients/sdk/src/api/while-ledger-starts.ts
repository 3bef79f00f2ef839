import { isEvegramError, type Clock } from '@evegram/protocol'

/** How long one request waits for a ledger that is starting, before it is told of it. */
export const LEDGER_START_MS_MAX = 60_000
/** Bounds of the pause that a server may ask for between two tries. */
const [PAUSE_MS_MIN, PAUSE_MS_MAX] = [250, 5_000]

/** What waits needs to know and tell. */
export interface LedgerWait {
  readonly clock: Clock
  /** Hears, once for each request, that it waits. */
  readonly starting?: (() => void) | undefined
}

/**
 * Makes a request; while the server says that its ledger is starting, again after the pause that it names, for at most {@link LEDGER_START_MS_MAX}. A request that was
 * answered so was not looked at: any may be made again. Rejects as `request` does.
 */
export async function whileLedgerStarts<Answer>(request: () => Promise<Answer>, { clock, starting }: LedgerWait): Promise<Answer> {
  const endMs = clock.monotonicMs() + LEDGER_START_MS_MAX
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await request()
    } catch (error) {
      if (!isEvegramError(error, 'unavailable.ledger_starting')) throw error
      const pauseMs = Math.min(Math.max(error.retryAfterMs ?? 0, PAUSE_MS_MIN), PAUSE_MS_MAX)
      if (clock.monotonicMs() + pauseMs > endMs) throw error
      if (isFirst) starting?.()
      await new Promise<void>((resolve) => { clock.after(pauseMs, resolve) })
    }
  }
}
