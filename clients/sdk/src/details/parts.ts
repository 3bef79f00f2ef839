/** Bytes that nobody else changes: a Blob takes them as they are. */
export type Part = Uint8Array<ArrayBuffer>

/** Whether `text` (characters of one byte) stands at a place. */
export function isAt(bytes: Uint8Array, at: number, text: string): boolean {
  return at + text.length <= bytes.length && [...text].every((character, offset) => bytes[at + offset] === character.charCodeAt(0))
}

/** Characters of one byte as bytes. */
export function bytesOf(text: string): Part {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** A piece of a file as it is sent: bytes, or those of the file as it was, from one up to the one before another. */
export type Piece = Part | { readonly from: number; readonly to: number }

const ZEROS: Part = new Uint8Array(65_536)

/** As many bytes of nothing, in parts that share their memory. */
export function zeros(count: number): Part[] {
  const whole: Part[] = Array.from({ length: Math.floor(count / ZEROS.length) }, () => ZEROS)
  return count % ZEROS.length === 0 ? whole : [...whole, ZEROS.subarray(0, count % ZEROS.length)]
}
