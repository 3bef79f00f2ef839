/** Content of a test: byte i is i * 7 mod 251, so that pieces in a wrong place show. */
export function sampleContent(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 7) % 251)
}

/** A stream of `bytes` in pieces of `length`. */
export async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < bytes.length; offset += length) yield bytes.slice(offset, offset + length)
}

/** All of a stream, and what its generator returned. */
export async function drained<T>(stream: AsyncGenerator<Uint8Array, T, undefined>): Promise<{ readonly pieces: readonly Uint8Array[]; readonly bytes: Uint8Array; readonly value: T }> {
  const pieces: Uint8Array[] = []
  for (;;) {
    const next = await stream.next()
    if (next.done === true) return { pieces, bytes: Uint8Array.from(Buffer.concat(pieces)), value: next.value }
    pieces.push(next.value)
  }
}
