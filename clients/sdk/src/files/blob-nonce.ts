import { concatBytes, EvegramError, utf8 } from '@evegram/protocol'

/** First bytes of every nonce: a key that was drawn for a blob opens nothing that was made for something else. */
const LABEL = utf8('evegram/blob/v1')
const INDEX_MAX = 0xffffffff

/**
 * Nonce of chunk `index`, 24 bytes: the label "evegram/blob/v1" (15), the chunk length (u32, big-endian), `index` (u32, big-endian), and 1 for the last
 * chunk or 0. So a chunk opens in its own place alone, and a stream that ends early or goes on behind its end does not open.
 * Throws `too_large.blob` past 2^32 chunks.
 */
export function blobNonce(chunk: number, index: number, last: boolean): Uint8Array {
  if (index > INDEX_MAX) throw new EvegramError('too_large.blob', { operation: 'seal blob' })
  const numbers = new Uint8Array(9)
  const view = new DataView(numbers.buffer)
  view.setUint32(0, chunk)
  view.setUint32(4, index)
  view.setUint8(8, last ? 1 : 0)
  return concatBytes(LABEL, numbers)
}
