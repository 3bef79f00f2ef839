import type { CassandraQueries } from '@evegram/platform/cassandra'
import { bytesOfHex, hexOf, type AccountId, type ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'
import type { MarkRows } from '../marking-log.js'
import { envelopeLogFailure } from './failures.js'
import { INSERT_MARK, SELECT_MARKS } from './marks.cql.js'

const HOURS_PER_DAY = 24
const MICROSECONDS_PER_HOUR = BigInt(MARK_HOUR_MS) * 1_000n
/** Rows of one page of the driver. */
const PAGE_ROWS = 5_000

/** Marks: a row for each account, day and conversation. A call holds at most twice `limit` conversations, whatever it reads. */
export class CassandraMarks implements Marks, MarkRows {
  readonly #session: CassandraQueries
  readonly #ttlS: number

  /** `ttlS`: life of a row in seconds. */
  constructor(session: CassandraQueries, ttlS: number) {
    this.#session = session
    this.#ttlS = ttlS
  }

  async mark(account: string, conversation: ConversationId, hour: number): Promise<void> {
    try {
      await this.#session.write(INSERT_MARK, [
        bytesOfHex(account), dayOf(hour), bytesOfHex(conversation), hour, this.#ttlS, BigInt(hour) * MICROSECONDS_PER_HOUR,
      ])
    } catch (cause) {
      throw envelopeLogFailure('mark conversation', cause)
    }
  }

  async since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    const fromHour = Math.max(0, Math.floor(sinceMs / MARK_HOUR_MS))
    let found = new Set<ConversationId>()
    /** Once there are enough, what comes behind this one is of no interest. */
    let lastWanted: ConversationId | undefined
    try {
      await this.#session.each(SELECT_MARKS, [bytesOfHex(account), dayOf(fromHour)], (row) => {
        if (row.integer('hour') < fromHour) return
        // The column was written from a conversation id: its bytes as hex are one again.
        const conversation = hexOf(row.bytes('conversation')) as ConversationId
        if (afterConversation !== undefined && conversation <= afterConversation) return
        if (lastWanted !== undefined && conversation > lastWanted) return
        found.add(conversation)
        if (found.size < 2 * limit) return
        const kept = lowest(found, limit)
        found = new Set(kept)
        lastWanted = kept.at(-1)
      }, { pageSize: PAGE_ROWS })
    } catch (cause) {
      throw envelopeLogFailure('read marks', cause)
    }
    return lowest(found, limit)
  }
}

function dayOf(hour: number): number {
  return Math.floor(hour / HOURS_PER_DAY)
}

function lowest(conversations: ReadonlySet<ConversationId>, limit: number): ConversationId[] {
  return [...conversations].sort().slice(0, limit)
}
