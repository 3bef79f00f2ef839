import { bytesOfHex, EvegramError, hexOf, parseAccountId, parseBlobId } from '@evegram/protocol'
import { z } from 'zod'
import { RETENTIONS, type BlobFacts } from '../ports/blob-store.js'

const whole = z.int().nonnegative()
const shape = z.object({
  format: z.literal('evegram-blob/1'), blob: z.string().transform(parseBlobId), owner: z.string().transform(parseAccountId), bytes: whole.positive(),
  digest: z.string().length(64).transform((hex) => bytesOfHex(hex)), retention: z.enum(RETENTIONS), createdAtMs: whole, expiresAtMs: whole,
})

/** JSON of what was announced of a blob. */
export function encodeBlobFacts(facts: BlobFacts): string {
  return `${JSON.stringify({ format: 'evegram-blob/1', ...facts, digest: hexOf(facts.digest) })}\n`
}

/** Throws `unavailable.blob_store` for text that {@link encodeBlobFacts} did not write. */
export function decodeBlobFacts(text: string): BlobFacts {
  try {
    const { format: _, ...facts } = shape.parse(JSON.parse(text))
    return facts
  } catch (cause) {
    throw new EvegramError('unavailable.blob_store', { operation: 'read facts of blob', cause })
  }
}
