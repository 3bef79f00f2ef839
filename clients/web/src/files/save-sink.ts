import { EvegramError, isEvegramError } from '@evegram/protocol'
import { saveAs } from '../ui/save-as.js'

/** A file that the person saves, written piece by piece. */
export interface SaveSink {
  /** Takes the next piece; resolves when there is room for another. Rejects `client.store` where it cannot be written, `too_large.file` at the bound of a browser that gives no place. */
  write(piece: Uint8Array): Promise<void>
  /** The file is whole: tells in how many files it went. Rejects as `write` does. */
  close(): Promise<number>
  /** Nothing more comes, and what is unfinished is let go of. Never rejects. */
  abort(): Promise<void>
}

/** What is to be saved. */
export interface SaveWish {
  readonly name: string
  /** Media type, without parameters. */
  readonly type: string
  /** A byte behind which the file may go on in another one, where a browser holds in memory what it is given. Without it everything is one file. */
  readonly cutBehind?: number
}

/** Bounds of what the page holds of a file that is being saved. */
export interface SaveLimits {
  /** Bytes that are gathered before they are given to the browser. */
  readonly gatheredBytesMax: number
  /** Bytes of one file where the browser gives no place to write to: such a file is in its memory until it is saved. */
  readonly heldBytesMax: number
}

/** Bounds that a phone can bear. */
export const SAVE_LIMITS: SaveLimits = { gatheredBytesMax: 1_048_576, heldBytesMax: 134_217_728 }

/** A place on disk, as the File System Access API gives it. */
export type SavePlace = Pick<FileSystemFileHandle, 'createWritable'>
/** Asks the person for a place; it must be called in their click. */
export type AskForPlace = (options: { readonly suggestedName: string }) => Promise<SavePlace>

/** Asks for a place to save to where the browser can, and gives it pieces of a bounded size otherwise. Undefined: the person chose no place. Call it from a click. */
export async function openSave(wish: SaveWish): Promise<SaveSink | undefined> {
  // Not in the types of the DOM: Chromium alone has it.
  const { showSaveFilePicker } = globalThis as { readonly showSaveFilePicker?: AskForPlace }
  if (showSaveFilePicker === undefined) return new HeldSink(wish)
  try {
    return await DiskSink.open(await showSaveFilePicker({ suggestedName: wish.name }))
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined
    // Not in a frame of another site, and not everywhere that has the function.
    if (error instanceof DOMException && (error.name === 'SecurityError' || error.name === 'NotAllowedError')) return new HeldSink(wish)
    throw unsaved(error)
  }
}

/** Writes a stream into a sink, no faster than it takes it. Gives up what is unfinished, and rejects, when the signal or the stream says so; tells in how many files it went. */
export async function saveStream(stream: ReadableStream<Uint8Array>, sink: SaveSink, signal: AbortSignal): Promise<number> {
  const reader = stream.getReader()
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await reader.read()
      if (done) break
      await sink.write(value)
    }
    signal.throwIfAborted()
    return await sink.close()
  } catch (error) {
    // What ends it is told; that the rest could not be ended as well says nothing more.
    await reader.cancel(error).catch(() => undefined)
    await sink.abort()
    throw error
  }
}

/** Straight to a file that the person chose: the browser puts it in place at the end, so that a half one never stands there. */
export class DiskSink implements SaveSink {
  readonly #file: FileSystemWritableFileStream
  readonly #limits: SaveLimits
  #gathered: Uint8Array<ArrayBuffer>[] = []
  #bytes = 0

  private constructor(file: FileSystemWritableFileStream, limits: SaveLimits) {
    this.#file = file
    this.#limits = limits
  }

