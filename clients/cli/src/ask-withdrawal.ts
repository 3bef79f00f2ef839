import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { Withdrawal } from '@evegram/sdk'

/** Bounds of asking for one withdrawal, units last. */
export const ASK_LIMITS = {
  /** The first request and what follows it when no answer came. */
  attemptsMax: 4,
  /** Before the second request; doubles. */
  pauseMs: 1_000,
} as const

/** What {@link askForWithdrawal} works with. */
export interface AskPorts {
  /** Asks for the withdrawal: each time for the same one, under `id`. */
  ask(): Promise<Withdrawal>
  pause(ms: number): Promise<void>
  /** A remark for people. */
  note(text: string): void
}

/**
 * Asks for the withdrawal `id`, and under the same id again while no answer comes: the server knows the id, so that it is one withdrawal however often it is asked for.
 * Rejects as `ask` does, with `details.withdrawal`; once an answer was lost the advice says that it may have been taken and how to ask for the same one.
 */
export async function askForWithdrawal(id: string, ports: AskPorts): Promise<Withdrawal> {
  let mayBeTaken = false
  for (let attempt = 1; ; attempt++) {
    try {
      return await ports.ask()
    } catch (error) {
      if (!isEvegramError(error)) throw error
      const isUnanswered = error.code === 'timeout' || error.code.startsWith('unavailable.')
      // An answer that cannot be read is none: the server may have taken it.
      mayBeTaken ||= isUnanswered || error.code === 'invalid.response' || error.code === 'internal'
      if (!isUnanswered || attempt >= ASK_LIMITS.attemptsMax) throw named(error, id, mayBeTaken)
      ports.note('No answer: asking for the same withdrawal again.')
      await ports.pause(ASK_LIMITS.pauseMs * 2 ** (attempt - 1))
    }
  }
}

function named(cause: EvegramError, id: string, mayBeTaken: boolean): EvegramError {
  const { code, operation, retryAfterMs, details } = cause
  const advice = mayBeTaken
    ? `${cause.advice} The withdrawal ${id} may have been taken. Look with: evegram wallet withdrawals; to ask for the same one and not for a second: evegram wallet withdrawals ask ${id}`
    : cause.advice
  return new EvegramError(code, {
    advice, details: { ...details, withdrawal: id, mayBeTaken }, cause, ...(operation === undefined ? {} : { operation }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
