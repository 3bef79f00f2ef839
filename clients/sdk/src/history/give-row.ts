import {
  blobRefFields, CborFields, decodeCbor, encodeCbor, HISTORY_ASK_BYTES, hexOf, idBytes, isErrorCode, LIMITS, parseBlobId, parseDeviceId, readBlobRef,
  type BlobId, type BlobRef, type CborValue, type DeviceId, type ErrorCode,
} from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/**
 * A request of another own device. `waiting` for the person; after a yes `approved`, `sealed` (the archive lies in the spool), `stored` (the server has it),
 * `given` (the other device was told); after a no `declining`, and `declined` once the other device was told. `ended`: nobody needs it, and it goes with its archive.
 */
export interface GiveRow {
  readonly device: DeviceId
  readonly ask: Uint8Array
  /** Newest version of archives that the device reads. */
  readonly reads: number
  readonly askedAtMs: number
  readonly state: 'waiting' | 'approved' | 'sealed' | 'stored' | 'given' | 'declining' | 'declined' | 'failed' | 'ended'
  /** Drawn before the first chunk is sealed, so that what a crash leaves is found. */
  readonly blob?: BlobId
  readonly archive?: BlobRef
  readonly messages?: number
  readonly madeAtMs?: number
  readonly error?: ErrorCode
}

const PREFIX = 'give/'
const ROW_BYTES_MAX = 1_024
/** Rows that one read takes: those that are ended go at once, so there are fewer. */
const ROWS_MAX = 1_024
const STATES: readonly GiveRow['state'][] = ['waiting', 'approved', 'sealed', 'stored', 'given', 'declining', 'declined', 'failed', 'ended']

const keyOf = (ask: Uint8Array): string => `${PREFIX}${hexOf(ask)}`

function decode(bytes: Uint8Array): GiveRow {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const error = fields.has('error') ? fields.text('error', 64) : undefined
  return {
    device: parseDeviceId(hexOf(fields.bytes('device', 16))), ask: fields.bytes('ask', HISTORY_ASK_BYTES), reads: fields.uint('reads'), askedAtMs: fields.uint('askedAtMs'), state: STATES[fields.uint('state')] ?? fields.fail('state'),
    ...(fields.has('blob') ? { blob: parseBlobId(fields.text('blob', 32)) } : {}),
    ...(fields.has('archive') ? { archive: readBlobRef(new CborFields(fields.value('archive'), 'client.store'), LIMITS.blobBytesMax) } : {}),
    ...(fields.has('messages') ? { messages: fields.uint('messages') } : {}), ...(fields.has('madeAtMs') ? { madeAtMs: fields.uint('madeAtMs') } : {}),
    ...(error !== undefined && isErrorCode(error) ? { error } : {}),
  }
}

/** The request that `ask` names, as `source` sees it. */
export async function readGive(source: Pick<Transaction, 'get'>, ask: Uint8Array): Promise<GiveRow | undefined> {
  const bytes = await source.get('history', keyOf(ask))
  return bytes === undefined ? undefined : decode(bytes)
}

/** Requests of other own devices, the newest first. */
export async function listGives(store: Pick<LocalStore, 'list'>): Promise<readonly GiveRow[]> {
  const rows = await store.list('history', { from: PREFIX, to: `${PREFIX}~`, limit: ROWS_MAX })
  return rows.map(({ value }) => decode(value)).sort((left, right) => right.askedAtMs - left.askedAtMs)
}

/** Writes the row. */
export function writeGive(tx: Transaction, row: GiveRow): void {
  const map: Record<string, CborValue> = { device: idBytes(row.device), ask: row.ask, reads: row.reads, askedAtMs: row.askedAtMs, state: STATES.indexOf(row.state) }
  if (row.blob !== undefined) map['blob'] = row.blob
  if (row.archive !== undefined) map['archive'] = blobRefFields(row.archive)
  if (row.messages !== undefined) map['messages'] = row.messages
  if (row.madeAtMs !== undefined) map['madeAtMs'] = row.madeAtMs
  if (row.error !== undefined) map['error'] = row.error
  tx.put('history', keyOf(row.ask), encodeCbor(map))
}

/** Removes the row. What is in the spool goes with `dropSpool`. */
export function removeGive(tx: Transaction, { ask }: GiveRow): void {
  tx.remove('history', keyOf(ask))
}
