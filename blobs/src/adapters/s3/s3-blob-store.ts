import { createHash, type Hash } from 'node:crypto'
import { equalBytes, EvegramError, parseBlobId, type AccountId, type BlobId } from '@evegram/protocol'
import { RequestGate } from '@evegram/platform'
import type { AppendResult, BlobFacts, BlobStore, StoredBlob } from '../../ports/blob-store.js'
import { decodeBlobFacts, encodeBlobFacts } from '../blob-facts.js'
import { dayOf, DAY_MS } from '../days.js'
import { inParts } from '../in-parts.js'
import type { Bucket, PartedUpload } from './bucket.js'
import { chainOf, digestText, endOf, groupsOf, segmentKey, segmentsOf, type Segment } from './segments.js'

/** Bytes and numbers that bound the memory and the names of one process. */
export const S3_STORE_LIMITS = {
  /** Bytes of an upload that are gathered for one object. */
  segmentBytes: 1_048_576,
  /** Objects below `segmentBytes` that an upload may have: then those that lie together are put together. */
  smallSegmentsMax: 64,
  /** Bytes of a part of a complete blob (S3 takes no part below 5 MiB but the last), and of what is put together. */
  partBytes: 8_388_608,
  /** Uploads that are put together at a time, and those that wait: each holds one part in memory. */
  assembliesMax: 8,
  assembliesWaitingMax: 256,
  /** Times that an upload is read anew because another process put its objects together meanwhile. */
  readsMax: 3,
} as const

/** Choices of {@link S3BlobStore}: smaller bounds are for tests. */
export type S3StoreLimits = { readonly [Name in keyof typeof S3_STORE_LIMITS]: number }

/**
 * {@link BlobStore} in a bucket that several processes share: each name is written once by a conditional write, so of two that append at the same place one gets
 * through and the other is told where the upload ends.
 *
 * `facts/<blob>` is what was announced, `uploads/<blob>/<place>` a run of bytes that begins there, `data/<blob>` the complete blob; `due/<day>/<blob>` (empty) says
 * when to look whether it is to go, `backups/<account>/<blob>` (empty) finds backups. A name is made before the facts and removed after them: without facts there is
 * no blob, and the sweep finds what a crash left. Objects of S3 cannot be appended to: the bytes of an upload are objects of their own until it is complete, then one.
 */
export class S3BlobStore implements BlobStore {
  readonly #bucket: Bucket
  readonly #limits: S3StoreLimits
  readonly #assemblies: RequestGate

  constructor(bucket: Bucket, limits: S3StoreLimits = S3_STORE_LIMITS) {
    this.#bucket = bucket
    this.#limits = limits
    this.#assemblies = new RequestGate({ inFlightMax: limits.assembliesMax, queuedMax: limits.assembliesWaitingMax, operation: 'put blob together' })
  }

