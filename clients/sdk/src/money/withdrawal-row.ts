import { CborFields, decodeCbor, encodeCbor } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** A withdrawal that this device asked for, and of which it has no answer. */
export interface WithdrawalRow {
  readonly id: string
  readonly asset: string
  /** In the smallest unit. */
  readonly amount: bigint
  /** As the proof named it. */
  readonly to: string
  readonly memo?: string
  /** When it was asked for last, in ms since 1970, server time. */
  readonly askedAtMs: number
}

/** Beside the keys that statement-row.ts and payment-row.ts name. */
const PREFIX = 'a/'
const ROW_BYTES_MAX = 2_048
const TEXT_CHARACTERS_MAX = 256

/** Key of a row in table `payments`. */
export function withdrawalKey(id: string): string {
  return `${PREFIX}${id}`
}

/** Stages a row. */
export function writeWithdrawal(tx: Transaction, { amount, ...row }: WithdrawalRow): void {
  tx.put('payments', withdrawalKey(row.id), encodeCbor({ ...row, amount: amount.toString() }))
}

/** The row of an id; undefined where it was not asked for, or answered. Rejects `client.store`. */
export async function readWithdrawal(source: Pick<Transaction, 'get'>, id: string): Promise<WithdrawalRow | undefined> {
  const row = await source.get('payments', withdrawalKey(id))
  return row === undefined ? undefined : decodeRow(row)
}

/** All rows up to `limit`, what was asked for first first. Rejects `client.store`. */
export async function listUnanswered(store: Pick<LocalStore, 'list'>, limit: number): Promise<readonly WithdrawalRow[]> {
  const rows = await store.list('payments', { from: PREFIX, to: `${PREFIX}~`, limit })
  return rows.map(({ value }) => decodeRow(value)).sort((left, right) => left.askedAtMs - right.askedAtMs)
}

function decodeRow(bytes: Uint8Array): WithdrawalRow {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const amount = fields.text('amount', 64)
  return {
    id: fields.text('id', 64), asset: fields.text('asset', TEXT_CHARACTERS_MAX), amount: /^[0-9]+$/.test(amount) ? BigInt(amount) : fields.fail('amount'),
    to: fields.text('to', TEXT_CHARACTERS_MAX), ...(fields.has('memo') ? { memo: fields.text('memo', TEXT_CHARACTERS_MAX) } : {}),
    askedAtMs: fields.uint('askedAtMs'),
  }
}
