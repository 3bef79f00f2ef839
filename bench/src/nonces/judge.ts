/** What one proof led to. */
export interface NonceRound {
  /** Answers to the copies that were sent at once: `201`, `401 proof.replayed`, `503 unavailable.store`, `no answer`, ... */
  readonly answers: readonly string[]
  /** Answer to one more copy when everything was well again. */
  readonly later: string
  /** Entries that the account has in the end. */
  readonly entries: number
}

const WON = '201'
/** The nonce was used up, or the log had moved on from where the proof was made for. */
const LOST: readonly string[] = ['401 proof.replayed', '409 conflict.log_head', '401 proof.log']

/** What a round broke; empty when it held. With a fault, an answer may be missing and an outcome unknown, and still nothing may work twice. */
export function judgeRound({ answers, later, entries }: NonceRound, faulty: boolean): readonly string[] {
  const breaches: string[] = []
  const won = answers.filter((answer) => answer === WON).length
  const undecided = answers.filter((answer) => answer === 'no answer' || answer.startsWith('5')).length
  const odd = answers.filter((answer) => answer !== WON && !LOST.includes(answer) && answer !== 'no answer' && !answer.startsWith('5'))
  if (won > 1) breaches.push(`${String(won)} copies were accepted`)
  if (!faulty && won === 0) breaches.push('no copy was accepted')
  if (!faulty && undecided > 0) breaches.push(`${String(undecided)} copies got no answer that decides`)
  if (entries > 1) breaches.push(`the account has ${String(entries)} entries`)
  if (entries === 0 && won > 0) breaches.push('a copy was accepted and its entry is not there')
  for (const answer of new Set(odd)) breaches.push(`a copy was answered ${answer}`)
  // Without a winner among the copies the last one may be it; with one it must not.
  if (!LOST.includes(later) && !(later === WON && won === 0 && entries === 1)) breaches.push(`the copy that came later was answered ${later}`)
  return breaches
}
