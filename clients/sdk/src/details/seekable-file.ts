import type { Part } from './parts.js'

/** A file that can be read anywhere in it. A `Blob` of a browser is not far from one. */
export interface SeekableFile {
  /** Bytes of it all. */
  readonly size: number
  /** Its bytes from the one numbered `from` (0 is the first) up to the one before `to`: all of them, or it rejects. */
  read(from: number, to: number): Promise<Part>
}
