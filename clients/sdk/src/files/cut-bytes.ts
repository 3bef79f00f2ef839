/** A piece of a stream. */
export interface CutPiece {
  readonly bytes: Uint8Array
  /** Nothing comes behind it. */
  readonly last: boolean
}

/**
 * A stream in pieces of exactly `length` bytes, the last one shorter where it must be; nothing for an empty stream. Holds one piece back, to know
 * whether it is the last. A piece is a copy: what the stream does with its own buffers afterwards does not matter.
 */
export async function* cutBytes(stream: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<CutPiece, void, undefined> {
  let piece = new Uint8Array(length)
  let filled = 0
  for await (const bytes of stream) {
    for (let offset = 0; offset < bytes.length;) {
      if (filled === length) {
        yield { bytes: piece, last: false }
        piece = new Uint8Array(length)
        filled = 0
      }
      const part = bytes.subarray(offset, offset + length - filled)
      piece.set(part, filled)
      filled += part.length
      offset += part.length
    }
  }
  if (filled > 0) yield { bytes: piece.subarray(0, filled), last: true }
}
