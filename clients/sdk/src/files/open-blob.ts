import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { BLOB_TAG_BYTES, equalBytes, EvegramError, sealedBlobBytes } from '@evegram/protocol'
import { blobNonce } from './blob-nonce.js'
import { cutBytes } from './cut-bytes.js'
import type { SealedBlob } from './seal-blob.js'

/**
 * Decrypts what `sealBlob` made, chunk by chunk, in memory of a few chunks. What it yields is authentic: the bytes that were sealed, in their order, from
 * their beginning; it returns only when they are all there and the digest is right, and the last chunk is not given out before. Throws
 * `e2ee.file_damaged` for a chunk that was changed, moved, left out or added, for a stream of another length or with another digest, and for padding that
 * is not zero. Never reads more of `sealed` than such a blob has.
 */
export async function* openBlob(sealed: AsyncIterable<Uint8Array>, ref: SealedBlob): AsyncGenerator<Uint8Array, void, undefined> {
  const sealedBytes = sealedBlobBytes(ref.size, ref.chunk)
  const digest = sha256.create()
  let index = 0
  let read = 0
  let left = ref.size
  let ended = false
  for await (const { bytes, last } of cutBytes(bounded(sealed, sealedBytes), ref.chunk + BLOB_TAG_BYTES)) {
    read += bytes.length
    // Where the blob ends is known from its size: a stream that ends earlier fails here, by the flag of its last nonce.
    const opened = openChunk(bytes, ref, index, last)
    digest.update(bytes)
    if (last && (read !== sealedBytes || !equalBytes(digest.digest(), ref.digest))) damaged()
    const content = opened.subarray(0, Math.min(left, opened.length))
    if (opened.subarray(content.length).some((byte) => byte !== 0)) damaged()
    left -= content.length
    ended = last
    index += 1
    if (content.length > 0) yield content
  }
  if (!ended) damaged()
}

function openChunk(bytes: Uint8Array, { key, chunk }: SealedBlob, index: number, last: boolean): Uint8Array {
  if (bytes.length <= BLOB_TAG_BYTES) damaged()
  try {
    return xchacha20poly1305(key, blobNonce(chunk, index, last)).decrypt(bytes)
  } catch (cause) {
    // The library throws an Error of its own for a wrong tag.
    return damaged(cause)
  }
}

async function* bounded(sealed: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array, void, undefined> {
  let read = 0
  for await (const bytes of sealed) {
    read += bytes.length
    if (read > bytesMax) damaged()
    yield bytes
  }
}

function damaged(cause?: unknown): never {
  throw new EvegramError('e2ee.file_damaged', { operation: 'open file', cause })
}