  /** Begins to write at a place. Rejects as the browser does. */
  static async open(place: SavePlace, limits: SaveLimits = SAVE_LIMITS): Promise<DiskSink> {
    return new DiskSink(await place.createWritable(), limits)
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#gathered.push(Uint8Array.from(piece))
    this.#bytes += piece.length
    if (this.#bytes >= this.#limits.gatheredBytesMax) await this.#flush()
  }

  async close(): Promise<number> {
    await this.#flush()
    try {
      await this.#file.close()
    } catch (error) {
      throw unsaved(error)
    }
    return 1
  }

  async abort(): Promise<void> {
    this.#gathered = []
    // One that failed before is aborted already.
    await this.#file.abort().catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const pieces = this.#gathered
    this.#gathered = []
    this.#bytes = 0
    try {
      if (pieces.length > 0) await this.#file.write(new Blob(pieces))
    } catch (error) {
      throw unsaved(error)
    }
  }
}

/** Gives a file to the person, and tells when the browser needs it no more. */
export type HandOver = (content: Blob, name: string) => Promise<void>

/**
 * For browsers that give no place: a file is held until it is whole, in at most `heldBytesMax`. What is longer goes on in another file, and waits until the one before it is let go of; where it may not be cut
 * it is refused.
 */
export class HeldSink implements SaveSink {
  readonly #wish: SaveWish
  readonly #limits: SaveLimits
  readonly #handOver: HandOver
  #gathered: Uint8Array<ArrayBuffer>[] = []
  #gatheredBytes = 0
  /** What was given to the browser, which keeps it where it likes. */
  #blobs: Blob[] = []
  #bytes = 0
  #files = 0
  #before: Promise<void> = Promise.resolve()

  constructor(wish: SaveWish, limits: SaveLimits = SAVE_LIMITS, handOver: HandOver = saveAs) {
    this.#wish = wish
    this.#limits = limits
    this.#handOver = handOver
  }

  async write(piece: Uint8Array): Promise<void> {
    const { cutBehind } = this.#wish
    let rest = piece
    while (this.#bytes + rest.length > this.#limits.heldBytesMax) {
      const at = cutBehind === undefined ? -1 : rest.subarray(0, this.#limits.heldBytesMax - this.#bytes).lastIndexOf(cutBehind)
      // What was gathered ends where it may be cut, unless nothing of it ever could.
      if (cutBehind === undefined || (at === -1 && !this.#endsAtCut)) throw new EvegramError('too_large.file', { operation: 'save file' })
      this.#gather(rest.subarray(0, at + 1))
      rest = rest.subarray(at + 1)
      await this.#hand(`-${String(this.#files + 1)}`)
    }
    this.#gather(rest)
  }

  async close(): Promise<number> {
    if (this.#bytes > 0 || this.#files === 0) await this.#hand(this.#files === 0 ? '' : `-${String(this.#files + 1)}`)
    return this.#files
  }

  abort(): Promise<void> {
    this.#clear()
    return Promise.resolve()
  }

  get #endsAtCut(): boolean {
    return this.#bytes > 0 && this.#gathered.at(-1)?.at(-1) === this.#wish.cutBehind
  }

  #gather(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#gathered.push(Uint8Array.from(piece))
    this.#gatheredBytes += piece.length
    this.#bytes += piece.length
    if (this.#gatheredBytes < this.#limits.gatheredBytesMax) return
    // The last piece stays: where it ends says whether the file may be cut there.
    const last = this.#gathered.pop()
    this.#blobs.push(new Blob(this.#gathered))
    this.#gathered = last === undefined ? [] : [last]
    this.#gatheredBytes = last?.length ?? 0
  }

  async #hand(number: string): Promise<void> {
    const { name, type } = this.#wish
    const content = new Blob([...this.#blobs, ...this.#gathered], { type })
    this.#clear()
    // Two at most are held: the one that the browser saves, and the one that is gathered.
    await this.#before
    this.#before = this.#handOver(content, name.replace(/(?=\.\w+$)/, number))
    this.#files += 1
  }

  #clear(): void {
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#blobs = []
    this.#bytes = 0
  }
}

function unsaved(cause: unknown): EvegramError {
  return isEvegramError(cause) ? cause : new EvegramError('client.store', { operation: 'save file', cause })
}
