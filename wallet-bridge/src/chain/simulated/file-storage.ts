import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeCbor, encodeCbor, EvegramError, type CborValue } from '@evegram/protocol'
import type { SimulatedStorage } from './storage.js'

/** The file is written anew when it is longer than this and holds more of what was replaced than of what is kept. */
const REWRITE_FROM_BYTES = 1_048_576
/** Bytes of one entry. */
const STORED_ENTRY_BYTES_MAX = 268_435_456

/** Name of the file in its folder. */
export const CHAIN_FILE = 'chain.log'
/** What every file begins with: its format. */
const MAGIC = Buffer.from('evegram-simulated-chain/2\n')
const LENGTH_BYTES = 4
const CHECK_BYTES = 8
/** Length of the entry, check of the entry, and check of both: a length that is damaged must not make all behind it look like half an entry. */
const FRAME_BYTES = LENGTH_BYTES + 2 * CHECK_BYTES
const KEY = /^[\x21-\x7e]{1,64}$/

/** An entry with the bytes that it takes in the file. */
interface Kept {
  readonly bytes: Uint8Array
  readonly frameBytes: number
}

/**
 * {@link SimulatedStorage} in one file, to whose end every change is written and synced. It survives an end of the process at any moment: half an entry at the end
 * was never acknowledged and is cut off. What was replaced is left out when the file is written anew, beside the old one, which it then replaces. The folder is one
 * process's at a time: whoever opens it holds a lock.
 */
export class FileStorage implements SimulatedStorage {
  readonly #folder: string
  readonly #rewriteFromBytes: number
  readonly #kept: Map<string, Kept>
  #file: FileHandle
  #fileBytes: number
  /** Something that was not acknowledged may stand behind the end. */
  #isTorn = false
  #running: Promise<void> = Promise.resolve()

  private constructor(folder: string, parts: { readonly kept: Map<string, Kept>; readonly file: FileHandle; readonly fileBytes: number; readonly rewriteFromBytes: number }) {
    this.#folder = folder
    this.#kept = parts.kept
    this.#file = parts.file
    this.#fileBytes = parts.fileBytes
    this.#rewriteFromBytes = parts.rewriteFromBytes
  }

  /** Opens the file in `folder`, or makes it. Rejects `unavailable.store`, also for a file that is damaged before its end. */
  static async open(folder: string, options: { readonly rewriteFromBytes?: number } = {}): Promise<FileStorage> {
    return guarded('open simulated chain', async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await rm(join(folder, `${CHAIN_FILE}.new`), { force: true })
      const file = await open(join(folder, CHAIN_FILE), constants.O_RDWR | constants.O_CREAT, 0o600)
      try {
        const content = await file.readFile()
        const { kept, end } = readEntries(content)
        if (end === 0) {
          await writeAll(file, MAGIC, 0)
          await file.truncate(MAGIC.length)
        } else await file.truncate(end)
        await file.sync()
        await syncFolder(folder)
        return new FileStorage(folder, { kept, file, fileBytes: Math.max(end, MAGIC.length), rewriteFromBytes: options.rewriteFromBytes ?? REWRITE_FROM_BYTES })
      } catch (failure) {
        await file.close()
        throw failure
      }
    })
  }

  /** Bytes of the file. */
  get fileBytes(): number {
    return this.#fileBytes
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    if (!KEY.test(key) || bytes.length > STORED_ENTRY_BYTES_MAX) throw new EvegramError('invalid.argument', { operation: 'keep simulated chain' })
    // Not slice(): that of a Buffer is no copy.
    const copy = Uint8Array.from(bytes)
    await this.#inTurn(() => this.#append(key, copy))
  }

  async delete(key: string): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#kept.has(key)) await this.#append(key, undefined)
    })
  }

  async entries(): Promise<readonly (readonly [string, Uint8Array])[]> {
    return [...this.#kept].map(([key, { bytes }]) => [key, Uint8Array.from(bytes)] as const)
  }

  /** Resolved = nothing is being written and the file is closed. */
  async close(): Promise<void> {
    await this.#inTurn(() => this.#file.close())
  }

  /** One change after the other. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#running.then(() => guarded('keep simulated chain', work))
    this.#running = done.catch(() => undefined)
    await done
  }

  async #append(key: string, bytes: Uint8Array | undefined): Promise<void> {
    const frame = frameOf(key, bytes)
    if (this.#isTorn) await this.#mend()
    try {
      await writeAll(this.#file, frame, this.#fileBytes)
      await this.#file.datasync()
    } catch (failure) {
      this.#isTorn = true
      // Where this fails too, it is tried again before anything else is written.
      await this.#mend().catch(() => undefined)
      throw failure
    }
    this.#fileBytes += frame.length
    if (bytes === undefined) this.#kept.delete(key)
    else this.#kept.set(key, { bytes, frameBytes: frame.length })
    if (this.#fileBytes > this.#rewriteFromBytes && this.#fileBytes > 2 * this.#keptBytes()) await this.#rewrite()
  }

  /** Cuts off what was not acknowledged: it must not be found again behind a shorter entry that comes next. */
  async #mend(): Promise<void> {
    await this.#file.truncate(this.#fileBytes)
    this.#isTorn = false
  }

  #keptBytes(): number {
    return [...this.#kept.values()].reduce((sum, { frameBytes }) => sum + frameBytes, MAGIC.length)
  }

  async #rewrite(): Promise<void> {
    const path = join(this.#folder, CHAIN_FILE)
    const file = await open(`${path}.new`, 'w+', 0o600)
    let end = 0
    try {
      for (const part of [MAGIC, ...[...this.#kept].map(([key, { bytes }]) => frameOf(key, bytes))]) {
        await writeAll(file, part, end)
        end += part.length
      }
      await file.sync()
      await rename(`${path}.new`, path)
    } catch (failure) {
      await file.close()
      throw failure
    }
    const before = this.#file
    this.#file = file
    this.#fileBytes = end
    await syncFolder(this.#folder)
    await before.close()
  }
}

/** What stands before an entry, and the entry: key and bytes, or null for one that is gone. */
function frameOf(key: string, bytes: Uint8Array | undefined): Uint8Array {
  const entry = encodeCbor([key, bytes ?? null])
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(entry.length)
  const described = Buffer.concat([length, checkOf(entry)])
  return Buffer.concat([described, checkOf(described), entry])
}

/** The first bytes of a SHA-256. */
function checkOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECK_BYTES)
}

