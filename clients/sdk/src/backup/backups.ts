import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, EvegramError, hexOf, LIMITS, parseBlobId, type BlobId } from '@evegram/protocol'
import type { Archives } from '../archive/archives.js'
import type { ImportCounts } from '../archive/import-counts.js'
import type { Core } from '../core/context.js'
import type { BlobApi } from '../files/blob-api.js'
import type { Backup, BackupOptions, BackupStatus, MadeBackup } from './backup.js'
import { fetchBlob } from './fetch-blob.js'
import { openBackup } from './open-backup.js'
import { backupBytes, encodeHead, fitsServer } from './backup-head.js'
import { BACKUP_KEY_BYTES, wrapWithCode, wrapWithPassphrase, type BackupSecret } from './backup-key.js'
import { readBackupRow, writeBackupRow, type BackupRow } from './backup-row.js'
import { formatRecoveryCode, RECOVERY_CODE_BYTES } from './recovery-code.js'
import { dropSpool, readSpool, spoolKey, spoolSealed } from './spool.js'
import { readUpload, writeUpload, type UploadRow } from './upload-row.js'

/** Bytes that one request of an upload carries at most: some chunks. */
const APPEND_BYTES_MAX = 1_048_576
/** Times in a row that the server may name another place of an upload before it is given up. */
const MOVES_MAX = 8

/** A {@link Backup} of a running profile: docs/e2ee.md has the bytes. */
export class Backups implements Backup {
  readonly #core: Core
  readonly #archives: Archives
  readonly #blobs: BlobApi | undefined
  #busy = false

  constructor(core: Core, archives: Archives, blobs: BlobApi | undefined) {
    this.#core = core
    this.#archives = archives
    this.#blobs = blobs
  }

