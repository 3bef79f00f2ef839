import type { Clock } from '@evegram/protocol'
import { equalBytes, EvegramError, LIMITS, type AccountId, type BlobId } from '@evegram/protocol'
import type { Counter, Metrics } from '@evegram/platform'
import type { BlobQuota } from '../ports/blob-quota.js'
import type { BlobFacts, BlobStore, Retention, StoredBlob } from '../ports/blob-store.js'

/** A blob that somebody wants to store. */
export interface WantedBlob {
  readonly blob: BlobId
  readonly bytes: number
  /** SHA-256 of the whole, 32 bytes. */
  readonly digest: Uint8Array
  readonly retention: Retention
}

/** How far an upload is. */
export interface Progress {
  readonly offset: number
  readonly complete: boolean
  readonly expiresAtMs: number
}

/** Bytes of a blob that are on their way out. */
export interface BlobPart {
  /** Length of the whole. */
  readonly bytes: number
  readonly stream: AsyncIterable<Uint8Array>
}

/** What {@link Blobs} needs. */
export interface BlobsParts {
  readonly store: BlobStore
  readonly quota: BlobQuota
  readonly clock: Clock
  readonly metrics: Metrics
  /** Largest blob that is taken. */
  readonly bytesMax: number
}

const RETENTION_MS: Readonly<Record<Retention, number>> = { message: LIMITS.retentionMs, backup: LIMITS.backupRetentionMs }

/** What accounts may do with blobs, whatever keeps them. */
export class Blobs {
  readonly #parts: BlobsParts
  /** Uploads whose bytes arrive now: a second writer would be in the way of the first. */
  readonly #busy = new Set<BlobId>()
  /** Completions under way: who asks meanwhile waits for the same one. */
  readonly #completing = new Map<BlobId, Promise<Progress>>()
  readonly #received: Counter
  readonly #created: Counter
  readonly #refused: Counter
  readonly #sent: Counter

  constructor(parts: BlobsParts) {
    this.#parts = parts
    this.#received = parts.metrics.counter({ name: 'blob_received_bytes', help: 'Bytes of uploads that were stored' })
    this.#sent = parts.metrics.counter({ name: 'blob_sent_bytes', help: 'Bytes of blobs that were read to be sent' })
    this.#refused = parts.metrics.counter({ name: 'blob_refused_total', help: 'Blobs that were not taken, by why', labels: ['why'] })
    this.#created = parts.metrics.counter({ name: 'blob_uploads_total', help: 'Uploads by what became of them', labels: ['outcome'] })
  }

  /**
   * Begins an upload of `owner`; of the same facts once more, says how far it is. Rejects `too_large.blob`, `limited.blobs` (quota, or as many backups as may be),
   * `conflict.request_differs` for another blob of that name, whoever stored it.
   */
  async create(owner: AccountId, wanted: WantedBlob): Promise<Progress> {
    const { store, quota, clock, bytesMax } = this.#parts
    if (wanted.bytes > bytesMax) {
      this.#refused.add(1, { why: 'size' })
      throw new EvegramError('too_large.blob', { operation: 'store blob', details: { bytesMax } })
    }
    const known = await store.find(wanted.blob)
    if (known !== undefined) return this.#again(owner, wanted, known)
    if (wanted.retention === 'backup' && (await store.backupsOf(owner)).length >= LIMITS.backupsPerAccountMax) {
      this.#refused.add(1, { why: 'backups' })
      throw new EvegramError('limited.blobs', { operation: 'store backup', advice: 'The account has as many backups as it may: remove the oldest first.' })
    }
    const taken = await quota.take(owner, wanted.bytes)
    if (taken.status === 'full') {
      this.#refused.add(1, { why: 'quota' })
      throw new EvegramError('limited.blobs', { operation: 'store blob', retryAfterMs: taken.retryAfterMs })
    }
    const nowMs = clock.now()
    const facts: BlobFacts = { ...wanted, owner, createdAtMs: nowMs, expiresAtMs: nowMs + RETENTION_MS[wanted.retention] }
    try {
      const created = await store.create(facts)
      if (created.status === 'created') {
        this.#created.add(1, { outcome: 'begun' })
        return { offset: 0, complete: false, expiresAtMs: nowMs + LIMITS.uploadIdleMs }
      }
      await quota.giveBack(owner, wanted.bytes)
      return await this.#again(owner, wanted, created.found)
    } catch (failure) {
      if (!(failure instanceof EvegramError) || failure.code === 'unavailable.blob_store') await quota.giveBack(owner, wanted.bytes)
      throw failure
    }
  }

  /** How far an own upload is. Rejects `not_found.blob`, `conflict.blob_digest`. */
  async progress(owner: AccountId, blob: BlobId): Promise<Progress> {
    const found = await this.#own(owner, blob)
    return this.#progressOf(found)
  }

