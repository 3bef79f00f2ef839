import type { Migration } from '../migrate.js'

/** Payouts and where they stand, with what no program may do to them. */
export const payoutsMigration: Migration = {
  version: 4,
  name: 'payouts',
  statements: [
    `CREATE TABLE payouts (
      id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 34 AND 97),
      number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      version bigint NOT NULL CHECK (version > 0),
      chain text COLLATE "C" NOT NULL,
      account text COLLATE "C" NOT NULL CHECK (left(id, 33) = account || '.'),
      asset text COLLATE "C" NOT NULL,
      amount numeric(38,0) NOT NULL CHECK (amount > 0),
      recipient text COLLATE "C" NOT NULL,
      memo bytea,
      fee_max numeric(38,0) NOT NULL CHECK (fee_max > 0),
      fee_from text COLLATE "C" NOT NULL CHECK (fee_from IN ('account', 'house')),
      requested_by text COLLATE "C" NOT NULL,
      created_ms bigint NOT NULL,
      state text COLLATE "C" NOT NULL,
      approved_by text COLLATE "C",
      reason text COLLATE "C",
      txid text COLLATE "C",
      payment bytea,
      expired text COLLATE "C" NOT NULL DEFAULT '',
      outcome text COLLATE "C" CHECK (outcome IN ('paid', 'failed')),
      outcome_fee numeric(38,0) CHECK (outcome_fee >= 0),
      outcome_reason text COLLATE "C",
      CHECK ((txid IS NULL) = (payment IS NULL)),
      CHECK ((outcome IS NULL) = (outcome_fee IS NULL)),
      CHECK ((outcome_reason IS NOT NULL) = (outcome IS NOT DISTINCT FROM 'failed')),
      CONSTRAINT payouts_fee_is_reserved CHECK (outcome_fee IS NULL OR outcome_fee <= fee_max),
      CONSTRAINT payouts_other_approves CHECK (approved_by IS NULL OR (approved_by <> requested_by AND approved_by <> account)),
      CONSTRAINT payouts_state CHECK (CASE
        WHEN state IN ('requested', 'awaiting_approval', 'held', 'reserving', 'reserved', 'expired') THEN payment IS NULL AND outcome IS NULL
        WHEN state IN ('signed', 'broadcast', 'confirmed') THEN payment IS NOT NULL AND outcome IS NULL
        WHEN state IN ('releasing', 'refused') THEN payment IS NULL AND outcome IS NULL AND reason IS NOT NULL
        WHEN state = 'settling' THEN outcome IS NOT NULL
        WHEN state = 'needs_operator' THEN reason IS NOT NULL
        WHEN state = 'paid' THEN outcome IS NOT DISTINCT FROM 'paid' AND payment IS NOT NULL
        WHEN state = 'failed' THEN outcome IS NOT DISTINCT FROM 'failed'
        ELSE false END)
    )`,
    'CREATE UNIQUE INDEX payouts_txid ON payouts (chain, txid) WHERE txid IS NOT NULL',
    "CREATE INDEX payouts_open ON payouts (chain, number) WHERE state NOT IN ('paid', 'failed', 'refused')",
    'CREATE INDEX payouts_of_account ON payouts (account, created_ms)',
    'CREATE TABLE payout_pauses (chain text COLLATE "C" PRIMARY KEY)',

    `CREATE FUNCTION payouts_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.state IN ('paid', 'failed', 'refused') THEN RAISE EXCEPTION 'a payout that has ended stays' USING ERRCODE = 'integrity_constraint_violation'; END IF;
      IF NEW.version <> OLD.version + 1 THEN RAISE EXCEPTION 'the version of a payout grows by one' USING ERRCODE = 'integrity_constraint_violation'; END IF;
      IF (NEW.id, NEW.number, NEW.chain, NEW.account, NEW.asset, NEW.amount, NEW.recipient, NEW.fee_max, NEW.fee_from, NEW.requested_by, NEW.created_ms)
        IS DISTINCT FROM (OLD.id, OLD.number, OLD.chain, OLD.account, OLD.asset, OLD.amount, OLD.recipient, OLD.fee_max, OLD.fee_from, OLD.requested_by, OLD.created_ms)
        OR NEW.memo IS DISTINCT FROM OLD.memo
      THEN RAISE EXCEPTION 'the terms of a payout stay' USING ERRCODE = 'integrity_constraint_violation'; END IF;
      IF NEW.payment IS DISTINCT FROM OLD.payment AND NOT (
        (OLD.payment IS NULL AND OLD.state IN ('reserved', 'expired') AND NEW.state = 'signed') OR
        (NEW.payment IS NULL AND OLD.state IN ('signed', 'broadcast', 'confirmed') AND NEW.state = 'expired'))
      THEN RAISE EXCEPTION 'a signed payment stays until it has expired' USING ERRCODE = 'integrity_constraint_violation'; END IF;
      RETURN NEW;
    END $$`,
    'CREATE TRIGGER payouts_keep BEFORE UPDATE ON payouts FOR EACH ROW EXECUTE FUNCTION payouts_keep()',
    'CREATE TRIGGER payouts_stay BEFORE DELETE OR TRUNCATE ON payouts FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()',
  ],
}
