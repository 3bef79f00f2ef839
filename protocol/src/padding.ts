import { EvegramError } from './errors.js'

/** Step of small lengths: libsignal's own, so that short texts of about the same length look alike. */
export const PADDING_STEP_BYTES = 160
/** Up to this many bytes (the last step that begins within 1 KiB) the padded length is a multiple of {@link PADDING_STEP_BYTES}. */
export const PADDING_STEPS_UP_TO_BYTES = 1_120

const LENGTH_BYTES = 4

/**
 * Padded length of `length` bytes: up to 1,120 the next multiple of 160, 160 at least; above, Padmé (Nikitin et al., "Reducing Metadata
 * Leakage from Encrypted Files and Communication with PURBs", PETS 2019, algorithm 1), which adds at most 12 % and leaves
 * O(log log n) bits of the length visible.
 */
export function paddedLength(length: number): number {
  if (length <= PADDING_STEPS_UP_TO_BYTES) return Math.max(1, Math.ceil(length / PADDING_STEP_BYTES)) * PADDING_STEP_BYTES
  const exponent = Math.floor(Math.log2(length))
  const roundedBits = exponent - (Math.floor(Math.log2(exponent)) + 1)
  const step = 2 ** roundedBits
  return Math.ceil(length / step) * step
}

/** `content` behind its length (u32, big-endian), filled with zeros to {@link paddedLength} of both. */
export function pad(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(paddedLength(LENGTH_BYTES + content.length))
  new DataView(padded.buffer).setUint32(0, content.length)
  padded.set(content, LENGTH_BYTES)
  return padded
}

/** The content of what {@link pad} wrote, as a view. Throws `invalid.payload` for any other length and for padding that is not zero. */
export function unpad(padded: Uint8Array): Uint8Array {
  if (padded.length < LENGTH_BYTES) throw new EvegramError('invalid.payload', { operation: 'remove padding' })
  const end = LENGTH_BYTES + new DataView(padded.buffer, padded.byteOffset, padded.byteLength).getUint32(0)
  if (end > padded.length || paddedLength(end) !== padded.length || padded.subarray(end).some((byte) => byte !== 0)) {
    throw new EvegramError('invalid.payload', { operation: 'remove padding' })
  }
  return padded.subarray(LENGTH_BYTES, end)
}
