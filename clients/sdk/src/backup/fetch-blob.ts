import type { BlobId } from '@evegram/protocol'
import type { BlobApi } from '../files/blob-api.js'

/** Bytes that one request asks for. */
const READ_BYTES = 1_048_576

/** The bytes of a blob, `bytes` in all, in order; `onFetched` is told how many there are. */
export async function* fetchBlob(
  api: BlobApi, blob: BlobId, bytes: number, signal?: AbortSignal, onFetched: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes;) {
    const piece = await api.read(blob, from, Math.min(READ_BYTES, bytes - from), signal === undefined ? {} : { signal })
    // What opens the blob finds that it ends too early.
    if (piece.length === 0) return
    from += piece.length
    onFetched(from)
    yield piece
  }
}
