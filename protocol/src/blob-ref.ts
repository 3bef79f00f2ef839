import type { CborFields, CborValue } from './cbor.js'
import { bytesOfHex, hexOf } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import { paddedLength } from './padding.js'

declare const blobBrand: unique symbol
/** Name of a blob at its server: 16 random bytes in hex, made by who uploads it. Whoever knows it may read the (encrypted) bytes. */
export type BlobId = string & { readonly [blobBrand]: 'BlobId' }

/** Bytes of a {@link BlobId}. */
export const BLOB_ID_BYTES = 16
/** Bytes of the key of one blob. */
export const BLOB_KEY_BYTES = 32
/** Bytes of SHA-256 over a sealed blob. */
export const BLOB_DIGEST_BYTES = 32
/** Bytes of content in one chunk, unless the blob says otherwise. */
export const BLOB_CHUNK_BYTES = 65_536
/** Most bytes of content in one chunk. A chunk length is a power of two from {@link BLOB_CHUNK_BYTES} up to this. */
export const BLOB_CHUNK_BYTES_MAX = 262_144
/** Bytes that sealing adds to each chunk: the tag of Poly1305. */
export const BLOB_TAG_BYTES = 16

/** What one needs to fetch a blob and to open it. */
export interface BlobRef {
  readonly blob: BlobId
  /** Drawn at random for this blob, 32 bytes. */
  readonly key: Uint8Array
  /** Bytes of its content. The sealed blob is longer, see {@link sealedBlobBytes}. */
  readonly size: number
  /** Bytes of content in each chunk but the last. */
  readonly chunk: number
  /** SHA-256 of the sealed bytes, 32 bytes. */
  readonly digest: Uint8Array
}

/** Brands the id of a blob. Throws `invalid.id`. */
export function parseBlobId(text: string): BlobId {
  if (!/^[0-9a-f]{32}$/.test(text)) throw new EvegramError('invalid.id', { operation: 'parse blob id' })
  return text as BlobId
}

/** Whether `chunk` is a chunk length of this version. */
export function isBlobChunk(chunk: number): boolean {
  return chunk >= BLOB_CHUNK_BYTES && chunk <= BLOB_CHUNK_BYTES_MAX && Number.isInteger(Math.log2(chunk))
}

/** Length of the sealed form of `size` bytes: padded, in chunks, each with its tag. */
export function sealedBlobBytes(size: number, chunk: number): number {
  const padded = paddedLength(size)
  return padded + Math.ceil(padded / chunk) * BLOB_TAG_BYTES
}

/** CBOR fields of a reference. */
export function blobRefFields({ blob, key, size, chunk, digest }: BlobRef): Record<string, CborValue> {
  return { blob: bytesOfHex(blob), key, size, chunk, digest }
}

/** Reads the fields of a reference. Fails as `fields` do, and with `too_large.file` past `sizeMax` bytes of content. */
export function readBlobRef(fields: CborFields, sizeMax: number = LIMITS.fileBytesMax): BlobRef {
  const size = fields.uint('size')
  if (size > sizeMax) throw new EvegramError('too_large.file', { operation: 'read file', details: { sizeMax } })
  const chunk = fields.uint('chunk', BLOB_CHUNK_BYTES_MAX)
  if (!isBlobChunk(chunk)) fields.fail('chunk: a power of two')
  return {
    blob: parseBlobId(hexOf(fields.bytes('blob', BLOB_ID_BYTES))), key: fields.bytes('key', BLOB_KEY_BYTES), size, chunk,
    digest: fields.bytes('digest', BLOB_DIGEST_BYTES),
  }
}
