import type { Migration } from '@evegram/platform/cassandra'

/** Name under which the version of these tables is kept. */
export const AUTH_SCHEMA = 'auth'

/**
 * The tables of auth (docs/adr/0009-account-appends-on-cassandra.md). Every row is changed by conditional writes alone, whose condition is the
 * change that made it what it is; none is ever deleted, nonces and sessions expire.
 */
export const AUTH_MIGRATIONS: readonly Migration[] = [{
  version: 1,
  statements: [
    // One partition for each account: where its log ends, who may append next, and the entries.
    `CREATE TABLE IF NOT EXISTS auth_accounts (
      account text, seq int,
      head_seq int static, head blob static, snapshot blob static, round int static, pending blob static,
      entry blob, change blob,
      PRIMARY KEY (account, seq)
    )`,
    `CREATE TABLE IF NOT EXISTS auth_nonces (nonce blob PRIMARY KEY, claim blob)
      WITH gc_grace_seconds = 86400
      AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 6}`,
    'CREATE TABLE IF NOT EXISTS auth_wallets (wallet text PRIMARY KEY, claim blob)',
    `CREATE TABLE IF NOT EXISTS auth_sessions (
      account text, family text,
      version blob static, active blob static,
      record blob, change blob,
      PRIMARY KEY (account, family)
    )`,
    'CREATE TABLE IF NOT EXISTS auth_session_families (family text PRIMARY KEY, account text)',
    'CREATE TABLE IF NOT EXISTS auth_prekeys (account text, device text, keys blob, change blob, PRIMARY KEY ((account, device)))',
    'CREATE TABLE IF NOT EXISTS auth_secrets (name text PRIMARY KEY, sealed blob, change blob)',
  ],
}]
