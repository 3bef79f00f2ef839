import { EvegramError, hexOf, parseAccountId, type AccountId } from '@evegram/protocol'
import { sql, type Kysely, type RawBuilder } from 'kysely'
import { parseChainName, parseChainTxid, type ChainAddress, type ChainName } from '../../chain/chain-adapter.js'
import { decodeSignedPayment, encodeSignedPayment } from '../../chain/signed-payment.js'
import { isSameAsk, newPayout, parsePayoutId, type Payout, type PayoutId, type PayoutOutcome, type PayoutTerms } from '../../flows/payout/payout.js'
import { parsePayoutReason } from '../../flows/payout/payout-reason.js'
import { parsePayoutState } from '../../flows/payout/payout-states.js'
import {
  checkPayoutsRequest, pauseActOf, type AccountPayouts, type CreatePayoutResult, type PauseReason, type PayoutBounds, type PayoutsRequest, type PayoutStore,
} from '../../flows/payout/payout-store.js'
import { parseAmount, ZERO } from '../amount.js'
import type { OperatorAct } from '../event.js'
import { parseAssetId } from '../ids.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'
import type { PostgresLedgerStore } from './ledger-store.js'
import { integerOf } from './rows.js'
import { textArray } from './text-array.js'

/** A row of `payouts`; numbers as text, which both drivers read alike. */
interface PayoutRow {
  readonly id: string
  readonly number: string
  readonly version: string
  readonly chain: string
  readonly account: string
  readonly asset: string
  readonly amount: string
  readonly recipient: string
  readonly memo: Uint8Array | null
  readonly fee_max: string
  readonly tax_max: string
  readonly fee_from: string
  readonly requested_by: string
  readonly created_ms: string
  readonly state: string
  readonly approved_by: string | null
  readonly reason: string | null
  readonly payment: Uint8Array | null
  readonly expired: string
  readonly outcome: string | null
  readonly outcome_fee: string | null
  readonly outcome_tax: string
  readonly outcome_reason: string | null
}

const COLUMNS = sql.raw(`id, number::text, version::text, chain, account, asset, amount::text, recipient, memo, fee_max::text, tax_max::text, fee_from, requested_by, created_ms::text,
  state, approved_by, reason, payment, expired, outcome, outcome_fee::text, outcome_tax::text, outcome_reason`)
const ENDED = sql.raw("('paid', 'failed', 'refused')")

/** {@link PayoutStore} beside the ledger, in the same database. The ledger was opened before: that makes the tables. */
export class PostgresPayoutStore implements PayoutStore, AccountPayouts {
  readonly #ledger: Pick<PostgresLedgerStore, 'record'>
  readonly #queries: Kysely<unknown>

  /** `ledger`: has the audit trail, in the same database. */
  constructor(ledger: Pick<PostgresLedgerStore, 'record'>, database: LedgerDatabase) {
    this.#ledger = ledger
    this.#queries = database.queries
  }

