import {
  BLOB_CHUNK_BYTES, BLOB_ID_BYTES, BLOB_KEY_BYTES, BLOB_TAG_BYTES, concatBytes, EvegramError, hexOf, LIMITS, parseBlobId, sealedBlobBytes, utf8,
  type ConversationId, type FileRef, type SaidWith,
} from '@evegram/protocol'
import { asEvegramError } from '../core/background.js'
import type { Core } from '../core/context.js'
import { Deferred } from '../core/deferred.js'
import type { MessageContent } from '../core/message.js'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { SentMessage } from '../core/sent-message.js'
import type { BlobApi } from './blob-api.js'
import type { TransferProgress } from './download.js'
import { bytesOfSource, factsOf, type FileFacts, type FileSource } from './file-source.js'
import { sealBlob } from './seal-blob.js'
import { isPassing, waitForTurn } from './transfer-retry.js'
import { UploadRoom, type TakenRoom } from './upload-room.js'
import { chunkKey, chunkPrefix, listUploads, removeUpload, writeUpload, type UploadRow } from './upload-row.js'
import type { UploadEvent } from './upload-event.js'

/** Bounds of what waits on a device. */
export const UPLOAD_LIMITS = {
  /** Sealed bytes that wait or are being sealed, of all uploads together. Beyond: `limited.files`. */
  waitingBytesMax: 1_073_741_824,
  uploadsMax: 64,
  /** Sealed chunks of one local commit, and of one request at most. */
  chunksPerCommit: 16,
  /** Times that a blob is sent from its beginning because the server has it damaged. */
  damagedMax: 2,
} as const

/** What is to be said. */
export interface FilesToSend extends SaidWith {
  readonly conversation: ConversationId
  readonly text: string
  readonly sources: readonly FileSource[]
}

/** Files that are durable on this device and on their way. */
export interface SentFiles {
  /** Names it in `upload` events, and to cancel it. */
  readonly upload: string
  /** Resolves when the server has all bytes and the message is durable here; rejects when it never will, or with `client.closed`: then the next run goes on. */
  readonly message: Promise<SentMessage>
}

/** A message with files that waits for the server to have them. */
export interface WaitingUpload {
  /** Names it in `upload` events, and to cancel it. */
  readonly upload: string
  readonly conversation: ConversationId
  /** The caption. */
  readonly text: string
  readonly files: readonly Pick<FileRef, 'name' | 'type' | 'size'>[]
  readonly progress: TransferProgress
}

/** Choices of sending files. */
export interface UploadOptions {
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
  /** Ends it with `files.cancelled`; nothing is said then. */
  readonly signal?: AbortSignal | undefined
}

/** What {@link FileUploads} needs. */
export interface FileUploadsParts {
  readonly core: Core
  readonly api: BlobApi
  /** Says something in a conversation; what `also` stages becomes durable with it. */
  say(conversation: ConversationId, content: MessageContent, also: (tx: Transaction) => void): Promise<SentMessage>
  /** Default `UPLOAD_LIMITS.waitingBytesMax`. */
  readonly waitingBytesMax?: number
}

interface Running {
  row: UploadRow
  /** Sealed bytes that the server has of the file under way. */
  offset: number
  readonly abort: AbortController
  readonly message: Deferred<SentMessage>
  readonly onProgress: UploadOptions['onProgress']
}

/** Uploads of a profile, one after the other: sealed once into the local store, sent from there, forgotten when the message is said. */
export class FileUploads {
  readonly #parts: FileUploadsParts
  readonly #waiting: Running[] = []
  /** What ends the pause between two tries when the client closes. */
  readonly #closing = new AbortController()
  readonly #room: UploadRoom
  #working = false
  #live = false

  constructor(parts: FileUploadsParts) {
    this.#parts = parts
    this.#room = new UploadRoom(parts.waitingBytesMax ?? UPLOAD_LIMITS.waitingBytesMax, () => this.#waiting.reduce((sum, { row }) => sum + sealedBytesOf(row), 0))
    const { events } = parts.core
    events.on('state', ({ state }) => {
      this.#live = state === 'live'
      this.#pump()
    })
  }

