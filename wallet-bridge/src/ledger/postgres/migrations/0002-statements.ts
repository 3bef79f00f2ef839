import type { Migration } from '../migrate.js'

/** Statements of accounts: what can be made again from the events. */
export const statementsMigration: Migration = {
  version: 2,
  name: 'statements',
  statements: [
    `CREATE TABLE ledger_statement_lines (
      account text COLLATE "C" NOT NULL,
      number bigint NOT NULL,
      at_ms bigint NOT NULL,
      transfer text COLLATE "C" NOT NULL,
      kind text COLLATE "C" NOT NULL,
      side text COLLATE "C" NOT NULL CHECK (side IN ('debit', 'credit')),
      other text COLLATE "C" NOT NULL,
      amount numeric(38,0) NOT NULL,
      purpose text COLLATE "C" NOT NULL,
      debits_pending numeric(38,0) NOT NULL,
      debits_posted numeric(38,0) NOT NULL,
      credits_pending numeric(38,0) NOT NULL,
      credits_posted numeric(38,0) NOT NULL,
      PRIMARY KEY (account, number)
    )`,
  ],
}
