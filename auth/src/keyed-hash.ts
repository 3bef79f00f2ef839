import { createHmac, timingSafeEqual } from 'node:crypto'
import { lengthPrefixed } from '@evegram/protocol'

/** HMAC-SHA-256 over the length-prefixed `values`, the first of which names the use; its first `length` bytes. */
export function keyedHash(secret: Uint8Array, length: number, ...values: readonly (Uint8Array | string)[]): Uint8Array {
  return Uint8Array.from(createHmac('sha256', secret).update(lengthPrefixed(...values)).digest().subarray(0, length))
}

/** Whether two byte strings are equal, in a time that depends on their lengths alone. */
export function equalSecrets(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
