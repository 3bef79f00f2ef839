import type { Migration } from '../migrate.js'

/** What payouts reserve and pay for a tax in their own asset. Payouts of before reserved nothing for it. */
export const payoutTaxesMigration: Migration = {
  version: 7,
  name: 'payout taxes',
  statements: [
    `ALTER TABLE payouts
      ADD COLUMN tax_max numeric(38,0) NOT NULL DEFAULT 0 CHECK (tax_max >= 0),
      ADD COLUMN outcome_tax numeric(38,0) NOT NULL DEFAULT 0 CHECK (outcome_tax >= 0),
      ADD CONSTRAINT payouts_tax_is_reserved CHECK (outcome_tax <= tax_max),
      ADD CONSTRAINT payouts_tax_has_outcome CHECK (outcome IS NOT NULL OR outcome_tax = 0)`,
    `CREATE FUNCTION payouts_keep_tax() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.tax_max IS DISTINCT FROM OLD.tax_max THEN RAISE EXCEPTION 'the terms of a payout stay' USING ERRCODE = 'integrity_constraint_violation'; END IF;
      RETURN NEW;
    END $$`,
    'CREATE TRIGGER payouts_keep_tax BEFORE UPDATE ON payouts FOR EACH ROW EXECUTE FUNCTION payouts_keep_tax()',
  ],
}
