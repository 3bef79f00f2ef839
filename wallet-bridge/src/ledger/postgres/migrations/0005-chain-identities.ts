import type { Migration } from '../migrate.js'

/** Which chain the books of each name are about. For ever: the books of one chain say nothing of another one. */
export const chainIdentitiesMigration: Migration = {
  version: 5,
  name: 'chain identities',
  statements: [
    `CREATE TABLE chain_identities (
      chain text COLLATE "C" PRIMARY KEY,
      identity text COLLATE "C" NOT NULL
    )`,
    `CREATE FUNCTION chain_identities_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the books of a chain are about that chain for ever';
    END $$`,
    'CREATE TRIGGER chain_identities_are_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON chain_identities FOR EACH STATEMENT EXECUTE FUNCTION chain_identities_refuse()',
  ],
}
