import { base58 } from '@scure/base'

/** Bytes in the alphabet of Solana. */
export function base58Of(bytes: Uint8Array): string {
  return base58.encode(bytes)
}

/** The bytes of a text, or undefined when it is none, or not of `length` bytes. */
export function base58Bytes(text: string, length: number): Uint8Array | undefined {
  // A byte is at most 1.38 characters: a longer text is not worth the quadratic work of decoding.
  if (text.length > Math.ceil(length * 1.38)) return undefined
  try {
    const bytes = base58.decode(text)
    return bytes.length === length ? bytes : undefined
  } catch {
    return undefined
  }
}
