/** Small pieces of a stream together, `partBytes` or a little more at a time, so that a write is worth it; what came before a failure is given before it. */
export async function* inParts(stream: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const bytes of stream) {
      parts.push(bytes)
      length += bytes.length
      if (length < partBytes) continue
      const whole = Buffer.concat(parts)
      parts = []
      length = 0
      yield whole
    }
  } catch (failure) {
    if (length > 0) yield Buffer.concat(parts)
    throw failure
  }
  if (length > 0) yield Buffer.concat(parts)
}
