/** How a key signs. */
export type SignatureAlgorithm = 'ed25519' | 'secp256k1'

/**
 * A key of ours, which stays where it is: in an encrypted file, the environment or a key service. No property, error, log line or JSON of a signer shows it.
 */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  /** 32 bytes (ed25519), 33 (secp256k1, compressed). */
  readonly publicKey: Uint8Array
  /**
   * The signature over `message`, 64 bytes; secp256k1 hashes it with SHA-256 first and gives r || s with a low s. What is signed is final: whoever asks has
   * decided. Rejects, with an error that names no key, while a remote key does not answer.
   */
  sign(message: Uint8Array): Promise<Uint8Array>
}
