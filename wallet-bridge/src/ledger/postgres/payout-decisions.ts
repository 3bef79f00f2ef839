import { sql, type Kysely } from 'kysely'
import { parsePayoutId, type PayoutId } from '../../flows/payout/payout.js'
import {
  decideWord, isOver, PROPOSAL_MS, PROPOSALS_MAX, type DecisionWord, type PayoutDecision, type PayoutDecisions, type SayResult,
} from '../../flows/payout/payout-decisions.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'
import type { PostgresLedgerStore } from './ledger-store.js'
import { integerOf } from './rows.js'

interface DecisionRow {
  readonly payout: string
  readonly version: string
  readonly words: string
  readonly proposed_by: string
  readonly proposed_ms: string
  readonly approved_by: string | null
}

const COLUMNS = sql.raw('payout, version::text, words, proposed_by, proposed_ms::text, approved_by')

/** {@link PayoutDecisions} beside the ledger, in the same database: what is said and its event are one commit. */
export class PostgresPayoutDecisions implements PayoutDecisions {
  readonly #ledger: Pick<PostgresLedgerStore, 'record'>
  readonly #queries: Kysely<unknown>

  constructor(ledger: Pick<PostgresLedgerStore, 'record'>, database: LedgerDatabase) {
    this.#ledger = ledger
    this.#queries = database.queries
  }

  say(word: DecisionWord): Promise<SayResult> {
    // The head is held: words of all processes come one after the other.
    return this.#ledger.record('take a word of an operator', async (transaction, nowMs) => {
      const { rows: [row] } = await sql<DecisionRow>`SELECT ${COLUMNS} FROM payout_decisions WHERE payout = ${word.payout}`.execute(transaction)
      const { result, decision, act } = decideWord(row === undefined ? undefined : decisionOf(row), word, nowMs)
      if (decision !== undefined) await keep(transaction, decision, nowMs)
      return { result, acts: act === undefined ? [] : [act] }
    })
  }

  waiting(): Promise<readonly PayoutDecision[]> {
    // For the time of the ledger, by which a proposal is over.
    return this.#ledger.record('read proposals', async (transaction, nowMs) => {
      const { rows } = await sql<DecisionRow>`SELECT ${COLUMNS} FROM payout_decisions WHERE approved_by IS NULL ORDER BY payout_decisions.proposed_ms, payout`.execute(transaction)
      return { result: rows.map(decisionOf).filter((decision) => !isOver(decision, nowMs)), acts: [] }
    })
  }

  async approved(limit: number): Promise<readonly PayoutDecision[]> {
    try {
      const { rows } = await sql<DecisionRow>`SELECT ${COLUMNS} FROM payout_decisions WHERE approved_by IS NOT NULL ORDER BY proposed_ms, payout LIMIT ${limit}`.execute(this.#queries)
      return rows.map(decisionOf)
    } catch (failure) {
      throw ledgerFailure(failure, 'read decisions')
    }
  }

  async done(payout: PayoutId, version: number): Promise<void> {
    try {
      await sql`DELETE FROM payout_decisions WHERE payout = ${payout} AND version <= ${String(version)}::bigint`.execute(this.#queries)
    } catch (failure) {
      throw ledgerFailure(failure, 'forget a decision')
    }
  }
}

async function keep(transaction: Kysely<unknown>, { payout, version, words, proposedBy, proposedMs, approvedBy }: PayoutDecision, nowMs: number): Promise<void> {
  await sql`INSERT INTO payout_decisions (payout, version, words, proposed_by, proposed_ms, approved_by)
    VALUES (${payout}, ${String(version)}::bigint, ${words}, ${proposedBy}, ${String(proposedMs)}::bigint, ${approvedBy ?? null})
    ON CONFLICT (payout) DO UPDATE SET version = excluded.version, words = excluded.words, proposed_by = excluded.proposed_by, proposed_ms = excluded.proposed_ms,
      approved_by = excluded.approved_by`.execute(transaction)
  await sql`DELETE FROM payout_decisions WHERE approved_by IS NULL AND (proposed_ms <= ${String(nowMs - PROPOSAL_MS)}::bigint OR payout IN (
    SELECT payout FROM payout_decisions WHERE approved_by IS NULL AND payout <> ${payout} ORDER BY proposed_ms DESC, payout OFFSET ${PROPOSALS_MAX - 1}))`.execute(transaction)
}

function decisionOf(row: DecisionRow): PayoutDecision {
  return {
    payout: parsePayoutId(row.payout), version: integerOf(row.version), words: row.words, proposedBy: row.proposed_by, proposedMs: integerOf(row.proposed_ms),
    approvedBy: row.approved_by ?? undefined,
  }
}
