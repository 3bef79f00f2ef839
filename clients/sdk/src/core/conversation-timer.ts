import { CborFields, decodeCbor, encodeCbor, type CborValue, type ConversationId } from '@evegram/protocol'
import { readSaid, saidMap } from './message-changes.js'
import { lastSaid, type Register } from './register.js'
import type { Transaction } from './transaction.js'

/** Start of the keys in table `conversations` of what was said about the timers of conversations. */
const TIMER_PREFIX = 't/'
/** What is open at once is bounded by the outbox. */
const SAID_MAX = 4_096

/** Seconds after which messages of a conversation disappear, as people said it: the last counts. */
export async function readTimer(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<Register<number>> {
  const bytes = await source.get('conversations', `${TIMER_PREFIX}${conversation}`)
  if (bytes === undefined) return []
  const fields = new CborFields(decodeCbor(bytes, 1_048_576), 'client.store')
  const seconds = (value: CborValue): number => (typeof value === 'number' ? value : fields.fail('seconds'))
  return fields.list('said', SAID_MAX).map((said) => readSaid(said, seconds))
}

/** Writes them. */
export function writeTimer(tx: Transaction, conversation: ConversationId, timer: Register<number>): void {
  tx.put('conversations', `${TIMER_PREFIX}${conversation}`, encodeCbor({ said: timer.map((said) => saidMap(said, said.value)) }))
}

/** Seconds after which what is written in a conversation now disappears; 0: it stays. */
export async function timerSeconds(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<number> {
  return lastSaid(await readTimer(source, conversation))?.value ?? 0
}
