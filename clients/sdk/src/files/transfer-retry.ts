import { EvegramError, isEvegramError, unitInterval, type Clock, type ErrorCode, type Random } from '@evegram/protocol'

/** Bounds of repeated calls. */
const RETRY = { firstMs: 500, mostMs: 30_000 } as const
/** What passes by itself. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['unavailable.server', 'unavailable.auth', 'unavailable.store', 'unavailable.blob_store', 'unavailable.draining', 'timeout', 'limited.rate', 'conflict.busy', 'internal'])

/** Whether the same call may do later. */
export function isPassing(error: unknown): error is EvegramError {
  return isEvegramError(error) && PASSING.has(error.code)
}

/** Waits for the turn after `failures` failures in a row. Rejects `files.cancelled` when `signal` aborts. */
export function waitForTurn(error: EvegramError, failures: number, parts: { readonly clock: Clock; readonly random: Random; readonly signal: AbortSignal | undefined }): Promise<void> {
  const { clock, random, signal } = parts
  const capMs = Math.min(RETRY.mostMs, RETRY.firstMs * 2 ** Math.min(failures, 16))
  const delayMs = (error.retryAfterMs ?? 0) + (0.5 + unitInterval(random) / 2) * capMs
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      timer.cancel()
      reject(new EvegramError('files.cancelled', { operation: 'transfer file' }))
    }
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
