/**
 * The two signature equations that wallet proofs need. The server injects node:crypto, the SDK @noble/curves; both must give
 * the same answer for every input. Lengths, canonical encodings, small order and low S are checked by the callers in this
 * package (`verifyEd25519`, `verifySecp256k1`), which alone may call a primitive: a primitive is never a verifier by itself.
 * A primitive answers false for a key that is no curve point and never throws.
 */
export interface ProofPrimitives {
  /**
   * RFC 8032 Ed25519, cofactorless: encode([S]B - [k]A) equals R byte for byte.
   * `publicKey` has 32 bytes, `signature` 64 (R, then S below L little-endian).
   */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /**
   * ECDSA on secp256k1 over SHA-256(`message`): the primitive hashes. `publicKey` has 33 bytes (compressed),
   * `signature` 64 (r, s big-endian, both in [1, n-1], s low).
   */
  secp256k1Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** SHA-256 of any bytes, or of a text in UTF-8: 32 bytes; @noble/hashes where it is absent. */
  readonly sha256?: (input: Uint8Array | string) => Uint8Array
}

/** Answer of a strict signature check: valid, or the code of the first rule that the key or the signature breaks. */
export type SignatureStatus = 'valid' | 'proof.signature_encoding' | 'proof.small_order_key' | 'proof.high_s' | 'proof.signature'
