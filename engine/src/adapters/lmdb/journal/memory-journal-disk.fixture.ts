import type { JournalDisk } from './journal-disk.js'

/** An error as Node gives it for a system call. */
export function diskError(code: string, errno: number): Error {
  return Object.assign(new Error(`${code}: the disk of the test says so`), { code, errno: -errno })
}

/** A disk in memory that forgets what was not synced when the power goes, and fails or waits when a test says so. */
export class MemoryJournalDisk implements JournalDisk {
  readonly #synced = new Map<number, Buffer>()
  /** Writes that were asked for, in order. */
  readonly writes: { readonly file: number; readonly offset: number; readonly bytes: Buffer }[] = []
  /** What the next writes fail with, after so many of their bytes reached the disk. */
  failure: { readonly error: Error; readonly reachedBytes: number } | undefined = undefined
  #held: (() => void)[] | undefined = undefined
  isClosed = false

  constructor(files: Iterable<readonly [number, Buffer]> = []) {
    for (const [file, bytes] of files) this.#synced.set(file, Buffer.from(bytes))
  }

  files(): readonly number[] {
    return [...this.#synced.keys()]
  }

  read(file: number, bytesMax: number): Buffer {
    return Buffer.from((this.#synced.get(file) ?? Buffer.alloc(0)).subarray(0, bytesMax))
  }

  async write(file: number, offset: number, bytes: Uint8Array): Promise<void> {
    const copy = Buffer.from(bytes)
    this.writes.push({ file, offset, bytes: copy })
    if (this.#held !== undefined) await new Promise<void>((resolve) => { this.#held?.push(resolve) })
    else await new Promise((resolve) => { setImmediate(resolve) })
    if (this.failure !== undefined) {
      this.#reach(file, offset, copy.subarray(0, this.failure.reachedBytes))
      throw this.failure.error
    }
    this.#reach(file, offset, copy)
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  /** Writes do not end from now on. */
  hold(): void {
    this.#held ??= []
  }

  /** Those that wait end, and later ones do again. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const resolve of held) resolve()
  }

  /** What a machine finds that lost its power: what was synced, and of the last write the first `reachedBytes`. */
  afterPowerLoss(reachedBytes = 0): MemoryJournalDisk {
    const disk = new MemoryJournalDisk(this.#synced)
    const last = this.writes.at(-1)
    if (last !== undefined && reachedBytes > 0) disk.#reach(last.file, last.offset, last.bytes.subarray(0, reachedBytes))
    return disk
  }

  /** Turns over one byte. */
  damage(file: number, offset: number): void {
    const bytes = this.#synced.get(file)
    if (bytes !== undefined) bytes[offset] = (bytes[offset] ?? 0) ^ 0xff
  }

  #reach(file: number, offset: number, bytes: Buffer): void {
    const before = this.#synced.get(file) ?? Buffer.alloc(0)
    const after = Buffer.alloc(Math.max(before.length, offset + bytes.length))
    before.copy(after)
    bytes.copy(after, offset)
    this.#synced.set(file, after)
  }
}
