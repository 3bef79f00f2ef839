import type { Migration } from '../migrate.js'

/** Where comparisons of chains with the ledger go on from: one for each chain, made anew by each comparison. */
export const reconcileCheckpointsMigration: Migration = {
  version: 9,
  name: 'reconcile checkpoints',
  statements: [
    `CREATE TABLE reconcile_checkpoints (
      chain text COLLATE "C" PRIMARY KEY,
      height bigint NOT NULL CHECK (height >= 0),
      event bigint NOT NULL CHECK (event >= 0),
      body text COLLATE "C" NOT NULL
    )`,
  ],
}
