import { bytesOfHex, hexOf } from '@evegram/protocol'
import nacl from 'tweetnacl'

/** Largest message that is opened, sealed. What wallets answer is a few hundred bytes; a StateInit of the largest wallet a few thousand. */
export const SEALED_BYTES_MAX = 32_768

/** What {@link SessionBox} takes randomness from. */
export interface BoxRandom {
  randomBytes(count: number): Uint8Array
}

/**
 * One side of a session of TON Connect (github.com/ton-blockchain/ton-connect, session.md): a key pair for NaCl's `crypto_box`, whose public key is the client id. A sealed message is a random nonce
 * and the box. The secret never leaves this object.
 */
export class SessionBox {
  readonly clientId: string
  readonly #secret: Uint8Array
  readonly #random: BoxRandom

  constructor(random: BoxRandom) {
    this.#random = random
    const pair = nacl.box.keyPair.fromSecretKey(random.randomBytes(nacl.box.secretKeyLength))
    this.#secret = pair.secretKey
    this.clientId = hexOf(pair.publicKey)
  }

  /** Seals a text for the client with the id `to`. */
  seal(text: string, to: string): Uint8Array {
    const nonce = this.#random.randomBytes(nacl.box.nonceLength)
    const box = nacl.box(new TextEncoder().encode(text), nonce, bytesOfHex(to), this.#secret)
    const sealed = new Uint8Array(nonce.length + box.length)
    sealed.set(nonce)
    sealed.set(box, nonce.length)
    return sealed
  }

  /** The text that the client with the id `from` sealed for this one; undefined for anything else. */
  open(sealed: Uint8Array, from: string): string | undefined {
    if (sealed.length <= nacl.box.nonceLength || sealed.length > SEALED_BYTES_MAX || !isClientId(from)) return undefined
    const opened = nacl.box.open(sealed.subarray(nacl.box.nonceLength), sealed.subarray(0, nacl.box.nonceLength), bytesOfHex(from), this.#secret)
    if (opened === null) return undefined
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(opened)
    } catch {
      // Whoever sealed it sealed no text.
      return undefined
    }
  }
}

/** Whether a text is the id of a client: 32 bytes in lower-case hex. */
export function isClientId(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)
}