  async status(ask = false): Promise<BackupStatus> {
    const row = await readBackupRow(this.#core.store)
    const last = row?.madeAtMs === undefined ? undefined : { madeAtMs: row.madeAtMs, messages: row.messages ?? 0, place: row.blob === undefined ? 'file' as const : 'server' as const }
    return {
      openedWith: row?.wraps.map(({ kind }) => kind) ?? [], ...(last === undefined ? {} : { last }),
      unfinished: (await this.#unfinished()) !== undefined, ...(ask && this.#blobs !== undefined ? { stored: await this.#blobs.backups() } : {}),
    }
  }

  async protect(passphrase?: string): Promise<string | undefined> {
    const { random, local } = this.#core
    const key = random.bytes(BACKUP_KEY_BYTES)
    const code = passphrase === undefined ? random.bytes(RECOVERY_CODE_BYTES) : undefined
    const wrap = code === undefined ? await wrapWithPassphrase(key, passphrase ?? '', random) : wrapWithCode(key, code, random)
    await dropSpool(local, 'spool', undefined)
    await local.write((tx) => {
      writeBackupRow(tx, { key, wraps: [wrap] })
      // One that is on its way opens with what counts no more.
      writeUpload(tx, undefined)
      return Promise.resolve()
    })
    return code === undefined ? undefined : formatRecoveryCode(code)
  }

  toFile(write: (bytes: Uint8Array) => Promise<void>, options: BackupOptions = {}): Promise<MadeBackup> {
    return this.#alone(async () => {
      const upload = await this.#seal(await this.#row(), options)
      try {
        await write(upload.head)
        for await (const chunk of readSpool(this.#core.store, 'spool', upload.blob)) {
          options.signal?.throwIfAborted()
          await write(chunk)
        }
      } catch (error) {
        // It is for no server: one that is made later is to have what was said until then.
        await this.#forget()
        throw error
      }
      return this.#made(upload, undefined)
    })
  }

  toServer(options: BackupOptions = {}): Promise<MadeBackup> {
    return this.#alone(async () => {
      const api = this.#api()
      const row = await this.#row()
      const upload = await this.#unfinished() ?? await this.#seal(row, options)
      if (!fitsServer(upload.bytes)) {
        await this.#forget()
        throw new EvegramError('too_large.blob', { operation: 'store backup', advice: 'The backup is larger than the server takes: write it to a file.' })
      }
      await this.#makeRoom(api, upload.blob)
      await this.#upload(api, upload, options)
      return this.#made(upload, upload.blob)
    })
  }

  restore(bytes: AsyncIterable<Uint8Array>, secret: BackupSecret, options: BackupOptions = {}): Promise<ImportCounts> {
    return this.#alone(async () => {
      const { archive, head } = await openBackup(bytes, secret)
      if (head.manifest.account !== this.#core.account) throw new EvegramError('archive.other_account', { operation: 'restore backup' })
      const { signal, onProgress } = options
      const counts = await this.#archives.import(archive, {
        id: hexOf(head.manifest.sealed.digest.subarray(0, 16)), ...(signal === undefined ? {} : { signal }),
        onProgress: ({ messages, known }) => { onProgress?.({ step: 'importing', done: messages + known }) },
      })
      await this.#adopt({ key: head.key, wraps: head.wraps })
      return counts
    })
  }

  async restoreStored(secret: BackupSecret, options: BackupOptions & { readonly blob?: BlobId } = {}): Promise<ImportCounts> {
    const api = this.#api()
    const stored = await api.backups()
    const found = options.blob === undefined ? stored[0] : stored.find(({ blob }) => blob === options.blob)
    if (found === undefined) throw new EvegramError('backup.none', { operation: 'restore backup' })
    const bytes = fetchBlob(api, found.blob, found.bytes, options.signal, (done) => { options.onProgress?.({ step: 'fetching', done, total: found.bytes }) })
    return this.restore(bytes, secret, options)
  }

  /** A device that restored goes on with the same key, so that its person needs no second code. */
  async #adopt(row: BackupRow): Promise<void> {
    await this.#core.local.write(async (tx) => {
      if ((await readBackupRow(tx)) === undefined) writeBackupRow(tx, row)
    })
  }

  async #alone<Result>(job: () => Promise<Result>): Promise<Result> {
    if (this.#busy) throw new EvegramError('conflict.busy', { operation: 'back up', advice: 'A backup of this profile is being made or restored: wait for it.' })
    this.#busy = true
    try {
      return await job()
    } finally {
      this.#busy = false
    }
  }

  #api(): BlobApi {
    if (this.#blobs === undefined) throw new EvegramError('files.none', { operation: 'store backup', advice: 'This server stores no backups: write them to files.' })
    return this.#blobs
  }

  async #row(): Promise<BackupRow> {
    const row = await readBackupRow(this.#core.store)
    if (row === undefined) throw new EvegramError('backup.none', { operation: 'make backup', advice: 'Choose first what opens the backups: a recovery code or a passphrase.' })
    return row
  }

  /** The backup that is on its way to the server. Not one of long ago: what was said since would be missing in it, and the server has forgotten what it got of it. */
  async #unfinished(): Promise<UploadRow | undefined> {
    const upload = await readUpload(this.#core.store)
    return upload === undefined || this.#core.time.now() - upload.madeAtMs >= LIMITS.uploadIdleMs ? undefined : upload
  }

  /** Seals an archive of the profile into the spool, once and for all. */
  async #seal({ key, wraps }: BackupRow, { signal, onProgress }: BackupOptions): Promise<UploadRow> {
    const { random, local, account, device, store } = this.#core
    await dropSpool(local, 'spool', undefined)
    const blob = parseBlobId(hexOf(random.bytes(16)))
    const { header, bytes, counted } = await this.#archives.draft(() => { onProgress?.({ step: 'reading', done: counted.messages }) })
    const sealed = await spoolSealed(local, 'spool', blob, bytes, random.bytes(BACKUP_KEY_BYTES), signal)
    const head = encodeHead({ account, device, domain: header.domain, madeAtMs: header.madeAtMs, sealed }, key, wraps, random)
    const digest = sha256.create().update(head)
    for await (const chunk of readSpool(store, 'spool', blob)) digest.update(chunk)
    const upload: UploadRow = { blob, head, bytes: backupBytes(head.length, sealed), digest: digest.digest(), madeAtMs: header.madeAtMs, messages: counted.messages }
    await local.write((tx) => {
      writeUpload(tx, upload)
      return Promise.resolve()
    })
    return upload
  }

  async #makeRoom(api: BlobApi, own: BlobId): Promise<void> {
    const stored = (await api.backups()).filter(({ blob }) => blob !== own)
    for (const { blob } of stored.slice(LIMITS.backupsPerAccountMax - 1)) await api.remove(blob)
  }

  async #upload(api: BlobApi, upload: UploadRow, { signal, onProgress }: BackupOptions): Promise<void> {
    const { blob, bytes, digest } = upload
    const call = signal === undefined ? {} : { signal }
    let { offset, complete } = await api.create({ blob, bytes, digest, retention: 'backup' }, call)
    let moves = 0
    while (!complete) {
      onProgress?.({ step: 'storing', done: offset, total: bytes })
      const piece = await this.#pieceAt(upload, offset)
      const result = await api.append(blob, offset, piece, call)
      if (result.status === 'elsewhere') {
        moves += 1
        if (moves > MOVES_MAX) throw new EvegramError('invalid.response', { operation: 'store backup' })
        offset = result.offset
        continue
      }
      moves = 0
      ;({ offset, complete } = result)
    }
    onProgress?.({ step: 'storing', done: bytes, total: bytes })
  }

  /** Up to {@link APPEND_BYTES_MAX} bytes of the backup from `offset` on. */
  async #pieceAt({ blob, head }: UploadRow, offset: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let length = 0
    const take = (bytes: Uint8Array): void => {
      const part = bytes.subarray(0, APPEND_BYTES_MAX - length)
      parts.push(part)
      length += part.length
    }
    if (offset < head.length) take(head.subarray(offset))
    const first = await this.#core.store.get('history', spoolKey('spool', blob, 0))
    const chunkBytes = first?.length ?? 0
    const behind = Math.max(0, offset - head.length)
    let skip = chunkBytes === 0 ? 0 : behind % chunkBytes
    for await (const chunk of readSpool(this.#core.store, 'spool', blob, chunkBytes === 0 ? 0 : Math.floor(behind / chunkBytes))) {
      take(chunk.subarray(skip))
      skip = 0
      if (length >= APPEND_BYTES_MAX) break
    }
    return concatBytes(...parts)
  }

  async #forget(): Promise<void> {
    await this.#core.local.write((tx) => {
      writeUpload(tx, undefined)
      return Promise.resolve()
    })
    await dropSpool(this.#core.local, 'spool', undefined)
  }

  async #made({ bytes, messages, madeAtMs }: UploadRow, blob: BlobId | undefined): Promise<MadeBackup> {
    await this.#core.local.write(async (tx) => {
      const row = await readBackupRow(tx)
      const { blob: _blob, ...rest } = row ?? await this.#row()
      writeBackupRow(tx, { ...rest, madeAtMs, messages, ...(blob === undefined ? {} : { blob }) })
    })
    await this.#forget()
    return { bytes, messages, madeAtMs, ...(blob === undefined ? {} : { blob }) }
  }
}
