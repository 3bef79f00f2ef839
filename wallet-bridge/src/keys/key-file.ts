import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { EvegramError, isEvegramError, utf8 } from '@evegram/protocol'
import { z } from 'zod'
import type { SignatureAlgorithm, Signer } from '../chain/signer.js'
import { SEED_BYTES, seedSigner } from './seed-signer.js'

const FORMAT = 'evegram-key/1'
const FILE_BYTES_MAX = 4_096
/** Characters of a passphrase at least: the file may be copied. */
export const PASSPHRASE_CHARACTERS_MIN = 12
// RFC 7914: 128 MiB and about half a second, once at the start.
const SCRYPT = { N: 131_072, r: 8, p: 1, maxmem: 256 * 1_048_576 } as const
const CIPHER = 'aes-256-gcm'
const [KEY_BYTES, SALT_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 16, 12, 16]

const bytesText = (length: number) => z.string().regex(/^[A-Za-z0-9_-]*$/).transform((text) => new Uint8Array(Buffer.from(text, 'base64url'))).refine((bytes) => bytes.length === length)
const keyFile = z.strictObject({
  format: z.literal(FORMAT), algorithm: z.enum(['ed25519', 'secp256k1']), publicKey: z.string(),
  salt: bytesText(SALT_BYTES), nonce: bytesText(NONCE_BYTES), box: bytesText(SEED_BYTES + TAG_BYTES),
})

/**
 * Makes a key and writes it to `path` (mode 0600, synced), sealed with `passphrase`: scrypt, then AES-256-GCM over the seed, bound to algorithm and public key. Gives the
 * signer. Throws `invalid.argument` for a short passphrase and for a file that is there already.
 */
export function createKeyFile(path: string, algorithm: SignatureAlgorithm, passphrase: string): Signer {
  if (passphrase.length < PASSPHRASE_CHARACTERS_MIN) {
    throw new EvegramError('invalid.argument', { operation: 'make key file', advice: `Choose a passphrase of at least ${String(PASSPHRASE_CHARACTERS_MIN)} characters.` })
  }
  const [seed, salt, nonce] = [new Uint8Array(randomBytes(SEED_BYTES)), randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const signer = seedSigner(algorithm, seed)
  const publicKey = base64url(signer.publicKey)
  const cipher = createCipheriv(CIPHER, keyOf(passphrase, salt), nonce).setAAD(boundTo(algorithm, publicKey))
  const box = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()])
  const file = { format: FORMAT, algorithm, publicKey, salt: base64url(salt), nonce: base64url(nonce), box: base64url(box) }
  try {
    writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true })
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'make key file', advice: 'The key file could not be written, or is there already: keys are never overwritten.', cause })
  }
  return signer
}

/**
 * The signer whose key is in a file. Throws `invalid.config` for a file that others may read, that does not parse, whose passphrase is wrong, or whose key is not
 * the one that it names. No error holds anything of the key.
 */
export function openKeyFile(path: string, passphrase: string): Signer {
  const { algorithm, publicKey, salt, nonce, box } = readKeyFile(path)
  const seed = unseal(passphrase, { algorithm, publicKey, salt, nonce, box })
  const signer = seedSigner(algorithm, seed)
  seed.fill(0)
  if (base64url(signer.publicKey) !== publicKey) refuse('The key in the file is not the one that it names.')
  return signer
}

function readKeyFile(path: string): z.output<typeof keyFile> {
  try {
    const { mode, size } = statSync(path)
    // Windows has no such bits: there they say that everybody may read.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) refuse('Others may read the key file: chmod 600.')
    if (size > FILE_BYTES_MAX) refuse('This is no key file.')
    const parsed = keyFile.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return parsed.success ? parsed.data : refuse('This is no key file.')
  } catch (failure) {
    if (isEvegramError(failure)) throw failure
    return refuse('The key file cannot be read.')
  }
}

function unseal(passphrase: string, { algorithm, publicKey, salt, nonce, box }: Pick<z.output<typeof keyFile>, 'algorithm' | 'publicKey' | 'salt' | 'nonce' | 'box'>): Uint8Array {
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(passphrase, salt), nonce).setAAD(boundTo(algorithm, publicKey)).setAuthTag(box.subarray(SEED_BYTES))
    return new Uint8Array(Buffer.concat([decipher.update(box.subarray(0, SEED_BYTES)), decipher.final()]))
  } catch {
    // Without its cause: there is nothing in it that helps.
    return refuse('The passphrase of the key file is wrong, or the file was changed.')
  }
}

function keyOf(passphrase: string, salt: Uint8Array): Buffer {
  return scryptSync(passphrase.normalize('NFKC'), salt, KEY_BYTES, SCRYPT)
}

function boundTo(algorithm: SignatureAlgorithm, publicKey: string): Uint8Array {
  return utf8(`${FORMAT}\0${algorithm}\0${publicKey}`)
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function refuse(advice: string): never {
  throw new EvegramError('invalid.config', { operation: 'open key file', advice })
}
