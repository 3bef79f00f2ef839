import { EvegramError, type Clock, type Timer } from '@evegram/protocol'

/** How one request is asked several times. */
export interface HedgeRules {
  /** Without an answer for so long, it is asked once more beside; each time twice as long, so that a slow store is not asked to death. */
  readonly afterMs: number
  /** Pause before it is asked again behind a failure, by how often it was asked. */
  readonly pauseMs: (asked: number) => number
  /** Times that it is asked, at most. */
  readonly asksMax: number
  /** From then on it is not asked again. */
  readonly giveUpMs: number
  /** Whether another try makes sense behind that failure. */
  readonly isWorthAnother: (failure: unknown) => boolean
}

/**
 * The first answer to a request that may be asked any number of times at once: again when it failed, and beside itself when nothing is heard,
 * so that a node which stands still costs `afterMs` and not a timeout. Rejects with the last failure.
 */
export function hedged<Answer>(clock: Clock, rules: HedgeRules, ask: () => Promise<Answer>): Promise<Answer> {
  const giveUpAtMs = clock.monotonicMs() + rules.giveUpMs
  return new Promise((resolve, reject) => {
    let [asked, running, decided] = [0, 0, false]
    let next: Timer | undefined
    const decide = (answer: () => void): void => {
      decided = true
      next?.cancel()
      answer()
    }
    const mayAsk = (): boolean => asked < rules.asksMax && clock.monotonicMs() < giveUpAtMs
    const plan = (delayMs: number): void => {
      next?.cancel()
      next = mayAsk() ? clock.after(delayMs, send) : undefined
    }
    const failed = (failure: unknown): void => {
      running--
      if (decided) return
      if (!rules.isWorthAnother(failure)) decide(() => { reject(errorOf(failure)) })
      else if (mayAsk()) plan(rules.pauseMs(asked))
      else if (running === 0) decide(() => { reject(errorOf(failure)) })
    }
    const send = (): void => {
      asked++
      running++
      plan(rules.afterMs * 2 ** (asked - 1))
      ask().then((answer) => { if (!decided) decide(() => { resolve(answer) }) }, failed)
    }
    send()
  })
}

function errorOf(failure: unknown): Error {
  return failure instanceof Error ? failure : new EvegramError('internal', { operation: 'ask again', cause: failure })
}
