import { EvegramError } from '@evegram/protocol'

/** What an adapter says when its endpoint tells what cannot be. */
export function wrong(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'ask a TON endpoint', details: { problem } })
}
