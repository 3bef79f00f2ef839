import { EvegramError, type ErrorCode } from '@evegram/protocol'

/**
 * All of standard input as text, without the line break at its end. Throws `tooLarge` past `bytesMax` bytes, which is found out while reading:
 * nobody fills the memory.
 */
export async function standardInput(bytesMax: number, tooLarge: ErrorCode): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    // One more byte than fits, for the line break that is cut below.
    if (length > bytesMax + 1) throw new EvegramError(tooLarge, { operation: 'read standard input' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8').replace(/\n$/, '')
}