/** All entries, and where the last whole one ends; 0: the file is new. Throws `unavailable.store` for what a crash cannot leave. */
function readEntries(content: Buffer): { readonly kept: Map<string, Kept>; readonly end: number } {
  const kept = new Map<string, Kept>()
  if (content.length < MAGIC.length) {
    if (!MAGIC.subarray(0, content.length).equals(content)) throw damaged()
    return { kept, end: 0 }
  }
  if (!content.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged()
  let at = MAGIC.length
  while (at + FRAME_BYTES <= content.length) {
    const described = content.subarray(at, at + LENGTH_BYTES + CHECK_BYTES)
    if (!checkOf(described).equals(content.subarray(at + described.length, at + FRAME_BYTES))) {
      // A file system that made the file longer before it wrote leaves nothing but zeros: no entry, and none behind it.
      if (content.subarray(at).every((byte) => byte === 0)) break
      throw damaged()
    }
    const next = at + FRAME_BYTES + described.readUInt32BE(0)
    // Half of the last entry: it was never acknowledged.
    if (next > content.length) break
    const entry = content.subarray(at + FRAME_BYTES, next)
    if (!checkOf(entry).equals(described.subarray(LENGTH_BYTES))) {
      if (next === content.length) break
      throw damaged()
    }
    const [key, bytes] = entryOf(entry)
    if (bytes === null) kept.delete(key)
    else kept.set(key, { bytes, frameBytes: next - at })
    at = next
  }
  return { kept, end: at }
}

function entryOf(entry: Uint8Array): readonly [string, Uint8Array | null] {
  const value = decodeCbor(entry, STORED_ENTRY_BYTES_MAX + FRAME_BYTES * KEY.source.length)
  const [key, bytes] = Array.isArray(value) ? value as readonly CborValue[] : []
  if (typeof key !== 'string' || !(bytes === null || bytes instanceof Uint8Array)) throw damaged()
  return [key, bytes]
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten
  }
}

/** A new name is durable only once the folder is synced. */
async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function damaged(): EvegramError {
  return new EvegramError('unavailable.store', {
    operation: 'open simulated chain', advice: `The file ${CHAIN_FILE} of the simulated chain is damaged: restore the data folder from a backup.`,
  })
}

async function guarded<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('unavailable.store', { operation, cause })
  }
}
