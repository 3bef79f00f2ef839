import type { AccountId, BlobId } from '@evegram/protocol'

/** How long a blob is kept: as long as messages, or as long as backups. */
export const RETENTIONS = ['message', 'backup'] as const
/** One of {@link RETENTIONS}. */
export type Retention = (typeof RETENTIONS)[number]

/** What was announced of a blob before its bytes. Never changes. */
export interface BlobFacts {
  readonly blob: BlobId
  readonly owner: AccountId
  /** Length of the whole. */
  readonly bytes: number
  /** SHA-256 of the whole, 32 bytes. */
  readonly digest: Uint8Array
  readonly retention: Retention
  readonly createdAtMs: number
  /** From then on the complete blob is gone, or may be. */
  readonly expiresAtMs: number
}

/** A blob or an upload as it is stored. */
export interface StoredBlob {
  readonly facts: BlobFacts
  /** Bytes that are there, from the beginning and without a gap. */
  readonly offset: number
  readonly complete: boolean
  /** When bytes were added last, in ms since 1970 by the clock of the store. */
  readonly touchedAtMs: number
}

/** What became of bytes that were to be appended. */
export type AppendResult =
  | { readonly status: 'appended'; readonly offset: number }
  /** The upload ends elsewhere: nothing was stored. */
  | { readonly status: 'elsewhere'; readonly offset: number }
  /** There is no upload of that name, or it is complete. */
  | { readonly status: 'none' }

/**
 * Where blobs are kept. Names come from clients: an adapter uses a {@link BlobId} (32 hex digits) and nothing else of a request in names of its own.
 *
 * - Order: bytes are appended at the end alone. One append of a blob at a time is the caller's duty; two with the same bytes do no harm.
 * - Durability: what `create`, `append` and `complete` resolved with is synced and survives the loss of power. When `bytes` of an append fails in the middle,
 *   what it gave before is kept and synced as far as the adapter can, and the append rejects with that failure: `find` says how far it came.
 * - Completion: a blob is read only when it is complete. `complete` reads back what is stored and holds it against the digest, so that a tail which a crash damaged
 *   (appended, never acknowledged) is found before anybody is told of the blob.
 * - Bounds: never more of a stream in memory than one part, which the adapter names.
 * - Failure: `unavailable.blob_store`, also when there is no room; what was stored before stays.
 */
export interface BlobStore {
  /** Begins an upload. Of the same name once more: what is there, and nothing changes. */
  create(facts: BlobFacts): Promise<{ readonly status: 'created' } | { readonly status: 'exists'; readonly found: StoredBlob }>
  find(blob: BlobId): Promise<StoredBlob | undefined>
  /** Appends the bytes of a stream, which never gives more than the blob lacks. */
  append(blob: BlobId, offset: number, bytes: AsyncIterable<Uint8Array>): Promise<AppendResult>
  /** Holds the whole against its digest and makes it readable. `damaged`: it was removed. Once more: `complete` again. */
  complete(blob: BlobId): Promise<'complete' | 'damaged' | 'none'>
  /** Bytes of a complete blob that was found, from `from` on, `length` of them. Ends with `not_found.blob` when it is gone meanwhile. */
  read(blob: BlobId, from: number, length: number): AsyncIterable<Uint8Array>
  /** Removes blob or upload; none is no error. */
  remove(blob: BlobId): Promise<void>
  /** Backups of an account, complete or not, newest first. */
  backupsOf(owner: AccountId): Promise<readonly StoredBlob[]>
  /** Removes at most `limit` blobs that expired and uploads that nobody went on with for `uploadIdleMs`. Returns how many: fewer than `limit` are all. */
  sweep(nowMs: number, uploadIdleMs: number, limit: number): Promise<number>
}
