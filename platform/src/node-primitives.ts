import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { hexOf } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'

/** Keys whose imported form is kept, per curve: importing costs a fifth (Ed25519) to as much (secp256k1) as verifying. */
const CACHED_KEYS_MAX = 4_096

/** Imported keys by their bytes; at the bound the least recently used one goes. */
class KeyCache {
  readonly #keys = new Map<string, KeyObject>()
  readonly #load: (publicKey: Uint8Array) => KeyObject
  readonly #sizeMax: number

  constructor(load: (publicKey: Uint8Array) => KeyObject, sizeMax: number) {
    this.#load = load
    this.#sizeMax = sizeMax
  }

  /** Throws what the import throws: the key is no point of the curve. Such keys are not kept. */
  get(publicKey: Uint8Array): KeyObject {
    const name = hexOf(publicKey)
    const key = this.#keys.get(name) ?? this.#load(publicKey)
    // A map keeps the order of insertion, so the first key is the one not used for longest.
    this.#keys.delete(name)
    this.#keys.set(name, key)
    const [oldest] = this.#keys.size > this.#sizeMax ? this.#keys.keys() : []
    if (oldest !== undefined) this.#keys.delete(oldest)
    return key
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

function importEd25519(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) }, format: 'jwk' })
}

/** SubjectPublicKeyInfo of a compressed secp256k1 point up to the point itself: id-ecPublicKey with the curve 1.3.132.0.10 (RFC 5480 section 2). */
const SECP256K1_SPKI = Buffer.from('3036301006072a8648ce3d020106052b8104000a032200', 'hex')

function importSecp256k1(publicKey: Uint8Array): KeyObject {
  // OpenSSL reads the compressed form itself: half the time of finding y first and importing a JWK.
  return createPublicKey({ key: Buffer.concat([SECP256K1_SPKI, publicKey]), format: 'der', type: 'spki' })
}

function isOpenSslRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^ERR_(?:CRYPTO|OSSL|INVALID)/.test(error.code)
}

const SHA256_BYTES = 32

/** SHA-256 on node:crypto. Asked for as text: a Buffer has memory of its own outside of the heap of V8, which costs three times what hashing does. */
export function nodeSha256(input: Uint8Array | string): Uint8Array {
  const text = hash('sha256', input, 'binary')
  const digest = new Uint8Array(SHA256_BYTES)
  for (let index = 0; index < SHA256_BYTES; index++) digest[index] = text.charCodeAt(index)
  return digest
}

/** False where node:crypto refuses the key; any other failure is a fault of the program and goes on. */
function verifiesWith(check: () => boolean): boolean {
  try {
    return check()
  } catch (error) {
    if (isOpenSslRefusal(error)) return false
    throw error
  }
}

/**
 * The signature equations on node:crypto (OpenSSL): Ed25519 compares R as bytes, ECDSA takes r || s. Keeps up to `keysMax` imported
 * keys of each curve. Only for the strict checks of `@evegram/protocol/proof`: by itself it takes small-order keys and high S.
 */
export function createNodePrimitives(keysMax = CACHED_KEYS_MAX): ProofPrimitives {
  const ed25519Keys = new KeyCache(importEd25519, keysMax)
  const secp256k1Keys = new KeyCache(importSecp256k1, keysMax)
  return {
    sha256: nodeSha256,
    ed25519Verify: (publicKey, message, signature) => verifiesWith(() => verify(null, message, ed25519Keys.get(publicKey), signature)),
    secp256k1Verify: (publicKey, message, signature) => verifiesWith(
      () => verify('sha256', message, { key: secp256k1Keys.get(publicKey), dsaEncoding: 'ieee-p1363' }, signature),
    ),
  }
}

/** Import of the key and the equation, and nothing else: the limit that `npm run verify:bench` compares with. Throws for keys that are no points. */
export const bareNodePrimitives: ProofPrimitives = {
  ed25519Verify: (publicKey, message, signature) => verify(null, message, importEd25519(publicKey), signature),
  secp256k1Verify: (publicKey, message, signature) => verify('sha256', message, { key: importSecp256k1(publicKey), dsaEncoding: 'ieee-p1363' }, signature),
}
