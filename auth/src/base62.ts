const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Characters of {@link base62Of} for `length` bytes: always as many, leading zeros included. */
export function base62Length(length: number): number {
  return Math.ceil((length * 8) / Math.log2(62))
}

/** `bytes` as a big-endian number in base 62 (0-9 A-Z a-z), padded to a fixed length. */
export function base62Of(bytes: Uint8Array): string {
  let number = 0n
  for (const byte of bytes) number = (number << 8n) | BigInt(byte)
  let text = ''
  for (let left = base62Length(bytes.length); left > 0; left--, number /= 62n) text = `${DIGITS[Number(number % 62n)] ?? ''}${text}`
  return text
}

/** The `length` bytes of a base62 text, undefined when it is no text that {@link base62Of} writes for that many bytes. */
export function bytesOfBase62(text: string, length: number): Uint8Array<ArrayBuffer> | undefined {
  if (text.length !== base62Length(length)) return undefined
  let number = 0n
  for (const character of text) {
    const digit = DIGITS.indexOf(character)
    if (digit < 0) return undefined
    number = number * 62n + BigInt(digit)
  }
  const bytes = new Uint8Array(length)
  for (let index = length - 1; index >= 0; index--, number >>= 8n) bytes[index] = Number(number & 255n)
  return number === 0n ? bytes : undefined
}
