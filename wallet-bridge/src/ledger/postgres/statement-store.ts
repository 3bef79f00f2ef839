import { sql, type Kysely, type RawBuilder } from 'kysely'
import { parseAmount } from '../amount.js'
import { parseLedgerAccountId, parsePurpose, parseTransferId, type LedgerAccountId } from '../ids.js'
import { checkLines, type StatementLine, type StatementStore } from '../statement.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'
import { integerOf, kindOf } from './rows.js'
import { textArray } from './text-array.js'

/** Name of the cursor that says how far the lines go. */
const CURSOR = 'statement'

interface LineRow {
  readonly account: string
  readonly number: string
  readonly at_ms: string
  readonly transfer: string
  readonly kind: string
  readonly side: string
  readonly other: string
  readonly amount: string
  readonly purpose: string
  readonly debits_pending: string
  readonly debits_posted: string
  readonly credits_pending: string
  readonly credits_posted: string
}

const COLUMNS = sql.raw(`account, number::text, at_ms::text, transfer, kind, side, other, amount::text, purpose,
  debits_pending::text, debits_posted::text, credits_pending::text, credits_posted::text`)

/** {@link StatementStore} beside the ledger, in the same database. The ledger was opened before: that makes the tables. */
export class PostgresStatementStore implements StatementStore {
  readonly #queries: Kysely<unknown>

  constructor(database: LedgerDatabase) {
    this.#queries = database.queries
  }

  async position(): Promise<number> {
    return this.#run('read statements', async () => {
      const { rows: [row] } = await sql<{ number: string }>`SELECT number::text FROM ledger_cursors WHERE name = ${CURSOR}`.execute(this.#queries)
      return row === undefined ? 0 : integerOf(row.number)
    })
  }

  async append(from: number, to: number, lines: readonly StatementLine[]): Promise<boolean> {
    const column = (value: (line: StatementLine) => string | number | bigint): RawBuilder<unknown> => textArray(lines.map((line) => value(line).toString()))
    return this.#run('write statements', () => this.#queries.transaction().execute(async (transaction) => {
      if (from === 0) await sql`INSERT INTO ledger_cursors (name, number) VALUES (${CURSOR}, 0) ON CONFLICT DO NOTHING`.execute(transaction)
      // Locks the row: of several that come from one place the second finds another number, and writes nothing.
      const { rows } = await sql`UPDATE ledger_cursors SET number = ${String(to)}::bigint WHERE name = ${CURSOR} AND number = ${String(from)}::bigint RETURNING name`
        .execute(transaction)
      if (rows.length === 0) return false
      await sql`INSERT INTO ledger_statement_lines
        SELECT account, number::bigint, at_ms::bigint, transfer, kind, side, other, amount::numeric, purpose, debits_pending::numeric, debits_posted::numeric,
          credits_pending::numeric, credits_posted::numeric
        FROM unnest(${column(({ account }) => account)}, ${column(({ number }) => number)}, ${column(({ atMs }) => atMs)},
          ${column(({ transfer }) => transfer)}, ${column(({ kind }) => kind)}, ${column(({ side }) => side)},
          ${column(({ other }) => other)}, ${column(({ amount }) => amount)}, ${column(({ purpose }) => purpose)},
          ${column(({ after }) => after.debitsPending)}, ${column(({ after }) => after.debitsPosted)},
          ${column(({ after }) => after.creditsPending)}, ${column(({ after }) => after.creditsPosted)})
          AS line (account, number, at_ms, transfer, kind, side, other, amount, purpose, debits_pending, debits_posted, credits_pending, credits_posted)`.execute(transaction)
      return true
    }))
  }

  async newest(accounts: readonly LedgerAccountId[]): Promise<ReadonlyMap<LedgerAccountId, StatementLine>> {
    return this.#run('read statements', async () => {
      const { rows } = await sql<LineRow>`SELECT ${COLUMNS} FROM unnest(${textArray(accounts)}) AS wanted (id)
        CROSS JOIN LATERAL (SELECT * FROM ledger_statement_lines WHERE account = wanted.id ORDER BY number DESC LIMIT 1) AS line`.execute(this.#queries)
      return new Map(rows.map(lineOf).map((line) => [line.account, line]))
    })
  }

  async lines(account: LedgerAccountId, before: number | undefined, limit: number): Promise<readonly StatementLine[]> {
    checkLines(limit)
    return this.#run('read statements', async () => {
      const { rows } = await sql<LineRow>`SELECT ${COLUMNS} FROM ledger_statement_lines
        WHERE account = ${account} AND number < ${String(before ?? Number.MAX_SAFE_INTEGER)}::bigint
        ORDER BY ledger_statement_lines.number DESC LIMIT ${limit}`.execute(this.#queries)
      return rows.map(lineOf)
    })
  }

  async clear(): Promise<void> {
    await this.#run('clear statements', () => this.#queries.transaction().execute(async (transaction) => {
      await sql`UPDATE ledger_cursors SET number = 0 WHERE name = ${CURSOR}`.execute(transaction)
      await sql`DELETE FROM ledger_statement_lines`.execute(transaction)
    }))
  }

  async #run<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (failure) {
      throw ledgerFailure(failure, operation)
    }
  }
}

function lineOf(row: LineRow): StatementLine {
  return {
    account: parseLedgerAccountId(row.account), number: integerOf(row.number), atMs: integerOf(row.at_ms), transfer: parseTransferId(row.transfer),
    kind: kindOf(row.kind), side: row.side === 'debit' ? 'debit' : 'credit', other: parseLedgerAccountId(row.other), amount: parseAmount(row.amount),
    purpose: parsePurpose(row.purpose),
    after: {
      debitsPending: parseAmount(row.debits_pending), debitsPosted: parseAmount(row.debits_posted),
      creditsPending: parseAmount(row.credits_pending), creditsPosted: parseAmount(row.credits_posted),
    },
  }
}