  /**
   * Stores bytes of an own upload behind `offset`, as they come, and completes it with the last of them. When they break off what came is stored. Rejects
   * `not_found.blob`, `conflict.blob_offset` (details: `offset`), `conflict.busy` while others arrive, `too_large.request` for more bytes than were announced,
   * `conflict.blob_digest`.
   */
  async append(owner: AccountId, blob: BlobId, offset: number, bytes: AsyncIterable<Uint8Array>): Promise<Progress> {
    const found = await this.#own(owner, blob)
    if (found.complete || offset !== found.offset) throw elsewhere(found.complete ? found.facts.bytes : found.offset)
    if (this.#busy.has(blob)) throw new EvegramError('conflict.busy', { operation: 'store bytes', retryAfterMs: 250 })
    this.#busy.add(blob)
    try {
      const appended = await this.#parts.store.append(blob, offset, this.#bounded(bytes, found.facts.bytes - offset))
      if (appended.status === 'none') throw notFound()
      if (appended.status === 'elsewhere') throw elsewhere(appended.offset)
      return await this.#progressOf({ ...found, offset: appended.offset, touchedAtMs: this.#parts.clock.now() })
    } finally {
      this.#busy.delete(blob)
    }
  }

  /** Bytes of a complete blob, for whoever knows its name; none beyond its end. Rejects `not_found.blob`, also for what expired. */
  async read(blob: BlobId, from: number, length: number): Promise<BlobPart> {
    const found = await this.#parts.store.find(blob)
    if (found?.complete !== true || found.facts.expiresAtMs <= this.#parts.clock.now()) throw notFound()
    const { bytes } = found.facts
    return { bytes, stream: this.#counted(this.#parts.store.read(blob, from, Math.max(0, Math.min(length, bytes - from)))) }
  }

  /** Removes an own blob or upload. One that is not there, or not own, is no error and stays. */
  async remove(owner: AccountId, blob: BlobId): Promise<void> {
    const found = await this.#parts.store.find(blob)
    if (found?.facts.owner === owner) await this.#parts.store.remove(blob)
  }

  /** Complete backups of an account, newest first. */
  async backups(owner: AccountId): Promise<readonly BlobFacts[]> {
    const nowMs = this.#parts.clock.now()
    return (await this.#parts.store.backupsOf(owner)).filter(({ complete, facts }) => complete && facts.expiresAtMs > nowMs).map(({ facts }) => facts)
  }

  async #again(owner: AccountId, wanted: WantedBlob, { facts, ...found }: StoredBlob): Promise<Progress> {
    const isSame = facts.owner === owner && facts.bytes === wanted.bytes && facts.retention === wanted.retention && equalBytes(facts.digest, wanted.digest)
    if (!isSame) throw new EvegramError('conflict.request_differs', { operation: 'store blob' })
    return this.#progressOf({ facts, ...found })
  }

  async #own(owner: AccountId, blob: BlobId): Promise<StoredBlob> {
    const found = await this.#parts.store.find(blob)
    // Somebody else's looks like none: that it is there is nobody's business.
    if (found?.facts.owner !== owner) throw notFound()
    return found
  }

  async #progressOf({ facts, offset, complete, touchedAtMs }: StoredBlob): Promise<Progress> {
    if (complete) return { offset: facts.bytes, complete, expiresAtMs: facts.expiresAtMs }
    if (offset < facts.bytes) return { offset, complete, expiresAtMs: touchedAtMs + LIMITS.uploadIdleMs }
    const running = this.#completing.get(facts.blob)
    if (running !== undefined) return running
    const completing = this.#complete(facts).finally(() => { this.#completing.delete(facts.blob) })
    this.#completing.set(facts.blob, completing)
    return completing
  }

  async #complete(facts: BlobFacts): Promise<Progress> {
    const outcome = await this.#parts.store.complete(facts.blob)
    this.#created.add(1, { outcome })
    if (outcome === 'none') throw notFound()
    if (outcome === 'damaged') throw new EvegramError('conflict.blob_digest', { operation: 'complete blob' })
    return { offset: facts.bytes, complete: true, expiresAtMs: facts.expiresAtMs }
  }

  async* #counted(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of stream) {
      this.#sent.add(bytes.length)
      yield bytes
    }
  }

  async* #bounded(stream: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array, void, undefined> {
    let left = bytesMax
    for await (const bytes of stream) {
      if (bytes.length > left) throw new EvegramError('too_large.request', { operation: 'store bytes', advice: 'The blob was announced with fewer bytes.' })
      left -= bytes.length
      this.#received.add(bytes.length)
      yield bytes
    }
  }
}

function notFound(): EvegramError {
  return new EvegramError('not_found.blob', { operation: 'find blob' })
}

function elsewhere(offset: number): EvegramError {
  return new EvegramError('conflict.blob_offset', { operation: 'store bytes', details: { offset } })
}
