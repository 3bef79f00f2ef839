import {
  blobRefFields, CborFields, decodeCbor, encodeCbor, HISTORY_ASK_BYTES, hexOf, idBytes, isErrorCode, LIMITS, parseDeviceId, readBlobRef,
  type BlobRef, type CborValue, type DeviceId, type ErrorCode,
} from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'

/** What this device asked its own devices for. */
export interface WantRow {
  /** Names the request, 16 random bytes. */
  readonly ask: Uint8Array
  /** `ended`: taken back, and the other devices are told before the row goes. */
  readonly state: 'asked' | 'taking' | 'done' | 'failed' | 'ended'
  readonly askedAtMs: number
  /** When the others were told last, of this state; 0 before. */
  readonly toldAtMs: number
  readonly declinedBy: readonly DeviceId[]
  /** The first that answered, and what it gave. */
  readonly from?: DeviceId
  readonly archive?: BlobRef
  readonly messages?: number
  readonly error?: ErrorCode
}

const KEY = 'want'
const ROW_BYTES_MAX = 4_096
/** Devices whose no is kept. */
export const DECLINED_MAX = 64
const STATES: readonly WantRow['state'][] = ['asked', 'taking', 'done', 'failed', 'ended']

/** The row, as `source` sees it. */
export async function readWant(source: Pick<Transaction, 'get'>): Promise<WantRow | undefined> {
  const bytes = await source.get('history', KEY)
  if (bytes === undefined) return undefined
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const error = fields.has('error') ? fields.text('error', 64) : undefined
  return {
    ask: fields.bytes('ask', HISTORY_ASK_BYTES), state: STATES[fields.uint('state')] ?? fields.fail('state'), askedAtMs: fields.uint('askedAtMs'), toldAtMs: fields.uint('toldAtMs'),
    declinedBy: fields.list('declinedBy', DECLINED_MAX).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail('device'))),
    ...(fields.has('from') ? { from: parseDeviceId(hexOf(fields.bytes('from', 16))) } : {}),
    ...(fields.has('archive') ? { archive: readBlobRef(new CborFields(fields.value('archive'), 'client.store'), LIMITS.blobBytesMax) } : {}),
    ...(fields.has('messages') ? { messages: fields.uint('messages') } : {}), ...(error !== undefined && isErrorCode(error) ? { error } : {}),
  }
}

/** Writes the row; undefined: this device wants nothing. */
export function writeWant(tx: Transaction, row: WantRow | undefined): void {
  if (row === undefined) {
    tx.remove('history', KEY)
    return
  }
  const map: Record<string, CborValue> = {
    ask: row.ask, state: STATES.indexOf(row.state), askedAtMs: row.askedAtMs, toldAtMs: row.toldAtMs, declinedBy: row.declinedBy.map((device) => idBytes(device)),
  }
  if (row.from !== undefined) map['from'] = idBytes(row.from)
  if (row.archive !== undefined) map['archive'] = blobRefFields(row.archive)
  if (row.messages !== undefined) map['messages'] = row.messages
  if (row.error !== undefined) map['error'] = row.error
  tx.put('history', KEY, encodeCbor(map))
}
