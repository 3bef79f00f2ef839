import type { Migration } from '../migrate.js'

/** Why payouts of a chain are paused: a person did it, or the ledger was restored and may know less than the chain. */
export const pauseReasonsMigration: Migration = {
  version: 6,
  name: 'pause reasons',
  statements: [
    `ALTER TABLE payout_pauses ADD COLUMN reason text COLLATE "C" NOT NULL DEFAULT 'operator' CHECK (reason IN ('operator', 'restored'))`,
  ],
}
