import type { Migration } from '../migrate.js'

/** What operators said and were told, for all processes and restarts: words about payouts that need a person, and alarms. */
export const operatorDeskMigration: Migration = {
  version: 8,
  name: 'operator desk',
  statements: [
    `CREATE TABLE payout_decisions (
      payout text COLLATE "C" PRIMARY KEY,
      version bigint NOT NULL CHECK (version > 0),
      words text COLLATE "C" NOT NULL CHECK (length(words) BETWEEN 1 AND 512),
      proposed_by text COLLATE "C" NOT NULL,
      proposed_ms bigint NOT NULL,
      approved_by text COLLATE "C"
    )`,
    `CREATE FUNCTION payout_decisions_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.version < OLD.version OR (NEW.version = OLD.version AND OLD.approved_by IS NOT NULL) THEN
        RAISE EXCEPTION 'what was decided about a payout stays' USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$`,
    'CREATE TRIGGER payout_decisions_keep BEFORE UPDATE ON payout_decisions FOR EACH ROW EXECUTE FUNCTION payout_decisions_keep()',
    `CREATE TABLE wally_alarms (
      key text COLLATE "C" PRIMARY KEY CHECK (length(key) <= 1024),
      kind text COLLATE "C" NOT NULL,
      chain text COLLATE "C",
      subject text COLLATE "C",
      reason text COLLATE "C",
      first_ms bigint NOT NULL,
      last_ms bigint NOT NULL CHECK (last_ms >= first_ms),
      times bigint NOT NULL CHECK (times > 0)
    )`,
    'CREATE INDEX wally_alarms_newest ON wally_alarms (kind, last_ms DESC, key)',
  ],
}
