import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, LIMITS, parseConversationId, readFileRef, fileFields, readSaidWith, saidWithFields,
  type BlobId, type ConversationId, type FileRef, type SaidWith,
} from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** A message with files on its way to the server. */
export interface UploadRow extends SaidWith {
  /** 32 hex digits, by place in the queue. */
  readonly upload: string
  readonly conversation: ConversationId
  readonly text: string
  /** `sealing`: the files are being read; when that ends with the process, nothing was promised and the row goes. */
  readonly stage: 'sealing' | 'sending'
  /** In their order. While sealing those that are sealed, or being sealed. */
  readonly files: readonly FileRef[]
  /** How many of them the server has whole. */
  readonly done: number
}

/** Start of the keys of uploads in table `files`. */
export const UPLOAD_PREFIX = 'u/'
const ROW_BYTES_MAX = 65_536

const uploadKey = (upload: string): string => `${UPLOAD_PREFIX}${upload}`
/** Start of the keys of the sealed chunks of a blob in table `files`. */
export const chunkPrefix = (blob: BlobId): string => `c/${blob}/`
/** Key of a sealed chunk. */
export const chunkKey = (blob: BlobId, index: number): string => `${chunkPrefix(blob)}${sortable(index, 8)}`

/** Writes an upload. */
export function writeUpload(tx: Transaction, row: UploadRow): void {
  tx.put('files', uploadKey(row.upload), encodeCbor({
    upload: row.upload, conversation: idBytes(row.conversation), text: row.text, sending: row.stage === 'sending', files: row.files.map(fileFields), done: row.done, ...saidWithFields(row),
  }))
}

/** Removes an upload; its chunks go with `removeChunks`. */
export function removeUpload(tx: Transaction, upload: string): void {
  tx.remove('files', uploadKey(upload))
}

/** Throws `client.store` on a row of another shape. */
export function decodeUpload(bytes: Uint8Array): UploadRow {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  return {
    upload: fields.text('upload', 64), conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), text: fields.text('text', LIMITS.payloadBytesMax),
    stage: fields.boolean('sending') ? 'sending' : 'sealing', files: fields.list('files', LIMITS.filesPerMessageMax).map(readFileRef), done: fields.uint('done', LIMITS.filesPerMessageMax),
    ...readSaidWith(fields),
  }
}

/** All uploads of a profile, in the order in which they were made. At most `limit`. */
export async function listUploads(store: Pick<LocalStore, 'list'>, limit: number): Promise<readonly UploadRow[]> {
  return (await store.list('files', { from: UPLOAD_PREFIX, to: `${UPLOAD_PREFIX}~`, limit })).map(({ value }) => decodeUpload(value))
}
