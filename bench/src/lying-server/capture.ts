import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes that are kept; far above what a run makes. */
const CAPTURE_BYTES_MAX = 256 * 1_048_576

/** Forms in which a text could stand in bytes: as it is, in the three alignments of base64, and in hex. */
export function formsOf(text: string): readonly Buffer[] {
  const forms = [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(Buffer.from(text).toString('hex'))]
  for (let shift = 0; shift < 3; shift++) {
    const shifted = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)])
    // Only the characters that no neighbour has a part in.
    const from = Math.ceil((shift * 8) / 6)
    const to = Math.floor(((shift + Buffer.byteLength(text)) * 8) / 6)
    for (const encoding of ['base64', 'base64url'] as const) forms.push(Buffer.from(shifted.toString(encoding).slice(from, to)))
  }
  return forms
}

/** Everything that a liar saw, to be searched for what it must never see. */
export class Capture {
  readonly #chunks: Buffer[] = []
  #bytes = 0

  /** Keeps a copy. Throws once too much was kept: a search of a part would prove nothing. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    if (this.#bytes > CAPTURE_BYTES_MAX) throw new Error('more passed than can be searched')
    if (bytes.length > 0) this.#chunks.push(Buffer.from(bytes))
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Those of `texts` that occur. */
  find(texts: readonly string[]): string[] {
    return texts.filter((text) => {
      const forms = formsOf(text)
      return this.#chunks.some((chunk) => forms.some((form) => chunk.includes(form)))
    })
  }
}

/** Those of `texts` that occur in a file below `folder`. */
export function findInFiles(folder: string, texts: readonly string[]): string[] {
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))).filter((path) => statSync(path).isFile())
  return texts.filter((text) => {
    const forms = formsOf(text)
    return files.some((path) => {
      const bytes = readFileSync(path)
      return forms.some((form) => bytes.includes(form))
    })
  })
}
