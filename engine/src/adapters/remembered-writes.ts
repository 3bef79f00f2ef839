/**
 * Writes that need to be made once: a bounded memory of those that are durable, so that they are not made again.
 * Architecture invariant: a write is remembered only once it is durable; whoever needs one that is on its way waits for it and fails with it.
 */
export class RememberedWrites {
  readonly #max: number
  /** Keys of durable writes, the oldest first. */
  readonly #durable = new Set<string>()
  /** Writes on their way: who needs the same one waits for it. */
  readonly #writing = new Map<string, Promise<void>>()

  /** Remembers at most `max` writes; a forgotten one is made again. */
  constructor(max: number) {
    this.#max = max
  }

  /** Undefined when the write under `key` is known to be durable; else the end of the one on its way, or of `write`, which begins now. */
  once(key: string, write: () => Promise<void>): Promise<void> | undefined {
    if (this.#durable.has(key)) return undefined
    return this.#writing.get(key) ?? this.#begin(key, write)
  }

  #begin(key: string, write: () => Promise<void>): Promise<void> {
    const writing = this.#write(key, write)
    this.#writing.set(key, writing)
    const ended = (): void => { this.#writing.delete(key) }
    writing.then(ended, ended)
    return writing
  }

  async #write(key: string, write: () => Promise<void>): Promise<void> {
    await write()
    this.#remember(key)
  }

  /** The oldest goes first: keys carry the hour, and those of hours that are over are never asked for again. */
  #remember(key: string): void {
    this.#durable.add(key)
    if (this.#durable.size <= this.#max) return
    const [oldest] = this.#durable
    if (oldest !== undefined) this.#durable.delete(oldest)
  }
}
