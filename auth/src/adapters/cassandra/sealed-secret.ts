import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concatBytes, EvegramError, utf8, type Random } from '@evegram/protocol'

/** Bytes of the key that seals secrets. */
export const SECRETS_KEY_BYTES = 32

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'

/**
 * `secret` under `key` and its name: version, IV, tag, ciphertext (AES-256-GCM, NIST SP 800-38D; a fresh random IV, which a deployment writes a
 * handful of). What is sealed under one name opens under no other.
 */
export function sealSecret(key: Uint8Array, name: string, secret: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const iv = random.bytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(nameBytes(name))
  const ciphertext = concatBytes(cipher.update(secret), cipher.final())
  return concatBytes(Uint8Array.of(VERSION), iv, cipher.getAuthTag(), ciphertext)
}

/** The secret inside. Throws `incompatible.schema` for a later version, `unavailable.store` for another key or name, or damage. */
export function openSecret(key: Uint8Array, name: string, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (sealed[0] !== VERSION) throw new EvegramError('incompatible.schema', { operation: 'open secret', details: { name } })
  try {
    const opener = createDecipheriv(ALGORITHM, key, sealed.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES })
    opener.setAAD(nameBytes(name))
    opener.setAuthTag(sealed.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES))
    return concatBytes(opener.update(sealed.subarray(1 + IV_BYTES + TAG_BYTES)), opener.final())
  } catch (cause) {
    throw new EvegramError('unavailable.store', {
      operation: 'open secret', cause, details: { name },
      advice: `The secret ${name} was sealed with another key, or is damaged: start every process of auth with the key that it was sealed with, or restore it.`,
    })
  }
}

function nameBytes(name: string): Uint8Array {
  return utf8(`evegram/secret/v1 ${name}`)
}
