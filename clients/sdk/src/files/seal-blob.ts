import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { BLOB_CHUNK_BYTES, BLOB_KEY_BYTES, EvegramError, isBlobChunk, paddedLength, type BlobRef } from '@evegram/protocol'
import { blobNonce } from './blob-nonce.js'
import { cutBytes } from './cut-bytes.js'

/** What is known of a blob once it is sealed: a {@link BlobRef} without the place. */
export type SealedBlob = Omit<BlobRef, 'blob'>

/** Choices of {@link sealBlob}. */
export interface SealOptions {
  /** 32 random bytes that never sealed anything before: the same key over other content would give both away. */
  readonly key: Uint8Array
  /** Bytes of content in a chunk: a power of two from 64 to 256 KiB. Default `BLOB_CHUNK_BYTES`. */
  readonly chunk?: number
}

/** Zeros that padding is made of. */
const ZEROS = new Uint8Array(BLOB_CHUNK_BYTES)

/**
 * Encrypts a stream in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance", CRYPTO 2015) over XChaCha20-Poly1305, padded with zeros to {@link paddedLength}: docs/e2ee.md has the bytes. Yields one sealed
 * chunk after the other, in memory of a few chunks; returns what opens it. Throws `invalid.argument` for another key or chunk length, and whatever
 * `content` does.
 */
export async function* sealBlob(content: AsyncIterable<Uint8Array>, { key, chunk = BLOB_CHUNK_BYTES }: SealOptions): AsyncGenerator<Uint8Array, SealedBlob, undefined> {
  if (key.length !== BLOB_KEY_BYTES || !isBlobChunk(chunk)) throw new EvegramError('invalid.argument', { operation: 'seal blob' })
  const counted = { size: 0 }
  const digest = sha256.create()
  let index = 0
  for await (const { bytes, last } of cutBytes(padded(content, counted), chunk)) {
    const sealed = xchacha20poly1305(key, blobNonce(chunk, index, last)).encrypt(bytes)
    digest.update(sealed)
    yield sealed
    index += 1
  }
  return { key, size: counted.size, chunk, digest: digest.digest() }
}

async function* padded(content: AsyncIterable<Uint8Array>, counted: { size: number }): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const bytes of content) {
    counted.size += bytes.length
    yield bytes
  }
  for (let left = paddedLength(counted.size) - counted.size; left > 0; left -= ZEROS.length) yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS
}
