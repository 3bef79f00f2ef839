import { EvegramError } from '@evegram/protocol'
import { sql, type Kysely } from 'kysely'
import { ALARM_KINDS, alarmKeyOf, type Alarm } from '../../alarm.js'
import { parseChainName } from '../../chain/chain-adapter.js'
import { ALARM_KEPT_MS, ALARMS_ADDED_MAX, ALARMS_OF_KIND_MAX, type AlarmStore } from '../../ports/alarm-store.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'
import { integerOf } from './rows.js'

interface AlarmRow {
  readonly kind: string
  readonly chain: string | null
  readonly subject: string | null
  readonly reason: string | null
  readonly first_ms: string
  readonly last_ms: string
  readonly times: string
}

/** {@link AlarmStore} beside the ledger, in the same database. The ledger was opened before: that makes the table. */
export class PostgresAlarmStore implements AlarmStore {
  readonly #queries: Kysely<unknown>

  constructor(database: LedgerDatabase) {
    this.#queries = database.queries
  }

  async add(raised: readonly Alarm[], nowMs: number): Promise<void> {
    if (raised.length > ALARMS_ADDED_MAX) throw new EvegramError('invalid.argument', { operation: 'add alarms' })
    const rows = JSON.stringify(raised.map((alarm) => ({ key: alarmKeyOf(alarm), ...alarm })))
    await this.#run('keep alarms', () => this.#queries.transaction().execute(async (transaction) => {
      // One process after the other: what is forgotten is decided on what all of them added.
      await sql`SELECT pg_advisory_xact_lock(hashtextextended('wally alarms', 0))`.execute(transaction)
      await sql`DELETE FROM wally_alarms WHERE last_ms <= ${String(nowMs - ALARM_KEPT_MS)}::bigint`.execute(transaction)
      await sql`INSERT INTO wally_alarms (key, kind, chain, subject, reason, first_ms, last_ms, times)
        SELECT key, kind, chain, subject, reason, min("firstMs"), max("lastMs"), sum(times)::bigint
        FROM jsonb_to_recordset(${rows}::jsonb) AS raised (key text, kind text, chain text, subject text, reason text, "firstMs" bigint, "lastMs" bigint, times bigint)
        GROUP BY key, kind, chain, subject, reason
        ON CONFLICT (key) DO UPDATE SET first_ms = least(wally_alarms.first_ms, excluded.first_ms), last_ms = greatest(wally_alarms.last_ms, excluded.last_ms),
          times = wally_alarms.times + excluded.times`.execute(transaction)
      await sql`DELETE FROM wally_alarms WHERE key IN (
        SELECT key FROM (SELECT key, row_number() OVER (PARTITION BY kind ORDER BY last_ms DESC, key) AS place FROM wally_alarms) AS placed
        WHERE place > ${ALARMS_OF_KIND_MAX})`.execute(transaction)
    }))
  }

  async list(nowMs: number): Promise<readonly Alarm[]> {
    return this.#run('read alarms', async () => {
      const { rows } = await sql<AlarmRow>`SELECT kind, chain, subject, reason, first_ms::text, last_ms::text, times::text FROM wally_alarms
        WHERE last_ms > ${String(nowMs - ALARM_KEPT_MS)}::bigint ORDER BY wally_alarms.last_ms DESC, key`.execute(this.#queries)
      return rows.map(alarmOf)
    })
  }

  async #run<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (failure) {
      throw ledgerFailure(failure, operation)
    }
  }
}

function alarmOf(row: AlarmRow): Alarm {
  const found = ALARM_KINDS.find(([kind]) => kind === row.kind)
  if (found === undefined) throw new EvegramError('internal', { operation: 'read alarms' })
  return {
    kind: found[0], chain: row.chain === null ? undefined : parseChainName(row.chain), subject: row.subject ?? undefined, reason: row.reason ?? undefined,
    firstMs: integerOf(row.first_ms), lastMs: integerOf(row.last_ms), times: integerOf(row.times),
  }
}
