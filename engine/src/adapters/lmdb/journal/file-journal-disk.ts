import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { EvegramError, type Clock } from '@evegram/protocol'
import type { JournalDisk } from './journal-disk.js'
import { WritePace } from './write-pace.js'

const NAME = /^journal\.(\d{1,3})$/
/** On Linux one call writes and syncs, which is one way through the thread pool and the event loop less. Elsewhere `fdatasync` follows: macOS keeps only that promise. */
const SYNCED_WRITES = process.platform === 'linux'
/** Windows syncs no folders: its file system keeps the names of files in a log of its own. */
const SYNCS_FOLDERS = process.platform !== 'win32'
const FILE_MODE = 0o600

/** A journal in the files `journal.<number>` of a folder. */
export class FileJournalDisk implements JournalDisk {
  readonly #dir: string
  readonly #clock: Clock
  readonly #pace = new WritePace()
  readonly #open = new Map<number, FileHandle>()

  /** `dir` is there. `clock` tells how long the disk takes. */
  constructor(dir: string, clock: Clock) {
    this.#dir = dir
    this.#clock = clock
  }

  files(): readonly number[] {
    return readdirSync(this.#dir).flatMap((name) => {
      const number = NAME.exec(name)?.[1]
      return number === undefined ? [] : [Number(number)]
    })
  }

  read(file: number, bytesMax: number): Buffer {
    const descriptor = openSync(this.#path(file), 'r')
    try {
      const target = Buffer.alloc(Math.min(bytesMax, fstatSync(descriptor).size))
      let bytes = 0
      while (bytes < target.length) {
        const read = readSync(descriptor, target, bytes, target.length - bytes, bytes)
        if (read === 0) break
        bytes += read
      }
      return target.subarray(0, bytes)
    } finally {
      closeSync(descriptor)
    }
  }

  async write(file: number, offset: number, bytes: Uint8Array): Promise<void> {
    const handle = this.#open.get(file) ?? await this.#make(file)
    const startedMs = this.#clock.monotonicMs()
    const isAtOnce = SYNCED_WRITES && this.#pace.isFast(startedMs)
    for (let done = 0; done < bytes.length;) {
      const left = bytes.length - done
      const written = isAtOnce ? writeSync(handle.fd, bytes, done, left, offset + done) : (await handle.write(bytes, done, left, offset + done)).bytesWritten
      if (written === 0) throw new EvegramError('unavailable.store', { operation: 'write journal', advice: 'The disk of the message store takes no bytes.' })
      done += written
    }
    const endedMs = this.#clock.monotonicMs()
    if (isAtOnce) this.#pace.took(endedMs - startedMs, endedMs)
    if (!SYNCED_WRITES) await handle.datasync()
  }

  async close(): Promise<void> {
    const handles = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(handles.map((handle) => handle.close()))
  }

  /** A file whose name is not synced could be gone after a loss of power, with all that was written into it. */
  async #make(file: number): Promise<FileHandle> {
    const handle = await open(this.#path(file), constants.O_RDWR | constants.O_CREAT | (SYNCED_WRITES ? constants.O_DSYNC : 0), FILE_MODE)
    try {
      if (SYNCS_FOLDERS) await syncFolder(this.#dir)
    } catch (failure) {
      await handle.close()
      throw failure
    }
    this.#open.set(file, handle)
    return handle
  }

  #path(file: number): string {
    return join(this.#dir, `journal.${String(file)}`)
  }
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
