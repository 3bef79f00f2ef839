import { createHash } from 'node:crypto'
import { open, rename, statfs, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { equalBytes, EvegramError, parseBlobId, type AccountId, type BlobId } from '@evegram/protocol'
import type { AppendResult, BlobFacts, BlobStore, StoredBlob } from '../../ports/blob-store.js'
import { decodeBlobFacts, encodeBlobFacts } from '../blob-facts.js'
import { dayOf, DAY_MS } from '../days.js'
import { inParts } from '../in-parts.js'
import { fileFacts, guarded, makeFolder, namesIn, removeFile, syncFolder, textIn, unlessMissing, writeWhole } from './files.js'

/** Bytes that are read or gathered for one write at a time. */
const PART_BYTES = 262_144
/** Room that stays free on the disk: whoever shares it goes on. */
export const FREE_BYTES_MIN = 268_435_456

/** Choices of {@link DiskBlobStore}. */
export interface DiskBlobStoreOptions {
  /** A folder of its own. */
  readonly folder: string
  /** Default {@link FREE_BYTES_MIN}. */
  readonly freeBytesMin?: number
}

/**
 * {@link BlobStore} in a folder of one machine, of which one process at a time is the owner.
 *
 * `data/<2 digits>/<blob>.json` is what was announced, `.part` the bytes of an upload, `.blob` those of a complete blob (renamed: both are never there);
 * `due/<day>/<blob>` (empty) says when to look whether it is to go, so that a sweep reads what is due and not everything; `backups/<account>/<blob>` (empty)
 * finds backups. A name is made before the facts and removed after them: without facts there is no blob, and the sweep finds what a crash left.
 */
export class DiskBlobStore implements BlobStore {
  readonly #folder: string
  readonly #freeBytesMin: number

  constructor({ folder, freeBytesMin = FREE_BYTES_MIN }: DiskBlobStoreOptions) {
    this.#folder = folder
    this.#freeBytesMin = freeBytesMin
  }

  create(facts: BlobFacts): ReturnType<BlobStore['create']> {
    return guarded('create blob', async () => {
      const found = await this.#find(facts.blob)
      if (found !== undefined) return { status: 'exists', found }
      await makeFolder(this.#folder)
      const { bavail, bsize } = await statfs(this.#folder)
      if (bavail * bsize - facts.bytes < this.#freeBytesMin) throw new EvegramError('unavailable.blob_store', { operation: 'create blob', advice: 'The disk of the server is nearly full.' })
      await this.#mark(this.#duePath(facts.createdAtMs + DAY_MS, facts.blob))
      if (facts.retention === 'backup') await this.#mark(this.#backupPath(facts.owner, facts.blob))
      await makeFolder(dirname(this.#path(facts.blob, 'json')))
      const part = await open(this.#path(facts.blob, 'part'), 'w', 0o600)
      await part.close()
      await writeWhole(this.#path(facts.blob, 'json'), encodeBlobFacts(facts))
      return { status: 'created' }
    })
  }

  find(blob: BlobId): Promise<StoredBlob | undefined> {
    return guarded('find blob', () => this.#find(blob))
  }

  async append(blob: BlobId, offset: number, bytes: AsyncIterable<Uint8Array>): Promise<AppendResult> {
    const part = await guarded('append bytes', () => unlessMissing(() => open(this.#path(blob, 'part'), 'r+')))
    if (part === undefined) return { status: 'none' }
    try {
      const { size } = await guarded('append bytes', () => part.stat())
      if (size !== offset) return { status: 'elsewhere', offset: size }
      let end = offset
      try {
        for await (const gathered of inParts(bytes, PART_BYTES)) {
          await guarded('append bytes', () => writeAll(part, gathered, end))
          end += gathered.length
        }
      } finally {
        // Also when the bytes broke off: what came is told by `find`, so it has to last.
        await guarded('sync bytes', () => part.datasync())
      }
      return { status: 'appended', offset: end }
    } finally {
      await guarded('append bytes', () => part.close())
    }
  }

  complete(blob: BlobId): ReturnType<BlobStore['complete']> {
    return guarded('complete blob', async () => {
      const found = await this.#find(blob)
      if (found === undefined) return 'none'
      if (found.complete) return 'complete'
      if (!equalBytes(await digestOf(this.#path(blob, 'part')), found.facts.digest)) {
        await this.#remove(blob, found.facts)
        return 'damaged'
      }
      await rename(this.#path(blob, 'part'), this.#path(blob, 'blob'))
      await syncFolder(dirname(this.#path(blob, 'blob')))
      return 'complete'
    })
  }

  async* read(blob: BlobId, from: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await guarded('read blob', () => unlessMissing(() => open(this.#path(blob, 'blob'), 'r')))
    if (file === undefined) throw new EvegramError('not_found.blob', { operation: 'read blob' })
    try {
      for (let at = from; at < from + length;) {
        const buffer = new Uint8Array(Math.min(PART_BYTES, from + length - at))
        const { bytesRead } = await guarded('read blob', () => file.read(buffer, 0, buffer.length, at))
        if (bytesRead === 0) throw new EvegramError('unavailable.blob_store', { operation: 'read blob', details: { expected: 'more bytes' } })
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  remove(blob: BlobId): Promise<void> {
    return guarded('remove blob', async () => {
      const found = await this.#find(blob)
      await this.#remove(blob, found?.facts)
    })
  }

  backupsOf(owner: AccountId): Promise<readonly StoredBlob[]> {
    return guarded('list backups', async () => {
      const found: StoredBlob[] = []
      for (const name of await namesIn(join(this.#folder, 'backups', owner))) {
        const blob = await this.#find(parseBlobId(name))
        if (blob !== undefined) found.push(blob)
      }
      return found.sort((a, b) => b.facts.createdAtMs - a.facts.createdAtMs)
    })
  }

  sweep(nowMs: number, uploadIdleMs: number, limit: number): Promise<number> {
    return guarded('sweep blobs', async () => {
      let removed = 0
      for (const day of await namesIn(join(this.#folder, 'due'))) {
        if (day > dayOf(nowMs)) break
        const names = await namesIn(join(this.#folder, 'due', day))
        for (const name of names) {
          if (removed === limit) return removed
          if (await this.#settleDue(parseBlobId(name), day, nowMs, uploadIdleMs)) removed += 1
        }
      }
      return removed
    })
  }

  /** Removes a blob whose time has come, or writes down when to look again. */
  async #settleDue(blob: BlobId, day: string, nowMs: number, uploadIdleMs: number): Promise<boolean> {
    const found = await this.#find(blob)
    const dueAtMs = found === undefined ? 0 : found.complete ? found.facts.expiresAtMs : found.touchedAtMs + uploadIdleMs
    const isDue = dueAtMs <= nowMs
    if (isDue) await this.#remove(blob, found?.facts)
    const next = this.#duePath(dueAtMs, blob)
    const current = join(this.#folder, 'due', day, blob)
    if (!isDue && next !== current) await this.#mark(next)
    // Of today, and not due before later today: stays where it is.
    if (isDue || next !== current) await removeFile(current)
    return isDue
  }

  async #find(blob: BlobId): Promise<StoredBlob | undefined> {
    const text = await textIn(this.#path(blob, 'json'))
    if (text === undefined) return undefined
    const facts = decodeBlobFacts(text)
    const part = await fileFacts(this.#path(blob, 'part'))
    if (part !== undefined) return { facts, offset: part.size, complete: false, touchedAtMs: Math.floor(part.mtimeMs) }
    const whole = await fileFacts(this.#path(blob, 'blob'))
    return whole === undefined ? undefined : { facts, offset: whole.size, complete: true, touchedAtMs: Math.floor(whole.mtimeMs) }
  }

  async #remove(blob: BlobId, facts: BlobFacts | undefined): Promise<void> {
    // The facts first: what is left over without them is no blob, and the sweep finds it.
    for (const kind of ['json', 'part', 'blob'] as const) await removeFile(this.#path(blob, kind))
    if (facts?.retention === 'backup') await removeFile(this.#backupPath(facts.owner, blob))
    await unlessMissing(() => syncFolder(dirname(this.#path(blob, 'json'))))
  }

  async #mark(path: string): Promise<void> {
    await makeFolder(dirname(path))
    const file = await open(path, 'w', 0o600)
    await file.close()
    await syncFolder(dirname(path))
  }

  #path(blob: BlobId, kind: 'json' | 'part' | 'blob'): string {
    return join(this.#folder, 'data', blob.slice(0, 2), `${blob}.${kind}`)
  }

  #duePath(atMs: number, blob: BlobId): string {
    return join(this.#folder, 'due', dayOf(atMs), blob)
  }

  #backupPath(owner: AccountId, blob: BlobId): string {
    return join(this.#folder, 'backups', owner, blob)
  }
}

async function digestOf(path: string): Promise<Uint8Array> {
  const hash = createHash('sha256')
  const file = await open(path, 'r')
  try {
    const buffer = new Uint8Array(PART_BYTES)
    for (let at = 0; ;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) return hash.digest()
      hash.update(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written)
    written += bytesWritten
  }
}
