import { EvegramError, type Clock } from '@evegram/protocol'

/**
 * The result of `work`, or `timeout` when it takes longer than `limitMs` on `clock`. The work itself is not stopped: it is
 * the caller's to make it harmless; a failure that comes after the deadline goes to `onLateFailure`.
 */
export async function withDeadline<Result>(
  clock: Clock, limitMs: number, operation: string, work: () => Promise<Result> | Result,
  onLateFailure: (failure: unknown) => void = () => undefined,
): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    let decided = false
    const timer = clock.after(limitMs, () => {
      decided = true
      reject(new EvegramError('timeout', { operation, details: { limitMs } }))
    })
    const settle = (answer: () => void): void => {
      decided = true
      timer.cancel()
      answer()
    }
    Promise.resolve().then(work).then(
      (result) => { settle(() => { resolve(result) }) },
      (failure: unknown) => {
        if (decided) onLateFailure(failure)
        else settle(() => { reject(failure instanceof Error ? failure : new EvegramError('internal', { operation, cause: failure })) })
      },
    )
  })
}
