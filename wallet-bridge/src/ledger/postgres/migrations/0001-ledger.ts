import type { Migration } from '../migrate.js'

/** Accounts, transfers and events, with the rules that no program can break. In the part of SQL that PostgreSQL 15 knows. */
export const ledgerMigration: Migration = {
  version: 1,
  name: 'ledger',
  statements: [
    `CREATE TABLE ledger_head (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      ledger text COLLATE "C" NOT NULL CHECK (ledger ~ '^[0-9a-f]{32}$'),
      number bigint NOT NULL CHECK (number >= 0),
      hash bytea NOT NULL CHECK (octet_length(hash) = 32),
      at_ms bigint NOT NULL CHECK (at_ms >= 0)
    )`,

    // Rows change with every transfer: room on their page keeps the new version beside the old one, so that no index is touched.
    `CREATE TABLE ledger_accounts (
      id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 256),
      asset text COLLATE "C" NOT NULL,
      kind text COLLATE "C" NOT NULL,
      debits_must_not_exceed_credits boolean NOT NULL,
      credits_must_not_exceed_debits boolean NOT NULL,
      closed boolean NOT NULL DEFAULT false,
      debits_pending numeric(38,0) NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
      debits_posted numeric(38,0) NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
      credits_pending numeric(38,0) NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
      credits_posted numeric(38,0) NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
      CONSTRAINT ledger_debits_must_not_exceed_credits CHECK (NOT debits_must_not_exceed_credits OR debits_pending + debits_posted <= credits_posted),
      CONSTRAINT ledger_credits_must_not_exceed_debits CHECK (NOT credits_must_not_exceed_debits OR credits_pending + credits_posted <= debits_posted),
      CONSTRAINT ledger_closed_is_empty CHECK (NOT closed OR (debits_pending = 0 AND credits_pending = 0 AND debits_posted = credits_posted))
    ) WITH (fillfactor = 70)`,

    `CREATE TABLE ledger_events (
      number bigint PRIMARY KEY CHECK (number > 0),
      at_ms bigint NOT NULL,
      bytes bytea NOT NULL,
      hash bytea NOT NULL CHECK (hash = sha256(bytes))
    )`,

    `CREATE TABLE ledger_transfers (
      id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
      number bigint NOT NULL UNIQUE,
      kind text COLLATE "C" NOT NULL,
      debit text COLLATE "C" NOT NULL,
      credit text COLLATE "C" NOT NULL,
      asset text COLLATE "C" NOT NULL,
      amount numeric(38,0) NOT NULL,
      purpose text COLLATE "C" NOT NULL,
      expires_at_ms bigint,
      pending_id text COLLATE "C" REFERENCES ledger_transfers (id),
      reserved numeric(38,0),
      at_ms bigint NOT NULL,
      CHECK (debit <> credit),
      CHECK (expires_at_ms IS NULL OR kind = 'pending'),
      CONSTRAINT ledger_transfer_kind CHECK (CASE
        WHEN kind IN ('transfer', 'pending') THEN amount > 0 AND pending_id IS NULL AND reserved IS NULL
        WHEN kind = 'post' THEN amount > 0 AND amount <= reserved AND pending_id IS NOT NULL
        WHEN kind IN ('void', 'expire') THEN amount = 0 AND reserved > 0 AND pending_id IS NOT NULL
        ELSE false END)
    )`,
    'CREATE UNIQUE INDEX ledger_one_ending ON ledger_transfers (pending_id) WHERE pending_id IS NOT NULL',

    // Pending transfers that nothing ended: small, unlike the table of all.
    `CREATE TABLE ledger_open_pendings (
      id text COLLATE "C" PRIMARY KEY REFERENCES ledger_transfers (id),
      expires_at_ms bigint
    )`,
    'CREATE INDEX ledger_open_pendings_due ON ledger_open_pendings (expires_at_ms, id) WHERE expires_at_ms IS NOT NULL',

    'CREATE TABLE ledger_cursors (name text COLLATE "C" PRIMARY KEY, number bigint NOT NULL CHECK (number >= 0))',

    // What was written stays as it is.
    `CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the ledger does not allow % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$`,
    'CREATE TRIGGER ledger_transfers_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()',
    'CREATE TRIGGER ledger_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_events FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()',
    'CREATE TRIGGER ledger_accounts_stay BEFORE DELETE OR TRUNCATE ON ledger_accounts FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()',
    `CREATE TRIGGER ledger_accounts_keep_their_nature
      BEFORE UPDATE OF id, asset, kind, debits_must_not_exceed_credits, credits_must_not_exceed_debits ON ledger_accounts
      FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()`,
    // Only the trigger below moves balances: a statement of anybody else runs at depth 0.
    `CREATE TRIGGER ledger_balances_move_with_transfers
      BEFORE UPDATE OF debits_pending, debits_posted, credits_pending, credits_posted ON ledger_accounts
      FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse()`,
    `CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
      FOR EACH ROW WHEN (NEW.closed OR NEW.debits_pending + NEW.debits_posted + NEW.credits_pending + NEW.credits_posted <> 0) EXECUTE FUNCTION ledger_refuse()`,
    `CREATE TRIGGER ledger_accounts_stay_closed BEFORE UPDATE OF closed ON ledger_accounts
      FOR EACH ROW WHEN (OLD.closed AND NOT NEW.closed) EXECUTE FUNCTION ledger_refuse()`,

    // Transfers move the balances of their accounts, all of one statement at once. That both accounts are there and count this asset is seen by how many were moved, as a
    // foreign key on (id, asset) would: accounts cannot go, nor change their asset. Two foreign keys look at each row by itself, which was a third of the server's work.
    // Its plan is made for the first statement of a connection and kept. Made for a large one it would read all accounts for every small one that follows: by index, always.
    `CREATE FUNCTION ledger_move() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    DECLARE
      named bigint; found_there bigint;
    BEGIN
      IF EXISTS (SELECT FROM inserted WHERE kind <> 'transfer') THEN
        IF EXISTS (
          SELECT FROM inserted AS ending LEFT JOIN ledger_transfers AS pending ON pending.id = ending.pending_id
          WHERE ending.pending_id IS NOT NULL AND (
            pending.kind <> 'pending' OR pending.debit <> ending.debit OR pending.credit <> ending.credit OR pending.amount <> ending.reserved)
        ) THEN
          RAISE EXCEPTION 'a transfer ends something else than what was reserved' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        INSERT INTO ledger_open_pendings (id, expires_at_ms) SELECT id, expires_at_ms FROM inserted WHERE kind = 'pending';
        DELETE FROM ledger_open_pendings USING inserted WHERE ledger_open_pendings.id = inserted.pending_id;
      END IF;
      WITH moved AS MATERIALIZED (
        SELECT id, asset, sum(debits_pending) AS debits_pending, sum(debits_posted) AS debits_posted,
          sum(credits_pending) AS credits_pending, sum(credits_posted) AS credits_posted
        FROM (
          SELECT debit AS id, asset, CASE WHEN kind = 'pending' THEN amount ELSE -coalesce(reserved, 0) END AS debits_pending,
            CASE WHEN kind = 'pending' THEN 0 ELSE amount END AS debits_posted, 0 AS credits_pending, 0 AS credits_posted
          FROM inserted
          UNION ALL
          SELECT credit, asset, 0, 0, CASE WHEN kind = 'pending' THEN amount ELSE -coalesce(reserved, 0) END, CASE WHEN kind = 'pending' THEN 0 ELSE amount END
          FROM inserted
        ) AS sides
        GROUP BY id, asset
      ), there AS (
        UPDATE ledger_accounts AS account SET
          debits_pending = account.debits_pending + moved.debits_pending, debits_posted = account.debits_posted + moved.debits_posted,
          credits_pending = account.credits_pending + moved.credits_pending, credits_posted = account.credits_posted + moved.credits_posted
        FROM moved WHERE account.id = moved.id AND account.asset = moved.asset
        RETURNING account.id
      )
      SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM there) INTO named, found_there;
      IF named <> found_there THEN
        RAISE EXCEPTION 'a transfer names an account that is not there, or counts another asset' USING ERRCODE = 'foreign_key_violation';
      END IF;
      RETURN NULL;
    END $$`,
    `CREATE TRIGGER ledger_transfers_move AFTER INSERT ON ledger_transfers
      REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION ledger_move()`,

    // Events follow the newest one without a gap, and become the newest.
    `CREATE FUNCTION ledger_follow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      first bigint; last bigint; many bigint;
    BEGIN
      SELECT min(number), max(number), count(*) INTO first, last, many FROM inserted;
      IF many = 0 THEN RETURN NULL; END IF;
      UPDATE ledger_head SET number = last, hash = newest.hash, at_ms = newest.at_ms
      FROM inserted AS newest WHERE newest.number = last AND ledger_head.number = first - 1 AND last = first + many - 1 AND newest.at_ms >= ledger_head.at_ms;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'events % to % do not follow the newest one', first, last USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NULL;
    END $$`,
    `CREATE TRIGGER ledger_events_follow AFTER INSERT ON ledger_events
      REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION ledger_follow()`,
    `CREATE TRIGGER ledger_head_moves_with_events BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_head
      FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse()`,
  ],
}
