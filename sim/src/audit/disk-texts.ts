/** Start of every text of the workload; a number and the same sign again follow. */
const TEXT_IN_ROW = /§evg-(\d+)§/g

/** Which texts of the workload stand in which rows of a disk, in the clear. */
export class DiskTexts {
  readonly #rowsOf = new Map<string, Set<string>>()
  readonly #textsOf = new Map<string, readonly string[]>()

  /** A row became durable, or was removed. */
  put(row: string, value: Uint8Array | undefined): void {
    for (const text of this.#textsOf.get(row) ?? []) this.#rowsOf.get(text)?.delete(row)
    this.#textsOf.delete(row)
    const texts = value === undefined ? [] : [...Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8').matchAll(TEXT_IN_ROW)].map(([text]) => text)
    if (texts.length === 0) return
    this.#textsOf.set(row, texts)
    for (const text of texts) this.#rowsOf.set(text, (this.#rowsOf.get(text) ?? new Set()).add(row))
  }

  /** A row that holds the text, or undefined. */
  placeOf(text: string): string | undefined {
    const [marker] = /^§evg-\d+§/.exec(text) ?? []
    const [row] = marker === undefined ? [] : this.#rowsOf.get(marker) ?? []
    return row
  }
}
