import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, EvegramError, type BlobId } from '@evegram/protocol'
import type { BlobApi, BlobAppend, BlobProgress, NewBlob, OwnBlob } from '../../files/blob-api.js'

interface Held {
  readonly announced: NewBlob
  readonly createdAtMs: number
  bytes: Uint8Array
}

/** Blobs in memory, for several clients of one account; `failAfter` breaks connections. */
export class FakeBlobs implements BlobApi {
  readonly held = new Map<BlobId, Held>()
  /** Appends that still work; each one after them stores what it was given, and its answer is lost. */
  failAfter = Infinity
  #now = 0

  create(announced: NewBlob): Promise<BlobProgress> {
    this.#now += 1
    if (!this.held.has(announced.blob)) this.held.set(announced.blob, { announced, createdAtMs: this.#now, bytes: new Uint8Array(0) })
    return this.progress(announced.blob)
  }

  progress(blob: BlobId): Promise<BlobProgress> {
    const { bytes, announced } = this.#find(blob)
    return Promise.resolve({ offset: bytes.length, complete: bytes.length === announced.bytes, expiresAtMs: 2 ** 40 })
  }

  append(blob: BlobId, offset: number, bytes: Uint8Array): Promise<BlobAppend> {
    const held = this.#find(blob)
    if (offset !== held.bytes.length) return Promise.resolve({ status: 'elsewhere', offset: held.bytes.length })
    held.bytes = concatBytes(held.bytes, bytes)
    if (held.bytes.length >= held.announced.bytes && !equalBytes(sha256(held.bytes), held.announced.digest)) {
      this.held.delete(blob)
      return Promise.reject(new EvegramError('conflict.request_differs', { operation: 'append' }))
    }
    this.failAfter -= 1
    if (this.failAfter < 0) return Promise.reject(new EvegramError('unavailable.server', { operation: 'append' }))
    return this.progress(blob).then((progress) => ({ status: 'appended', ...progress }))
  }

  read(blob: BlobId, from: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.#find(blob).bytes.slice(from, from + length))
  }

  remove(blob: BlobId): Promise<void> {
    this.held.delete(blob)
    return Promise.resolve()
  }

  backups(): Promise<readonly OwnBlob[]> {
    const stored = [...this.held.values()].filter(({ bytes, announced }) => announced.retention === 'backup' && bytes.length === announced.bytes)
    return Promise.resolve(stored.sort((left, right) => right.createdAtMs - left.createdAtMs).map(({ announced, createdAtMs }) => ({
      blob: announced.blob, bytes: announced.bytes, createdAtMs, expiresAtMs: 2 ** 40,
    })))
  }

  #find(blob: BlobId): Held {
    const held = this.held.get(blob)
    if (held === undefined) throw new EvegramError('not_found.resource', { operation: 'find blob' })
    return held
  }
}
