import { CborFields, decodeCbor, encodeCbor, parseBlobId, type BlobId } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import { BACKUP_HEAD_BYTES_MAX } from './backup-head.js'

/** A sealed backup on its way to the server; its chunks are in the spool under the id of the blob. */
export interface UploadRow {
  readonly blob: BlobId
  readonly head: Uint8Array
  /** Bytes of all, and their SHA-256. */
  readonly bytes: number
  readonly digest: Uint8Array
  readonly madeAtMs: number
  readonly messages: number
}

const KEY = 'upload'

/** The upload that was not finished, if there is one. */
export async function readUpload(source: Pick<Transaction, 'get'>): Promise<UploadRow | undefined> {
  const row = await source.get('history', KEY)
  if (row === undefined) return undefined
  const fields = new CborFields(decodeCbor(row, 2 * BACKUP_HEAD_BYTES_MAX), 'client.store')
  return {
    blob: parseBlobId(fields.text('blob', 32)), head: fields.bytes('head', { lengthMax: BACKUP_HEAD_BYTES_MAX }), bytes: fields.uint('bytes'),
    digest: fields.bytes('digest', 32), madeAtMs: fields.uint('madeAtMs'), messages: fields.uint('messages'),
  }
}

/** Writes the row; undefined: there is none. */
export function writeUpload(tx: Transaction, row: UploadRow | undefined): void {
  if (row === undefined) tx.remove('history', KEY)
  else tx.put('history', KEY, encodeCbor({ ...row }))
}
