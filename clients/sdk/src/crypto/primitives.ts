import { cbc } from '@noble/ciphers/aes.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { EvegramError } from '@evegram/protocol'

/** A Curve25519 key pair as libsignal writes it: 0x05 and 32 bytes public, 32 clamped bytes private. */
export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** A value now or later: primitives that answer at once keep a whole run deterministic. */
export type MaybePromise<Value> = Value | Promise<Value>

/**
 * The arithmetic under the Signal code. Every implementation gives the same bytes; they differ in speed, in constant time and
 * in whether they answer at once. Keys and secrets are 32 bytes, AES is AES-256-CBC with PKCS#7 padding and a 16-byte iv.
 * Inputs MUST NOT be changed or kept. `aesDecrypt` rejects (or throws) on bad padding.
 */
export interface SignalPrimitives {
  /** For error messages and benchmarks. */
  readonly name: string
  /** RFC 7748 X25519 of `privateKey` with the base point. */
  x25519PublicKey(privateKey: Uint8Array): MaybePromise<Uint8Array>
  /** RFC 7748 X25519. May throw on a low-order point or answer 32 zero bytes: the caller checks both. */
  x25519SharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): MaybePromise<Uint8Array>
  hmacSha256(key: Uint8Array, data: Uint8Array): MaybePromise<Uint8Array>
  aesEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): MaybePromise<Uint8Array>
  aesDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): MaybePromise<Uint8Array>
}

/** All by \@noble and all at once: for the simulator, where a run must repeat exactly. Its AES uses tables, so it is not for production. */
export const synchronousPrimitives: SignalPrimitives = {
  name: 'noble',
  x25519PublicKey: (privateKey) => x25519.getPublicKey(privateKey),
  x25519SharedSecret: (privateKey, publicKey) => x25519.getSharedSecret(privateKey, publicKey),
  hmacSha256: (key, data) => hmac(sha256, key, data),
  aesEncrypt: (key, iv, plaintext) => cbc(key, iv).encrypt(plaintext),
  aesDecrypt: (key, iv, ciphertext) => cbc(key, iv).decrypt(ciphertext),
}

/**
 * The default in browsers and Node alike: curve and HMAC by \@noble, AES by WebCrypto, which is constant-time and fast.
 * \@noble's X25519 is a Montgomery ladder with constant-time intent, which JavaScript engines cannot promise.
 */
export const portablePrimitives: SignalPrimitives = {
  ...synchronousPrimitives,
  name: 'noble+webcrypto',
  async aesEncrypt(key, iv, plaintext) {
    const imported = await importAesKey(key, 'encrypt')
    return new Uint8Array(await subtle().encrypt({ name: 'AES-CBC', iv: iv.slice() }, imported, plaintext.slice()))
  },
  async aesDecrypt(key, iv, ciphertext) {
    const imported = await importAesKey(key, 'decrypt')
    return new Uint8Array(await subtle().decrypt({ name: 'AES-CBC', iv: iv.slice() }, imported, ciphertext.slice()))
  },
}

function importAesKey(key: Uint8Array, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return subtle().importKey('raw', key.slice(), { name: 'AES-CBC' }, false, [usage])
}

function subtle(): SubtleCrypto {
  // Browsers have no crypto.subtle on pages that were not loaded over https or from localhost; the DOM types do not say so.
  const available: SubtleCrypto | undefined = globalThis.crypto.subtle
  if (available === undefined) {
    throw new EvegramError('e2ee.self_test', { operation: 'find WebCrypto', advice: 'Load the page over https: encryption needs a secure context.' })
  }
  return available
}
