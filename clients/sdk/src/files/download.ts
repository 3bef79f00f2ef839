import { EvegramError, sealedBlobBytes, type BlobRef, type Clock, type Random } from '@evegram/protocol'
import type { BlobApi } from './blob-api.js'
import { openBlob } from './open-blob.js'
import { readableOf } from './readable-of.js'
import { isPassing, waitForTurn } from './transfer-retry.js'

/** Bytes of one request. */
const PIECE_BYTES = 1_048_576
/** Failures in a row after which a download gives up. */
const FAILURES_MAX = 8

/** How far a transfer is. */
export interface TransferProgress {
  /** Bytes of the encrypted file that are over. */
  readonly doneBytes: number
  readonly totalBytes: number
}

/** Choices of a download. */
export interface DownloadOptions {
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
  /** Ends it with `files.cancelled`. */
  readonly signal?: AbortSignal | undefined
}

/** What a download needs. */
export interface DownloadParts {
  readonly api: BlobApi
  readonly clock: Clock
  readonly random: Random
}

/**
 * The content of a file, decrypted and verified chunk by chunk: what it gives is what the sender sealed, and it ends only when all of it was there. A connection that
 * breaks is made again and goes on where it was. Rejects `not_found.blob`, `e2ee.file_damaged`, `files.cancelled`, and the last failure after eight in a row.
 */
export function downloadFile(parts: DownloadParts, ref: BlobRef, options: DownloadOptions = {}): ReadableStream<Uint8Array> {
  return readableOf(async () => openBlob(sealedBytes(parts, ref, options), ref))
}

async function* sealedBytes({ api, clock, random }: DownloadParts, ref: BlobRef, { onProgress, signal }: DownloadOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const totalBytes = sealedBlobBytes(ref.size, ref.chunk)
  let failures = 0
  for (let at = 0; at < totalBytes;) {
    const wanted = Math.min(PIECE_BYTES, totalBytes - at)
    let bytes: Uint8Array
    try {
      bytes = await api.read(ref.blob, at, wanted, { signal })
    } catch (error) {
      failures += 1
      if (!isPassing(error) || failures >= FAILURES_MAX) throw error
      await waitForTurn(error, failures, { clock, random, signal })
      continue
    }
    if (bytes.length !== wanted) throw new EvegramError('e2ee.file_damaged', { operation: 'fetch file', details: { expected: wanted } })
    failures = 0
    at += bytes.length
    onProgress?.({ doneBytes: at, totalBytes })
    yield bytes
  }
}
