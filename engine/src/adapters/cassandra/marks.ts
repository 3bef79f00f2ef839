import type { CassandraQueries, CassandraRow } from '@evegram/platform/cassandra'
import { bytesOfHex, hexOf, type AccountId, type ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'
import type { MarkRows } from '../marking-log.js'
import { envelopeLogFailure } from './failures.js'
import { INSERT_MARK, INSERT_WIDE, SELECT_MARKS, SELECT_OWN_MARKS, SELECT_WIDE } from './marks.cql.js'

const HOURS_PER_DAY = 24
const MICROSECONDS_PER_HOUR = BigInt(MARK_HOUR_MS) * 1_000n
/** Rows of one page of the driver. */
const PAGE_ROWS = 5_000
/** Wide conversations that are looked at together: each costs a read of its own. */
const WIDE_PAGE = 64
/** Rows of wide conversations that are written at once. */
const WIDE_WRITES_AT_ONCE = 64
/** The hour in which an account left that is still in. */
const NEVER = 0x7fff_ffff
const BEFORE_ALL = new Uint8Array(0)

interface WideRow {
  readonly conversation: ConversationId
  readonly untilHour: number
}

/** Marks: a row for each inbox, day and conversation. A call holds at most twice `limit` conversations, whatever it reads. */
export class CassandraMarks implements Marks, MarkRows {
  readonly #session: CassandraQueries
  readonly #ttlS: number

  /** `ttlS`: life of a mark in seconds. */
  constructor(session: CassandraQueries, ttlS: number) {
    this.#session = session
    this.#ttlS = ttlS
  }

  async mark(inbox: string, conversation: ConversationId, hour: number): Promise<void> {
    await answered('mark conversation', () => this.#session.write(INSERT_MARK, [
      bytesOfHex(inbox), dayOf(hour), bytesOfHex(conversation), hour, this.#ttlS, BigInt(hour) * MICROSECONDS_PER_HOUR,
    ]))
  }

  async since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    const fromHour = Math.max(0, Math.floor(sinceMs / MARK_HOUR_MS))
    return answered('read marks', async () => {
      const [marked, wide] = await Promise.all([
        this.#markedSince(account, fromHour, limit, afterConversation), this.#wideSince(account, fromHour, limit, afterConversation),
      ])
      // Each of them is the lowest of its kind, so the lowest of both are among them.
      return wide.length === 0 ? marked : lowest(new Set([...marked, ...wide]), limit)
    })
  }

  join(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void> {
    return this.#write('join conversation', conversation, accounts, NEVER, BigInt(version) * 2n)
  }

  /** A leave stands above a join of its version. */
  leave(conversation: ConversationId, accounts: readonly AccountId[], version: number, untilMs: number): Promise<void> {
    return this.#write('leave conversation', conversation, accounts, Math.max(0, Math.floor(untilMs / MARK_HOUR_MS)), BigInt(version) * 2n + 1n)
  }

  async wideOf(account: AccountId): Promise<readonly ConversationId[]> {
    const found: ConversationId[] = []
    await answered('read wide conversations', () => this.#eachWidePage(account, undefined, async (rows) => {
      for (const { conversation, untilHour } of rows) if (untilHour === NEVER) found.push(conversation)
      return true
    }))
    return found
  }

  async #markedSince(account: AccountId, fromHour: number, limit: number, afterConversation: ConversationId | undefined): Promise<readonly ConversationId[]> {
    let found = new Set<ConversationId>()
    /** Once there are enough, what comes behind this one is of no interest. */
    let lastWanted: ConversationId | undefined
    await this.#session.each(SELECT_MARKS, [bytesOfHex(account), dayOf(fromHour)], (row) => {
      if (row.integer('hour') < fromHour) return
      const conversation = conversationOf(row)
      if (afterConversation !== undefined && conversation <= afterConversation) return
      if (lastWanted !== undefined && conversation > lastWanted) return
      found.add(conversation)
      if (found.size < 2 * limit) return
      const kept = lowest(found, limit)
      found = new Set(kept)
      lastWanted = kept.at(-1)
    }, { pageSize: PAGE_ROWS })
    return lowest(found, limit)
  }

  /** Of the wide conversations of the account the lowest `limit` that have a mark of their own. */
  async #wideSince(account: AccountId, fromHour: number, limit: number, afterConversation: ConversationId | undefined): Promise<readonly ConversationId[]> {
    const found: ConversationId[] = []
    await this.#eachWidePage(account, afterConversation, async (rows) => {
      const asked = rows.filter(({ untilHour }) => untilHour >= fromHour)
      const marked = await Promise.all(asked.map(({ conversation }) => this.#hasMark(conversation, fromHour)))
      asked.forEach(({ conversation }, index) => { if (marked[index] === true) found.push(conversation) })
      return found.length < limit
    })
    return found.slice(0, limit)
  }

  async #hasMark(conversation: ConversationId, fromHour: number): Promise<boolean> {
    const rows = await this.#session.read(SELECT_OWN_MARKS, [bytesOfHex(conversation), dayOf(fromHour)])
    return rows.some((row) => row.integer('hour') >= fromHour)
  }

  /** Hands over the wide conversations of the account in id order, page by page, until `take` wants no more. */
  async #eachWidePage(account: AccountId, after: ConversationId | undefined, take: (rows: readonly WideRow[]) => Promise<boolean>): Promise<void> {
    for (let behind: Uint8Array = after === undefined ? BEFORE_ALL : bytesOfHex(after); ;) {
      const rows = await this.#session.read(SELECT_WIDE, [bytesOfHex(account), behind, WIDE_PAGE])
      const last = rows.at(-1)
      const goesOn = await take(rows.map((row) => ({ conversation: conversationOf(row), untilHour: row.integer('until_hour') })))
      if (!goesOn || last === undefined || rows.length < WIDE_PAGE) return
      behind = last.bytes('conversation')
    }
  }

  async #write(operation: string, conversation: ConversationId, accounts: readonly AccountId[], untilHour: number, timestamp: bigint): Promise<void> {
    await answered(operation, async () => {
      for (let from = 0; from < accounts.length; from += WIDE_WRITES_AT_ONCE) {
        await Promise.all(accounts.slice(from, from + WIDE_WRITES_AT_ONCE).map((account) =>
          this.#session.write(INSERT_WIDE, [bytesOfHex(account), bytesOfHex(conversation), untilHour, timestamp])))
      }
    })
  }
}

async function answered<Answer>(operation: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (cause) {
    throw envelopeLogFailure(operation, cause)
  }
}

function conversationOf(row: CassandraRow): ConversationId {
  // The column was written from a conversation id: its bytes as hex are one again.
  return hexOf(row.bytes('conversation')) as ConversationId
}

function dayOf(hour: number): number {
  return Math.floor(hour / HOURS_PER_DAY)
}

function lowest(conversations: ReadonlySet<ConversationId>, limit: number): ConversationId[] {
  return [...conversations].sort().slice(0, limit)
}
