/** Bytes of this page alone: a Blob takes them as they are. */
export type Part = Uint8Array<ArrayBuffer>

/** Whether `text` (characters of one byte) stands at a place. */
export function isAt(bytes: Uint8Array, at: number, text: string): boolean {
  return at + text.length <= bytes.length && [...text].every((character, offset) => bytes[at + offset] === character.charCodeAt(0))
}

/** Characters of one byte as bytes. */
export function bytesOf(text: string): Part {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
