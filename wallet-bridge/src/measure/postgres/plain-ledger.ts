import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'

/** What is asked of the plain ledger. */
export interface PlainTransfer {
  readonly id: string
  readonly debit: string
  readonly credit: string
  readonly amount: bigint
}

/**
 * What one writes without a ledger at hand, and writes well: a transaction for each transfer that locks two rows in the order of their ids, checks, updates both, inserts
 * one row under the transfer's id and commits. Statements are prepared. It has no reservations, events or history, and no foreign keys, which would slow it.
 */
export interface PlainLedger {
  /** Makes the tables, with `owners` that have `balance` each. */
  setUp(owners: readonly string[], balance: bigint): Promise<void>
  /** Resolved = committed. Throws when an account is missing or has less than that. */
  transfer(transfer: PlainTransfer): Promise<void>
  /** The sum of all balances, and the transfers made. */
  totals(): Promise<{ readonly balance: bigint; readonly transfers: number }>
  close(): Promise<void>
}

const TABLES = [
  `CREATE TABLE plain_accounts (id text COLLATE "C" PRIMARY KEY, balance numeric(38,0) NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 70)`,
  `CREATE TABLE plain_transfers (id text COLLATE "C" PRIMARY KEY, debit text COLLATE "C" NOT NULL, credit text COLLATE "C" NOT NULL,
    amount numeric(38,0) NOT NULL CHECK (amount > 0), at timestamptz NOT NULL DEFAULT now())`,
]
const FILL = 'INSERT INTO plain_accounts (id, balance) SELECT id, $2::numeric FROM unnest($1::text[]) AS made (id)'
const TOTALS = 'SELECT (SELECT sum(balance) FROM plain_accounts)::text AS balance, (SELECT count(*) FROM plain_transfers)::text AS transfers'
const STATEMENTS = {
  lock: 'SELECT id, balance::text FROM plain_accounts WHERE id = $1 OR id = $2 ORDER BY id FOR UPDATE',
  take: 'UPDATE plain_accounts SET balance = balance - $2::numeric WHERE id = $1',
  give: 'UPDATE plain_accounts SET balance = balance + $2::numeric WHERE id = $1',
  keep: 'INSERT INTO plain_transfers (id, debit, credit, amount) VALUES ($1, $2, $3, $4::numeric)',
} as const

type Run = (statement: keyof typeof STATEMENTS, values: readonly string[]) => Promise<readonly unknown[]>

interface Totals { readonly balance: string; readonly transfers: string }

async function moveWithin(run: Run, { id, debit, credit, amount }: PlainTransfer): Promise<void> {
  // Rows of the statement above, which both drivers give as text.
  const rows = await run('lock', [debit, credit]) as readonly { readonly id: string; readonly balance: string }[]
  const held = rows.find((row) => row.id === debit)
  if (rows.length !== 2 || held === undefined) throw new Error('an account is missing')
  if (BigInt(held.balance) < amount) throw new Error('the account has less than that')
  const text = amount.toString()
  await run('take', [debit, text])
  await run('give', [credit, text])
  await run('keep', [id, debit, credit, text])
}

function numbersOf(totals: Totals | undefined): { readonly balance: bigint; readonly transfers: number } {
  return { balance: BigInt(totals?.balance ?? 0), transfers: Number(totals?.transfers ?? 0) }
}

/** The plain ledger on a PostgreSQL server, over `connectionsMax` connections. */
export function plainOnPostgres(url: string, connectionsMax: number): PlainLedger {
  const pool = new pg.Pool({ connectionString: url, max: connectionsMax })
  return {
    setUp: async (owners, balance) => {
      for (const table of TABLES) await pool.query(table)
      await pool.query(FILL, [owners, balance.toString()])
    },
    transfer: async (transfer) => {
      const client = await pool.connect()
      let broken = true
      try {
        await client.query('BEGIN')
        try {
          await moveWithin(async (name, values) => (await client.query<Record<string, unknown>>({ name, text: STATEMENTS[name], values: [...values] })).rows, transfer)
          await client.query('COMMIT')
        } catch (failure) {
          await client.query('ROLLBACK')
          broken = false
          throw failure
        }
        broken = false
      } finally {
        client.release(broken)
      }
    },
    totals: async () => numbersOf((await pool.query<{ balance: string; transfers: string }>(TOTALS)).rows[0]),
    close: () => pool.end(),
  }
}

/** The plain ledger inside this process, in `folder`. */
export async function plainOnPglite(folder: string): Promise<PlainLedger> {
  const client = await PGlite.create(folder)
  return {
    setUp: async (owners, balance) => {
      for (const table of TABLES) await client.exec(table)
      await client.query(FILL, [owners, balance.toString()])
    },
    transfer: (transfer) => client.transaction((transaction) =>
      moveWithin(async (name, values) => (await transaction.query<Record<string, unknown>>(STATEMENTS[name], [...values])).rows, transfer)),
    totals: async () => numbersOf((await client.query<Totals>(TOTALS)).rows[0]),
    close: () => client.close(),
  }
}
