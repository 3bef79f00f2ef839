import type { Migration } from '../migrate.js'

/** Where deposits lead. A route is for ever: the rows are neither changed nor removed. */
export const depositRoutesMigration: Migration = {
  version: 3,
  name: 'deposit routes',
  statements: [
    `CREATE TABLE deposit_addresses (
      chain text COLLATE "C" NOT NULL,
      address text COLLATE "C" NOT NULL,
      leads_to text COLLATE "C" NOT NULL CHECK (leads_to IN ('account', 'memo', 'nobody')),
      account text COLLATE "C",
      PRIMARY KEY (chain, address),
      CHECK ((leads_to = 'account') = (account IS NOT NULL))
    )`,
    `CREATE TABLE deposit_codes (
      code text COLLATE "C" PRIMARY KEY,
      account text COLLATE "C" NOT NULL
    )`,
    `CREATE FUNCTION deposit_routes_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'routes of deposits are for ever';
    END $$`,
    ...['deposit_addresses', 'deposit_codes'].map((table) =>
      `CREATE TRIGGER ${table}_are_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION deposit_routes_refuse()`),
  ],
}