  async create(facts: BlobFacts): ReturnType<BlobStore['create']> {
    const found = await this.find(facts.blob)
    if (found !== undefined) return { status: 'exists', found }
    await this.#bucket.put(dueKey(facts.createdAtMs + DAY_MS, facts.blob), EMPTY)
    if (facts.retention === 'backup') await this.#bucket.put(backupKey(facts.owner, facts.blob), EMPTY)
    const text = encodeBlobFacts(facts)
    if (await this.#bucket.put(factsKey(facts.blob), Buffer.from(text), { ifAbsent: true }) === 'stored') return { status: 'created' }
    // Another process was first, or our own write came through and its answer did not.
    const known = await this.#bucket.text(factsKey(facts.blob))
    if (known?.text === text) return { status: 'created' }
    const other = await this.find(facts.blob)
    if (other === undefined) throw new EvegramError('unavailable.blob_store', { operation: 'create blob', details: { reason: 'removed meanwhile' } })
    return { status: 'exists', found: other }
  }

  async find(blob: BlobId): Promise<StoredBlob | undefined> {
    const [known, whole] = await Promise.all([this.#bucket.text(factsKey(blob)), this.#bucket.head(dataKey(blob))])
    if (known === undefined) return undefined
    const facts = decodeBlobFacts(known.text)
    if (whole !== undefined) return { facts, offset: whole.bytes, complete: true, touchedAtMs: whole.modifiedMs }
    const chain = await this.#chain(blob)
    return { facts, offset: endOf(chain), complete: false, touchedAtMs: chain.reduce((last, { modifiedMs }) => Math.max(last, modifiedMs), known.modifiedMs) }
  }

  async append(blob: BlobId, offset: number, bytes: AsyncIterable<Uint8Array>): Promise<AppendResult> {
    const found = await this.find(blob)
    if (found === undefined || found.complete) return { status: 'none' }
    if (found.offset !== offset) return { status: 'elsewhere', offset: found.offset }
    await this.#keepFew(blob)
    let end = offset
    for await (const gathered of inParts(bytes, this.#limits.segmentBytes)) {
      if (await this.#storeSegment(blob, end, gathered) === 'taken') return this.#elsewhere(blob)
      end += gathered.length
    }
    if (await this.#bucket.text(factsKey(blob)) !== undefined) return { status: 'appended', offset: end }
    // Removed while its bytes came: nobody would ever find these.
    await this.#removeSegments(blob)
    return { status: 'none' }
  }

  async complete(blob: BlobId): ReturnType<BlobStore['complete']> {
    for (let reads = 1; ; reads++) {
      const found = await this.find(blob)
      if (found === undefined) return 'none'
      if (found.complete) return 'complete'
      const outcome = await this.#assemblies.run(() => this.#assemble(found.facts))
      // Another process completes it, or puts its segments together: another look tells.
      if ((outcome === 'short' || outcome === 'changed') && reads < this.#limits.readsMax) continue
      if (outcome === 'changed') throw new EvegramError('unavailable.blob_store', { operation: 'complete blob', details: { reason: 'changed meanwhile' } })
      if (outcome !== 'complete') {
        await this.remove(blob)
        return 'damaged'
      }
      if (await this.#bucket.text(factsKey(blob)) === undefined) {
        // Removed while it was put together: bytes without facts would stay for ever.
        await this.#bucket.remove([dataKey(blob)])
        return 'none'
      }
      await this.#removeSegments(blob)
      return 'complete'
    }
  }

  async* read(blob: BlobId, from: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (length === 0) return
    const bytes = await this.#bucket.read(dataKey(blob), from, length)
    if (bytes === undefined) throw new EvegramError('not_found.blob', { operation: 'read blob' })
    yield* bytes
  }

  async remove(blob: BlobId): Promise<void> {
    const known = await this.#bucket.text(factsKey(blob))
    await this.#remove(blob, known === undefined ? undefined : decodeBlobFacts(known.text))
  }

  async backupsOf(owner: AccountId): Promise<readonly StoredBlob[]> {
    const found: StoredBlob[] = []
    for await (const { key } of this.#bucket.list(`backups/${owner}/`)) {
      const blob = await this.find(parseBlobId(key.slice(-BLOB_DIGITS)))
      // Who lost a race for a name has a mark and no blob.
      if (blob?.facts.owner === owner && blob.facts.retention === 'backup') found.push(blob)
    }
    return found.sort((a, b) => b.facts.createdAtMs - a.facts.createdAtMs)
  }

  async sweep(nowMs: number, uploadIdleMs: number, limit: number): Promise<number> {
    let removed = 0
    for await (const { key } of this.#bucket.list('due/')) {
      const [, day, name] = /^due\/(\d{4}-\d{2}-\d{2})\/([0-9a-f]{32})$/.exec(key) ?? []
      if (day === undefined || name === undefined) continue
      if (day > dayOf(nowMs)) break
      if (removed === limit) return removed
      if (await this.#settleDue(parseBlobId(name), key, nowMs, uploadIdleMs)) removed += 1
    }
    await this.#bucket.abortBegunBefore(nowMs - uploadIdleMs)
    return removed
  }

  /** Removes a blob whose time has come, or writes down when to look again. */
  async #settleDue(blob: BlobId, current: string, nowMs: number, uploadIdleMs: number): Promise<boolean> {
    const found = await this.find(blob)
    const dueAtMs = found === undefined ? 0 : found.complete ? found.facts.expiresAtMs : found.touchedAtMs + uploadIdleMs
    const isDue = dueAtMs <= nowMs
    if (isDue) await this.#remove(blob, found?.facts)
    const next = dueKey(dueAtMs, blob)
    if (!isDue && next !== current) await this.#bucket.put(next, EMPTY)
    // Of today, and not due before later today: stays where it is.
    if (isDue || next !== current) await this.#bucket.remove([current])
    return isDue
  }

  async #remove(blob: BlobId, facts: BlobFacts | undefined): Promise<void> {
    // The facts first: what is left over without them is no blob, and the sweep finds it.
    await this.#bucket.remove([factsKey(blob)])
    await this.#bucket.remove([dataKey(blob)])
    await this.#removeSegments(blob)
    if (facts?.retention === 'backup') await this.#bucket.remove([backupKey(facts.owner, blob)])
  }

  async #removeSegments(blob: BlobId): Promise<void> {
    const keys: string[] = []
    for await (const { key } of this.#bucket.list(segmentsOf(blob))) keys.push(key)
    await this.#bucket.remove(keys)
  }

  async #chain(blob: BlobId): Promise<readonly Segment[]> {
    const found = []
    for await (const object of this.#bucket.list(segmentsOf(blob))) found.push(object)
    return chainOf(found)
  }

  async #elsewhere(blob: BlobId): Promise<AppendResult> {
    const now = await this.find(blob)
    return now === undefined || now.complete ? { status: 'none' } : { status: 'elsewhere', offset: now.offset }
  }

  async #storeSegment(blob: BlobId, from: number, bytes: Uint8Array): Promise<'stored' | 'taken'> {
    const digest = digestText(createHash('sha256').update(bytes).digest())
    const key = segmentKey(blob, from)
    if (await this.#bucket.put(key, bytes, { ifAbsent: true, metadata: { digest } }) === 'stored') return 'stored'
    // Our own write whose answer was lost and that was sent again, or the same bytes by another process: both are what was asked for.
    const there = await this.#bucket.head(key)
    return there?.bytes === bytes.length && there.metadata['digest'] === digest ? 'stored' : 'taken'
  }

  /** Puts the small objects of an upload together when there are many: who sends byte by byte must not fill the bucket with names. */
  async #keepFew(blob: BlobId): Promise<void> {
    const { segmentBytes, smallSegmentsMax, partBytes } = this.#limits
    const chain = await this.#chain(blob)
    if (chain.filter(({ bytes }) => bytes < segmentBytes).length < smallSegmentsMax) return
    await this.#assemblies.run(async () => {
      for (const [first, ...others] of groupsOf(chain, partBytes)) {
        if (first === undefined) continue
        const bytes = await this.#bytesOf([first, ...others])
        // Another process puts the same objects together: it says the same bytes.
        if (bytes === undefined) return
        await this.#bucket.put(first.key, bytes, { metadata: { digest: digestText(createHash('sha256').update(bytes).digest()) } })
        await this.#bucket.remove(others.map(({ key }) => key))
      }
    })
  }

  async #bytesOf(segments: readonly Segment[]): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = []
    for (const { key, bytes } of segments) {
      const stream = await this.#bucket.read(key, 0, bytes)
      if (stream === undefined) return undefined
      for await (const piece of stream) pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  /** Makes one object of the segments, if they are what was announced. `changed`: some went while they were read. */
  async #assemble(facts: BlobFacts): Promise<'complete' | 'damaged' | 'short' | 'changed'> {
    const hash = createHash('sha256')
    const chain = await this.#chain(facts.blob)
    if (endOf(chain) !== facts.bytes) return 'short'
    const windows = windowsOf(chain, this.#limits.partBytes)
    if (windows.length > 1) return this.#assembleInParts(facts, windows, hash)
    const bytes = await this.#bytesOf(chain)
    if (bytes === undefined) return 'changed'
    if (!equalBytes(hash.update(bytes).digest(), facts.digest)) return 'damaged'
    await this.#bucket.put(dataKey(facts.blob), bytes)
    return 'complete'
  }

  async #assembleInParts(facts: BlobFacts, windows: readonly Window[], hash: Hash): Promise<'complete' | 'damaged' | 'changed'> {
    const upload = await this.#bucket.inParts(dataKey(facts.blob))
    const outcome = await this.#storeParts(upload, windows, hash).catch(async (cause: unknown): Promise<never> => {
      // What is left when this fails, too, the sweep forgets.
      await upload.abort().catch(() => undefined)
      throw cause
    })
    if (outcome === 'stored' && equalBytes(hash.digest(), facts.digest)) {
      await upload.complete()
      return 'complete'
    }
    await upload.abort()
    return outcome === 'stored' ? 'damaged' : 'changed'
  }

