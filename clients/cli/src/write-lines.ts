import { visible } from './visible.js'

/** Where lines go: standard output, or what a test looks into. */
export interface LineSink {
  /** A person sees it as a terminal shows it. */
  readonly isTTY?: boolean
  write(bytes: Uint8Array | string, done: (error?: Error | null) => void): unknown
}

/**
 * Writes a stream of lines of JSON, as fast as they are taken. A file or a pipe gets every byte as it is. On a terminal the characters that it would obey, which JSON leaves as
 * they are, are escaped as JSON escapes them: it reads as the same. Rejects as `lines` and the sink do.
 */
export async function writeLines(lines: AsyncIterable<Uint8Array>, sink: LineSink): Promise<void> {
  const text = new TextDecoder()
  const write = (bytes: Uint8Array | string): Promise<void> => new Promise((done, fail) => {
    sink.write(bytes, (error) => {
      if (error === null || error === undefined) done()
      else fail(error)
    })
  })
  for await (const bytes of lines) await write(sink.isTTY === true ? visible(text.decode(bytes, { stream: true })) : bytes)
  if (sink.isTTY === true) await write(visible(text.decode()))
}
