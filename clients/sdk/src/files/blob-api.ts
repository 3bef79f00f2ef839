import type { BlobId } from '@evegram/protocol'

/** How long the server keeps a blob: as long as messages, or as long as backups. */
export type BlobRetention = 'message' | 'backup'

/** What a server is told of a blob before its bytes. */
export interface NewBlob {
  /** Drawn at random by who uploads: the same call once more is the same upload. */
  readonly blob: BlobId
  /** Bytes of the sealed blob, 1 to `LIMITS.blobBytesMax`. */
  readonly bytes: number
  /** SHA-256 of the sealed bytes: the server holds the whole against it before it calls the blob stored. */
  readonly digest: Uint8Array
  readonly retention: BlobRetention
}

/** How far an upload is. */
export interface BlobProgress {
  /** Bytes that are stored and synced. */
  readonly offset: number
  /** All bytes are stored and are those that were announced: others can read it. */
  readonly complete: boolean
  /** When the server forgets it, in ms since 1970 by its clock. Of an upload: when it must have gone on. */
  readonly expiresAtMs: number
}

/** What became of bytes that were sent. */
export type BlobAppend =
  | ({ readonly status: 'appended' } & BlobProgress)
  /** The upload ends elsewhere: go on from `offset`. What was sent is not stored. */
  | { readonly status: 'elsewhere'; readonly offset: number }

/** A blob of the own account that others are not told of. */
export interface OwnBlob {
  readonly blob: BlobId
  /** Bytes of the sealed blob. */
  readonly bytes: number
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** Choices of every call. */
export interface BlobCall {
  /** Ends the call with `files.cancelled`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Encrypted blobs of one server, for the account of its tokens. The server sees sizes, times, who uploads and who downloads.
 *
 * - Order: bytes are appended in order, each call behind what is stored; nothing is stored out of place.
 * - Durability: what an answer calls stored is synced there, also when the connection broke before the answer: ask `progress` where to go on.
 * - Duplicates: `create` once more with the same facts is the same upload; with others `conflict.request_differs`.
 * - Failure: `unavailable.server`, `timeout`, `unavailable.blob_store`, `limited.rate` may be tried again; `too_large.blob` and `limited.blobs` say
 *   what the server takes; `not_found.blob` is an upload or blob that is not there, or of somebody else; `files.cancelled` when `signal` aborted.
 */
export interface BlobApi {
  /** Announces a blob. Rejects `too_large.blob`, `limited.blobs`, `conflict.request_differs`. */
  create(blob: NewBlob, call?: BlobCall): Promise<BlobProgress>
  /** How far an own upload is, or that it is stored. Rejects `not_found.blob`. */
  progress(blob: BlobId, call?: BlobCall): Promise<BlobProgress>
  /** Sends bytes that go behind `offset`. Rejects `not_found.blob`, and `conflict.blob_digest` when the whole is not what was announced: it was removed then. */
  append(blob: BlobId, offset: number, bytes: Uint8Array, call?: BlobCall): Promise<BlobAppend>
  /** Bytes `from` to `from + length` (fewer at the end) of a stored blob. Rejects `not_found.blob`, `invalid.response` for another range. */
  read(blob: BlobId, from: number, length: number, call?: BlobCall): Promise<Uint8Array>
  /** Removes an own blob or upload; one that is not there is no error. */
  remove(blob: BlobId, call?: BlobCall): Promise<void>
  /** Stored blobs of the own account with retention `backup`, newest first; at most `LIMITS.backupsPerAccountMax`. */
  backups(call?: BlobCall): Promise<readonly OwnBlob[]>
}