  /** Uploads that wait or run. */
  get size(): number {
    return this.#waiting.length + this.#room.size
  }

  /** What waits or runs, in the order in which it goes; those of earlier runs included. */
  list(): readonly WaitingUpload[] {
    return this.#waiting.map((running) => {
      const { upload, conversation, text, files } = running.row
      return { upload, conversation, text, files: files.map(({ name, type, size }) => ({ name, type, size })), progress: progressOf(running) }
    })
  }

  /** Goes on with what the last run left, and removes what it had not finished sealing. */
  async load(): Promise<void> {
    for (const row of await listUploads(this.#parts.core.store, UPLOAD_LIMITS.uploadsMax)) {
      if (row.stage === 'sealing') await this.#forget(row)
      else this.#add(row, undefined)
    }
    this.#live = this.#parts.core.connection() !== undefined
    this.#pump()
  }

  /**
   * Seals the files into the local store and queues them; resolves when that is durable, offline too. Rejects `invalid.argument`, `too_large.file`, `too_large.payload`,
   * `limited.files`, `files.source`, `files.cancelled`; nothing stays then.
   */
  async send({ conversation, text, sources, ...said }: FilesToSend, { onProgress, signal }: UploadOptions = {}): Promise<SentFiles> {
    const { core } = this.#parts
    if (sources.length === 0 || sources.length > LIMITS.filesPerMessageMax) throw new EvegramError('invalid.argument', { operation: 'send files', advice: `A message has 1 to ${String(LIMITS.filesPerMessageMax)} files.` })
    const facts = sources.map(factsOf)
    const previewBytes = facts.reduce((sum, { preview }) => sum + (preview?.bytes.length ?? 0), 0)
    if (utf8(text).length > LIMITS.textBytesMax || previewBytes > LIMITS.filePreviewsBytesMax) throw new EvegramError('too_large.payload', { operation: 'send files' })
    if (this.size >= UPLOAD_LIMITS.uploadsMax) throw new EvegramError('limited.files', { operation: 'send files' })
    const room = this.#room.take()
    const upload = `${sortable(core.time.now())}${hexOf(core.random.bytes(8))}`
    let row: UploadRow = { upload, conversation, text, stage: 'sealing', files: [], done: 0, ...said }
    try {
      for (const [index, source] of sources.entries()) {
        const fact = facts[index]
        if (fact !== undefined) row = await this.#seal(row, source, fact, room, signal)
      }
      const ready: UploadRow = { ...row, stage: 'sending' }
      await core.local.write(async (tx) => { writeUpload(tx, ready) })
      row = ready
    } catch (error) {
      await this.#forget(row)
      throw error
    } finally {
      this.#room.giveBack(room)
    }
    const running = this.#add(row, onProgress)
    if (signal?.aborted === true) running.abort.abort()
    signal?.addEventListener('abort', () => { running.abort.abort() }, { once: true })
    this.#pump()
    return { upload, message: running.message.promise }
  }

  /** Ends an upload with `files.cancelled`; one that is over is no error. */
  cancel(upload: string): void {
    this.#waiting.find(({ row }) => row.upload === upload)?.abort.abort()
    this.#pump()
  }

  async #seal(row: UploadRow, source: FileSource, facts: FileFacts, room: TakenRoom, signal: AbortSignal | undefined): Promise<UploadRow> {
    const { core } = this.#parts
    const blob = parseBlobId(hexOf(core.random.bytes(BLOB_ID_BYTES)))
    const key = core.random.bytes(BLOB_KEY_BYTES)
    const before: FileRef = { blob, key, size: 0, chunk: BLOB_CHUNK_BYTES, digest: new Uint8Array(32), ...facts }
    // The row names the blob before its first chunk is written: a run that ends here is tidied up by the next.
    await core.local.write(async (tx) => { writeUpload(tx, { ...row, files: [...row.files, before] }) })
    const sealed = sealBlob(bounded(source, room, signal), { key })
    let chunks: Uint8Array[] = []
    let index = 0
    const write = async (): Promise<void> => {
      const batch = chunks
      const first = index
      index += batch.length
      chunks = []
      await core.local.write(async (tx) => { batch.forEach((bytes, at) => { tx.put('files', chunkKey(blob, first + at), bytes) }) })
    }
    try {
      for (;;) {
        const next = await sealed.next()
        if (next.done === true) {
          await write()
          const after: UploadRow = { ...row, files: [...row.files, { ...before, ...next.value }] }
          await core.local.write(async (tx) => { writeUpload(tx, after) })
          room.endFile()
          return after
        }
        chunks.push(next.value)
        if (chunks.length === UPLOAD_LIMITS.chunksPerCommit) await write()
      }
    } catch (error) {
      await this.#forget({ ...row, files: [...row.files, before] })
      throw error
    }
  }

  #add(row: UploadRow, onProgress: UploadOptions['onProgress']): Running {
    const message = new Deferred<SentMessage>()
    // Who restarted the client waits for nothing: the event tells.
    message.promise.catch(() => undefined)
    const running: Running = { row, offset: 0, abort: new AbortController(), message, onProgress }
    this.#waiting.push(running)
    return running
  }

  #pump(): void {
    const next = this.#waiting[0]
    const isCancelled = this.#waiting.some(({ abort }) => abort.signal.aborted)
    if (this.#working || next === undefined || this.#closing.signal.aborted || !(this.#live || isCancelled)) return
    this.#working = true
    const turn = this.#waiting.find(({ abort }) => abort.signal.aborted) ?? next
    this.#parts.core.background.run('send files', async () => {
      try {
        await this.#work(turn)
      } finally {
        this.#working = false
        this.#pump()
      }
    })
  }

  async #work(running: Running): Promise<void> {
    const signal = AbortSignal.any([running.abort.signal, this.#closing.signal])
    for (let failures = 0; ;) {
      try {
        if (running.abort.signal.aborted) throw cancelled()
        await this.#sendFiles(running, signal, () => { failures = 0 })
        await this.#say(running)
        return
      } catch (cause) {
        if (this.#closing.signal.aborted && !running.abort.signal.aborted) return
        if (!isPassing(cause) || running.abort.signal.aborted) {
          await this.#fail(running, running.abort.signal.aborted ? cancelled() : asEvegramError(cause, 'send files'))
          return
        }
        failures += 1
        // A wait that is cut short is judged at the next try.
        await waitForTurn(cause, failures, { clock: this.#parts.core.clock, random: this.#parts.core.random, signal }).catch(() => undefined)
      }
    }
  }

  async #sendFiles(running: Running, signal: AbortSignal, progressed: () => void): Promise<void> {
    const { core } = this.#parts
    while (running.row.done < running.row.files.length) {
      const file = running.row.files[running.row.done]
      if (file === undefined) return
      await this.#sendBlob(running, file, signal, progressed)
      const done: UploadRow = { ...running.row, done: running.row.done + 1 }
      await core.local.write(async (tx) => { writeUpload(tx, done) })
      running.row = done
      running.offset = 0
      await this.#removeChunks(file)
    }
  }

  async #sendBlob(running: Running, file: FileRef, signal: AbortSignal, progressed: () => void): Promise<void> {
    const { api } = this.#parts
    const bytes = sealedBlobBytes(file.size, file.chunk)
    const announce = { blob: file.blob, bytes, digest: file.digest, retention: 'message' } as const
    let damaged = 0
    let state = await api.create(announce, { signal })
    while (!state.complete) {
      this.#tell(running, 'sending', state.offset)
      try {
        const sent = await api.append(file.blob, state.offset, await this.#piece(file, state.offset), { signal })
        state = sent.status === 'appended' ? sent : { ...state, offset: sent.offset }
        if (sent.status === 'elsewhere' && sent.offset >= bytes) state = await api.progress(file.blob, { signal })
        progressed()
      } catch (error) {
        const isGone = error instanceof EvegramError && (error.code === 'conflict.blob_digest' || error.code === 'not_found.blob')
        damaged += 1
        if (!isGone || damaged > UPLOAD_LIMITS.damagedMax) throw error
        state = await api.create(announce, { signal })
      }
    }
    this.#tell(running, 'sending', bytes)
  }

  /** Sealed bytes from `offset` to the end of the chunk that is the last of a request. */
  async #piece(file: FileRef, offset: number): Promise<Uint8Array> {
    const sealedChunk = file.chunk + BLOB_TAG_BYTES
    const first = Math.floor(offset / sealedChunk)
    const rows = await this.#parts.core.store.list('files', { from: chunkKey(file.blob, first), to: chunkKey(file.blob, first + UPLOAD_LIMITS.chunksPerCommit), limit: UPLOAD_LIMITS.chunksPerCommit })
    if (rows.length === 0) throw new EvegramError('client.store', { operation: 'read sealed file' })
    return concatBytes(...rows.map(({ value }) => value)).subarray(offset - first * sealedChunk)
  }

  async #say(running: Running): Promise<void> {
    const { upload, conversation, text, files, stage: _stage, done: _done, ...said } = running.row
    const sent = await this.#parts.say(conversation, { kind: 'files', body: { files, text, ...said } }, (tx) => { removeUpload(tx, upload) })
    this.#leave(running)
    this.#tell(running, 'sent', 0)
    running.message.resolve(sent)
  }

  async #fail(running: Running, error: EvegramError): Promise<void> {
    this.#leave(running)
    await this.#forget(running.row)
    this.#tell(running, 'failed', 0, error)
    running.message.reject(error)
    for (const { blob } of running.row.files.slice(0, running.row.done + 1)) {
      // The server forgets it in time anyway.
      await this.#parts.api.remove(blob).catch(() => undefined)
    }
  }

  #leave(running: Running): void {
    const index = this.#waiting.indexOf(running)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  #tell(running: Running, state: UploadEvent['state'], offset: number, error?: EvegramError): void {
    const { row, onProgress } = running
    running.offset = offset
    const progress = state === 'sent' ? { doneBytes: sealedBytesOf(row), totalBytes: sealedBytesOf(row) } : progressOf(running)
    onProgress?.(progress)
    this.#parts.core.events.emit('upload', { upload: row.upload, conversation: row.conversation, state, progress, ...(error === undefined ? {} : { error }) })
  }

  async #forget(row: UploadRow): Promise<void> {
    for (const file of row.files) await this.#removeChunks(file)
    await this.#parts.core.local.write(async (tx) => { removeUpload(tx, row.upload) })
  }

  async #removeChunks({ blob }: FileRef): Promise<void> {
    const { core } = this.#parts
    const prefix = chunkPrefix(blob)
    for (let more = true; more;) {
      more = await core.local.write(async (tx) => {
        const rows = await core.store.list('files', { from: prefix, to: `${prefix}~`, limit: UPLOAD_LIMITS.chunksPerCommit })
        for (const { key } of rows) tx.remove('files', key)
        return rows.length === UPLOAD_LIMITS.chunksPerCommit
      })
    }
  }

  /** Ends pauses and requests; what waits goes on in the next run. Called before the client ends its work in the background, which would wait for them. */
  close(): void {
    this.#closing.abort()
    for (const { message } of this.#waiting) message.reject(new EvegramError('client.closed', { operation: 'send files' }))
  }
}

/** The bytes of a source, up to what a file may have and what there is room for. */
async function* bounded(source: FileSource, room: TakenRoom, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0
  for await (const bytes of bytesOfSource(source)) {
    if (signal?.aborted === true) throw cancelled()
    size += bytes.length
    if (size > LIMITS.fileBytesMax) throw new EvegramError('too_large.file', { operation: 'send files', details: { bytesMax: LIMITS.fileBytesMax } })
    room.grow(size)
    yield bytes
  }
}

function cancelled(): EvegramError {
  return new EvegramError('files.cancelled', { operation: 'send files' })
}

function progressOf({ row, offset }: Running): TransferProgress {
  const done = row.files.slice(0, row.done).reduce((sum, { size, chunk }) => sum + sealedBlobBytes(size, chunk), 0)
  return { doneBytes: Math.min(sealedBytesOf(row), done + offset), totalBytes: sealedBytesOf(row) }
}

function sealedBytesOf({ files }: UploadRow): number {
  return files.reduce((sum, { size, chunk }) => sum + sealedBlobBytes(size, chunk), 0)
}
