import { EvegramError, hexOf, type Random } from '@evegram/protocol'
import { Bucket, isRefusal } from './bucket.js'
import { S3BlobStore } from './s3-blob-store.js'
import type { S3Place } from './s3-place.js'

/** A store in a bucket, and what ends its connections. */
export interface OpenS3BlobStore {
  readonly store: S3BlobStore
  close(): void
}

/**
 * Opens the store in a bucket, after a look whether it can be one: two conditional writes of one name, of which the second must be refused. Rejects `invalid.config`
 * for keys, buckets and rights that are wrong and for a store that takes both writes (uploads of several processes would overwrite each other in it),
 * `unavailable.blob_store` when it does not answer.
 */
export async function openS3BlobStore(place: S3Place, random: Random): Promise<OpenS3BlobStore> {
  const bucket = new Bucket(place)
  const key = `probe/${hexOf(random.bytes(16))}`
  try {
    const outcomes = [await bucket.put(key, new Uint8Array(1), { ifAbsent: true }), await bucket.put(key, new Uint8Array(1), { ifAbsent: true })]
    await bucket.remove([key])
    if (outcomes[0] !== 'stored' || outcomes[1] !== 'exists') {
      throw new EvegramError('invalid.config', { operation: 'open bucket', advice: 'The store at EVEGRAM_S3_URL takes conditional writes (If-None-Match: *) for plain ones: use one that knows them.' })
    }
    return { store: new S3BlobStore(bucket), close: () => { bucket.close() } }
  } catch (cause) {
    bucket.close()
    if (!isRefusal(cause)) throw cause
    throw new EvegramError('invalid.config', { operation: 'open bucket', cause, advice: 'The store at EVEGRAM_S3_URL refuses: look at the name of the bucket, EVEGRAM_S3_ACCESS_KEY, EVEGRAM_S3_SECRET_KEY and the rights of that key (read, write, list, delete).' })
  }
}