  async create(terms: PayoutTerms, bounds: PayoutBounds, nowMs: number): Promise<CreatePayoutResult> {
    return this.#run('make payout', () => this.#queries.transaction().execute(async (transaction): Promise<CreatePayoutResult> => {
      // Payouts of one account are made one after the other; each statement behind the lock sees what those before committed.
      await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`payouts ${terms.account}`}, 0))`.execute(transaction)
      const known = await find(transaction, terms.id)
      if (known !== undefined) return isSameAsk(known, terms) ? { status: 'exists', payout: known } : { status: 'exists_with_different_fields' }
      const { rows: [counted] } = await sql<{ open: string; amount: string }>`SELECT
        count(*) FILTER (WHERE state NOT IN ${ENDED})::text AS open,
        coalesce(sum(amount) FILTER (WHERE asset = ${terms.asset} AND created_ms >= ${String(bounds.sinceMs)}::bigint AND state NOT IN ('refused', 'failed')), 0)::text AS amount
        FROM payouts WHERE account = ${terms.account} AND (state NOT IN ${ENDED} OR created_ms >= ${String(bounds.sinceMs)}::bigint)`.execute(transaction)
      if (counted === undefined) throw new EvegramError('internal', { operation: 'make payout' })
      if (integerOf(counted.open) >= bounds.openMax) return { status: 'too_many_open' }
      if (BigInt(counted.amount) + terms.amount > bounds.amountMax) return { status: 'day_limit' }
      const { rows: [made] } = await sql<{ number: string }>`INSERT INTO payouts
        (id, version, chain, account, asset, amount, recipient, memo, fee_max, tax_max, fee_from, requested_by, created_ms, state)
        VALUES (${terms.id}, 1, ${terms.chain}, ${terms.account}, ${terms.asset}, ${String(terms.amount)}::numeric, ${terms.to}, ${bytes(terms.memo)},
          ${String(terms.feeMax)}::numeric, ${String(terms.taxMax)}::numeric, ${terms.feeFrom}, ${terms.requestedBy}, ${String(nowMs)}::bigint, 'requested')
        RETURNING number::text`.execute(transaction)
      return { status: 'created', payout: newPayout(terms, integerOf(made?.number ?? ''), nowMs) }
    }))
  }

  async replace(next: Payout): Promise<boolean> {
    return this.#run('change payout', () => replaced(this.#queries, next))
  }

  attend(next: Payout, act: OperatorAct): Promise<boolean> {
    return this.#ledger.record('attend payout', async (transaction) => {
      const result = await replaced(transaction, next)
      return { result, acts: result ? [act] : [] }
    })
  }

  async get(id: PayoutId): Promise<Payout | undefined> {
    return this.#run('read payout', () => find(this.#queries, id))
  }

  async list(request: PayoutsRequest): Promise<readonly Payout[]> {
    checkPayoutsRequest(request)
    return this.#run('list payouts', async () => {
      const { rows } = await sql<PayoutRow>`SELECT ${COLUMNS} FROM payouts WHERE chain = ${request.chain} AND state = ANY(${textArray(request.states)})
        AND number > ${String(request.after)}::bigint ORDER BY payouts.number LIMIT ${request.limit}`.execute(this.#queries)
      return rows.map(payoutOf)
    })
  }

  async ofAccount(account: AccountId, before: number | undefined, limit: number): Promise<readonly Payout[]> {
    checkPayoutsRequest({ after: before ?? 0, limit })
    return this.#run('list payouts', async () => {
      const { rows } = await sql<PayoutRow>`SELECT ${COLUMNS} FROM payouts WHERE account = ${account} AND number < ${String(before ?? Number.MAX_SAFE_INTEGER)}::bigint
        ORDER BY payouts.number DESC LIMIT ${limit}`.execute(this.#queries)
      return rows.map(payoutOf)
    })
  }

  async isPaused(chain: ChainName): Promise<boolean> {
    return this.#run('read pause', async () => (await sql`SELECT chain FROM payout_pauses WHERE chain = ${chain}`.execute(this.#queries)).rows.length === 1)
  }

  async pausedFor(chain: ChainName): Promise<PauseReason | undefined> {
    return this.#run('read pause', () => pauseOf(this.#queries, chain))
  }

  async setPaused(chain: ChainName, isPaused: boolean, person: string): Promise<void> {
    // The head is held: of several at once each finds what those before it did.
    await this.#ledger.record('pause payouts', async (transaction) => {
      const act = pauseActOf(chain, isPaused, await pauseOf(transaction, chain), person)
      if (act !== undefined && isPaused) await sql`INSERT INTO payout_pauses (chain) VALUES (${chain})`.execute(transaction)
      if (act !== undefined && !isPaused) await sql`DELETE FROM payout_pauses WHERE chain = ${chain}`.execute(transaction)
      return { result: undefined, acts: act === undefined ? [] : [act] }
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

/** A compare-and-set: whether it found the version before. */
async function replaced(queries: Kysely<unknown>, next: Payout): Promise<boolean> {
  const { payment, outcome } = next
  const { rows } = await sql`UPDATE payouts SET version = ${String(next.version)}::bigint, state = ${next.state}, approved_by = ${next.approvedBy ?? null},
      reason = ${next.reason ?? null}, txid = ${payment?.txid ?? null}, payment = ${bytes(payment === undefined ? undefined : encodeSignedPayment(payment))},
      expired = ${next.expired.join(' ')}, outcome = ${outcome?.status ?? null}, outcome_fee = ${outcome === undefined ? null : String(outcome.fee)}::numeric,
      outcome_tax = ${String(outcome?.tax ?? ZERO)}::numeric, outcome_reason = ${outcome?.status === 'failed' ? outcome.reason : null}
    WHERE id = ${next.id} AND version = ${String(next.version - 1)}::bigint AND state NOT IN ${ENDED} RETURNING id`.execute(queries)
  return rows.length === 1
}

async function pauseOf(queries: Kysely<unknown>, chain: ChainName): Promise<PauseReason | undefined> {
  const { rows: [row] } = await sql<{ reason: PauseReason }>`SELECT reason FROM payout_pauses WHERE chain = ${chain}`.execute(queries)
  return row?.reason
}

async function find(queries: Kysely<unknown>, id: PayoutId): Promise<Payout | undefined> {
  const { rows: [row] } = await sql<PayoutRow>`SELECT ${COLUMNS} FROM payouts WHERE id = ${id}`.execute(queries)
  return row === undefined ? undefined : payoutOf(row)
}

/** As hexadecimal text: the drivers differ in how they take bytes. */
function bytes(value: Uint8Array | undefined): RawBuilder<unknown> {
  return value === undefined ? sql`NULL::bytea` : sql`decode(${hexOf(value)}, 'hex')`
}

function payoutOf(row: PayoutRow): Payout {
  return {
    id: parsePayoutId(row.id), chain: parseChainName(row.chain), account: parseAccountId(row.account), asset: parseAssetId(row.asset), amount: parseAmount(row.amount),
    // In the one form of its chain when it was written.
    to: row.recipient as ChainAddress,
    memo: row.memo === null ? undefined : new Uint8Array(row.memo),
    feeMax: parseAmount(row.fee_max), taxMax: parseAmount(row.tax_max), feeFrom: row.fee_from === 'house' ? 'house' : 'account', requestedBy: row.requested_by,
    number: integerOf(row.number), version: integerOf(row.version), createdMs: integerOf(row.created_ms), state: parsePayoutState(row.state),
    approvedBy: row.approved_by ?? undefined,
    reason: row.reason === null ? undefined : parsePayoutReason(row.reason),
    payment: row.payment === null ? undefined : decodeSignedPayment(new Uint8Array(row.payment)),
    expired: row.expired === '' ? [] : row.expired.split(' ').map(parseChainTxid),
    outcome: outcomeOf(row),
  }
}

function outcomeOf({ outcome: status, outcome_fee: fee, outcome_tax: tax, outcome_reason: reason }: PayoutRow): PayoutOutcome | undefined {
  if (status === null || fee === null) return undefined
  const cost = { fee: parseAmount(fee), tax: parseAmount(tax) }
  if (status === 'paid') return { status, ...cost }
  if (status === 'failed' && reason !== null) return { status, ...cost, reason: parsePayoutReason(reason) }
  throw new EvegramError('internal', { operation: 'read payout' })
}
