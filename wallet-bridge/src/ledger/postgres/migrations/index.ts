import type { Migration } from '../migrate.js'
import { ledgerMigration } from './0001-ledger.js'
import { statementsMigration } from './0002-statements.js'
import { depositRoutesMigration } from './0003-deposit-routes.js'
import { payoutsMigration } from './0004-payouts.js'
import { chainIdentitiesMigration } from './0005-chain-identities.js'
import { pauseReasonsMigration } from './0006-pause-reasons.js'
import { payoutTaxesMigration } from './0007-payout-taxes.js'
import { operatorDeskMigration } from './0008-operator-desk.js'
import { reconcileCheckpointsMigration } from './0009-reconcile-checkpoints.js'

/** All steps of the schema, oldest first. */
export const MIGRATIONS: readonly Migration[] = [
  ledgerMigration, statementsMigration, depositRoutesMigration, payoutsMigration, chainIdentitiesMigration, pauseReasonsMigration, payoutTaxesMigration,
  operatorDeskMigration, reconcileCheckpointsMigration,
]
