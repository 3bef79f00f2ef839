import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64 } from '@scure/base'
import { equalBytes, utf8 } from '../bytes.js'
import { outcomeOf, refused, type ProofOutcome } from './outcome.js'
import type { ProofPrimitives } from './primitives.js'
import { isCompressedKey, verifySecp256k1 } from './secp256k1.js'
import { bech32AddressOf } from './wallet-id.js'

/** First bytes of an amino-encoded threshold multisig key (type `tendermint/PubKeyMultisigThreshold`). */
const MULTISIG_PREFIX = Uint8Array.of(0x22, 0xc1, 0xf7, 0xe2)

/** One ADR-036 signature over arbitrary data. */
export interface Adr036 {
  /** bech32 address in the sign document; its prefix decides which chain's addresses are meant. */
  readonly signer: string
  /** Human-readable part that `signer` must have: `terra`. */
  readonly prefix: string
  /** Compressed key, 33 bytes. */
  readonly publicKey: Uint8Array
  /** The data that the wallet showed and signed. */
  readonly data: Uint8Array
  /** r || s, 64 bytes. */
  readonly signature: Uint8Array
}

/**
 * The bytes that an ADR-036 wallet signs: the amino JSON sign document with sorted keys, account 0, sequence 0, no fee and the one
 * message `sign/MsgSignData`. Base64 and bech32 hold no character that amino JSON escapes.
 */
export function adr036SignBytes(signer: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  return utf8(
    '{"account_number":"0","chain_id":"","fee":{"amount":[],"gas":"0"},"memo":"","msgs":[{"type":"sign/MsgSignData","value":'
    + `{"data":"${base64.encode(data)}","signer":${JSON.stringify(signer)}}}],"sequence":"0"}`,
  )
}

/** The address of a compressed key: bech32(ripemd160(sha256(key))). */
export function cosmosAddressOf(prefix: string, publicKey: Uint8Array): string {
  return bech32AddressOf(prefix, ripemd160(sha256(publicKey)))
}

/**
 * Verifies ADR-036. Order: multisig key (`proof.wallet_unsupported`), key encoding (`proof.signature_encoding`), key belongs to the
 * signer (`proof.address`), signature encoding, low S, signature.
 */
export function verifyAdr036(input: Adr036, primitives: ProofPrimitives): ProofOutcome {
  if (equalBytes(input.publicKey.subarray(0, 4), MULTISIG_PREFIX)) return refused('proof.wallet_unsupported', 'multisig key')
  if (!isCompressedKey(input.publicKey)) return refused('proof.signature_encoding', 'no compressed secp256k1 key')
  if (cosmosAddressOf(input.prefix, input.publicKey) !== input.signer) return refused('proof.address', 'the key has another address')
  return outcomeOf(verifySecp256k1(primitives, input.publicKey, adr036SignBytes(input.signer, input.data), input.signature))
}