  async #storeParts(upload: PartedUpload, windows: readonly Window[], hash: Hash): Promise<'stored' | 'changed'> {
    for (const [index, window] of windows.entries()) {
      const pieces: Uint8Array[] = []
      for (const { key, from, bytes } of window) {
        const stream = await this.#bucket.read(key, from, bytes)
        if (stream === undefined) return 'changed'
        for await (const piece of stream) {
          hash.update(piece)
          pieces.push(piece)
        }
      }
      await upload.part(index + 1, Buffer.concat(pieces))
    }
    return 'stored'
  }
}

/** Ranges of objects that make one part. */
type Window = readonly { readonly key: string; readonly from: number; readonly bytes: number }[]

/** Cuts a chain into parts of exactly `partBytes`, but for the last. */
function windowsOf(chain: readonly Segment[], partBytes: number): readonly Window[] {
  const windows: { readonly key: string; readonly from: number; readonly bytes: number }[][] = []
  let room = 0
  for (const { key, bytes } of chain) {
    for (let from = 0; from < bytes;) {
      if (room === 0) {
        windows.push([])
        room = partBytes
      }
      const taken = Math.min(room, bytes - from)
      windows.at(-1)?.push({ key, from, bytes: taken })
      from += taken
      room -= taken
    }
  }
  return windows
}

const EMPTY = new Uint8Array(0)
const BLOB_DIGITS = 32

function factsKey(blob: BlobId): string {
  return `facts/${blob}`
}

function dataKey(blob: BlobId): string {
  return `data/${blob}`
}

function dueKey(atMs: number, blob: BlobId): string {
  return `due/${dayOf(atMs)}/${blob}`
}

function backupKey(owner: AccountId, blob: BlobId): string {
  return `backups/${owner}/${blob}`
}
