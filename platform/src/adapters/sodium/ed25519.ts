import { createRequire } from 'node:module'

/** Whether a signature (64 bytes) of a message fits a public key (32 bytes). */
type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

/** What of `sodium-native` is used. */
interface Sodium {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** A signature that fits, and one that fits only the cofactored equation (RFC 8032 allows it, we do not): protocol/vectors/proof-signatures.json. */
const MESSAGE = Buffer.from('Evegram signature vectors')
const FITS = { publicKey: '50a3cc70de411b5f34ed24522afd6f967546f81d4a17bfc5027dcb1e1d3abe32', signature: '00d3486850c8dfb351f613f3d6a150dc077da4488e88c30a4f5fa6a1a1fbd8993a8ec4f34e7ef4ca493f781afea3b82de1a736ebc20b75f340c6a9075aeee107' }
const FITS_COFACTORED = { publicKey: 'd50bb378e8330ff8cf8e7e6adc140fcaf24c5c4b1ee411493702397f3563dcb7', signature: '7cb9cf74969c5219f79846cce177afe2cb94684f86568707de7b5811edee1ac80cbf34ccdfcf92214a928296da0d6f3370212703ff6e388ece4584a0d156a30e' }

/**
 * libsodium's check of Ed25519 signatures, in 0.45 of the time that OpenSSL takes. It says true only where the cofactorless equation of `ProofPrimitives` holds,
 * and false in a few cases in which that holds, too (R of small order). Undefined where its package has nothing for this platform, or where
 * it decides by the cofactored equation, as some versions do: what servers take must be what every client takes.
 */
export function loadSodiumEd25519(load: () => unknown = () => createRequire(import.meta.url)('sodium-native')): VerifyEd25519 | undefined {
  const sodium = loaded(load)
  if (sodium === undefined) return undefined
  const verify: VerifyEd25519 = (publicKey, message, signature) =>
    publicKey.length === KEY_BYTES && signature.length === SIGNATURE_BYTES && sodium.crypto_sign_verify_detached(signature, message, publicKey)
  const says = ({ publicKey, signature }: typeof FITS): boolean => verify(Buffer.from(publicKey, 'hex'), MESSAGE, Buffer.from(signature, 'hex'))
  return says(FITS) && !says(FITS_COFACTORED) ? verify : undefined
}

function loaded(load: () => unknown): Sodium | undefined {
  try {
    const module = load()
    // The package has no types of its own.
    return typeof module === 'object' && module !== null && 'crypto_sign_verify_detached' in module ? module as Sodium : undefined
  } catch {
    // No native file for this platform (another C library, another processor): there is OpenSSL.
    return undefined
  }
}
