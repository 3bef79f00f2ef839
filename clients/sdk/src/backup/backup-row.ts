import { CborFields, decodeCbor, encodeCbor, parseBlobId, type BlobId, type CborValue } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import { BACKUP_KEY_BYTES, readWrap, wrapFields, type WrappedKey } from './backup-key.js'

/** What a profile keeps to make backups: never in an archive. */
export interface BackupRow {
  /** Key of the backups, 32 bytes. */
  readonly key: Uint8Array
  /** The same key, locked with what its person has. */
  readonly wraps: readonly WrappedKey[]
  /** When the newest backup was whole, in ms since 1970. */
  readonly madeAtMs?: number
  /** Where it is; absent for a file. */
  readonly blob?: BlobId
  /** Messages in it. */
  readonly messages?: number
}

const KEY = 'backup'
const ROW_BYTES_MAX = 8_192

/** The row, or undefined before a secret was chosen. */
export async function readBackupRow(source: Pick<Transaction, 'get'>): Promise<BackupRow | undefined> {
  const bytes = await source.get('history', KEY)
  if (bytes === undefined) return undefined
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  return {
    key: fields.bytes('key', BACKUP_KEY_BYTES), wraps: fields.list('wraps', 4).map(readWrap),
    ...(fields.has('madeAtMs') ? { madeAtMs: fields.uint('madeAtMs') } : {}), ...(fields.has('messages') ? { messages: fields.uint('messages') } : {}),
    ...(fields.has('blob') ? { blob: parseBlobId(fields.text('blob', 32)) } : {}),
  }
}

/** Writes the row. */
export function writeBackupRow(tx: Transaction, { key, wraps, madeAtMs, blob, messages }: BackupRow): void {
  const map: Record<string, CborValue> = { key, wraps: wraps.map(wrapFields) }
  if (madeAtMs !== undefined) map['madeAtMs'] = madeAtMs
  if (blob !== undefined) map['blob'] = blob
  if (messages !== undefined) map['messages'] = messages
  tx.put('history', KEY, encodeCbor(map))
}
