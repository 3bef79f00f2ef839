import { createHash } from 'node:crypto'
import { equalBytes, hexOf, type Random } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import { checkedPublicKey, type KeyPair } from '@evegram/sdk/parts'

/** 2^255 - 19: coordinates are below it. */
const FIELD = 2n ** 255n - 19n
/** Edwards keys kept by identity key; past it all go. A device signs with one key for its whole life. */
const EDWARDS_KEYS_MAX = 4_096
const edwardsKeys = new Map<string, Uint8Array>()

/** A public key of libsignal's form (33 bytes, canonical, of no low order) that anybody could compute from any 32 bytes: it hides nothing. */
export function standInPublicKey(privateKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(33)
  key[0] = 5
  key.set(createHash('sha256').update('key').update(privateKey).digest(), 1)
  // Below 2^254, and so below the field prime. None of the five coordinates of low order is the hash of anything known.
  key[32] = (key[32] ?? 0) & 0x3f
  return key
}

/** A key pair from 32 bytes of `random`, as many as libsignal draws. */
export function standInKeyPair(random: Random): KeyPair {
  const privateKey = random.bytes(32)
  return { publicKey: standInPublicKey(privateKey), privateKey }
}

/** SHA-256, as base64, of a label and texts without a bar. */
export function digestOf(label: string, ...texts: readonly string[]): string {
  return createHash('sha256').update(`${label}|${texts.join('|')}`).digest('base64')
}

/** What stands for a Diffie-Hellman agreement: the same from both ends, and known to everybody who knows both public keys (base64). */
export function standInAgreement(one: string, other: string): string {
  return one < other ? digestOf('agreement', one, other) : digestOf('agreement', other, one)
}

/**
 * 64 bytes that stand for an XEdDSA signature by the owner of `publicKey` (33 bytes). They pass the checks of form in front of the
 * Ed25519 equation (canonical R, S below the group order), and {@link standInPrimitives} takes them for good.
 */
export function standInSignature(publicKey: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return signatureOf(edwardsKeyOf(publicKey), message)
}

/** Whether `signature` is what {@link standInSignature} makes. False, never an error, for bytes that cannot be one. */
export function isStandInSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 33 || publicKey[0] !== 5) return false
  try {
    checkedPublicKey(publicKey)
  } catch {
    // A key of low order or of a second spelling signs nothing, whatever the reason.
    return false
  }
  return equalBytes(standInSignature(publicKey, message), signature)
}

/**
 * `inner`, which takes the signatures of the stand-in too: they reach the Ed25519 equation through the checks of `verifyXeddsa`. Real
 * signatures, of signing keys and wallets, are judged by `inner` alone. Anybody could make a stand-in signature: only a simulation, whose
 * attackers do not call {@link standInSignature}, may use this.
 */
export function standInPrimitives(inner: ProofPrimitives): ProofPrimitives {
  return {
    ed25519Verify: (publicKey, message, signature) =>
      equalBytes(signatureOf(publicKey, message), signature) || inner.ed25519Verify(publicKey, message, signature),
    secp256k1Verify: (publicKey, message, signature) => inner.secp256k1Verify(publicKey, message, signature),
  }
}

function signatureOf(edwardsKey: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const signature = new Uint8Array(createHash('sha512').update('signature').update(edwardsKey).update(message).digest())
  signature[31] = (signature[31] ?? 0) & 0x3f
  signature[63] = (signature[63] ?? 0) & 0x0f
  return signature
}

/** The Edwards form of a Montgomery key with a positive x, as `verifyXeddsa` computes it: y = (u - 1) / (u + 1). */
function edwardsKeyOf(publicKey: Uint8Array): Uint8Array {
  const name = hexOf(publicKey)
  const known = edwardsKeys.get(name)
  if (known !== undefined) return known
  let u = 0n
  for (let index = 32; index > 0; index--) u = (u << 8n) | BigInt(publicKey[index] ?? 0)
  let y = ((u - 1n + FIELD) * inverse(u + 1n)) % FIELD
  const key = new Uint8Array(32)
  for (let index = 0; index < 32; index++, y >>= 8n) key[index] = Number(y & 255n)
  // The memo of a pure function: what is in it changes no answer, only its time.
  if (edwardsKeys.size >= EDWARDS_KEYS_MAX) edwardsKeys.clear()
  edwardsKeys.set(name, key)
  return key
}

/** Modular inverse by the extended Euclidean algorithm, a fraction of the time of a power. */
function inverse(value: bigint): bigint {
  let [rest, next] = [FIELD, value % FIELD]
  let [factor, nextFactor] = [0n, 1n]
  while (next !== 0n) {
    const quotient = rest / next
    ;[rest, next] = [next, rest - quotient * next]
    ;[factor, nextFactor] = [nextFactor, factor - quotient * nextFactor]
  }
  return ((factor % FIELD) + FIELD) % FIELD
}
