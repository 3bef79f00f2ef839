import { createHash, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { ed25519KeyOfSeed } from '@evegram/platform'
import {
  deviceIdOf, entryHash, utf8, type AccountId, type AccountState, type DeviceId, type LogDraft, type LogProof, type WalletId,
} from '@evegram/protocol'
import { parseAddress, proofText, type Purpose, type WalletProof } from '@evegram/protocol/proof'
import type { IssuedChallenge } from '../challenge.js'

/** People and devices for tests, all made from a name: the same name gives the same keys. */

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const P = 2n ** 255n - 19n

interface Ed25519Pair {
  readonly privateKey: KeyObject
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

function pairOf(name: string): Ed25519Pair {
  const seed = createHash('sha256').update(name).digest()
  const privateKey = ed25519KeyOfSeed(seed)
  const publicKey = Uint8Array.from(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32))
  return { privateKey, publicKey }
}

const signBytes = (pair: Ed25519Pair, message: Uint8Array): Uint8Array => Uint8Array.from(sign(null, message, pair.privateKey))

function base58(bytes: Uint8Array): string {
  let number = 0n
  for (const byte of bytes) number = (number << 8n) | BigInt(byte)
  let text = ''
  for (; number > 0n; number /= 58n) text = `${BASE58[Number(number % 58n)] ?? ''}${text}`
  return '1'.repeat(bytes.findIndex((byte) => byte !== 0)) + text
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base % P, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P) {
    if ((rest & 1n) === 1n) result = (result * square) % P
  }
  return result
}

/** The Montgomery form of an Ed25519 key with libsignal's type byte: u = (1 + y) / (1 - y), RFC 7748 section 4.1. */
function identityKeyOf(edwards: Uint8Array): Uint8Array {
  let y = 0n
  for (let index = 31; index >= 0; index--) y = (y << 8n) | BigInt(index === 31 ? (edwards[31] ?? 0) & 0x7f : edwards[index] ?? 0)
  let u = ((1n + y) * power(1n - y + P, P - 2n)) % P
  const key = new Uint8Array(33)
  key[0] = 5
  for (let index = 1; index < 33; index++, u >>= 8n) key[index] = Number(u & 255n)
  return key
}

/** What a proof of a {@link TestWallet} says beside what the wallet knows. */
export interface ProofRequest {
  readonly purpose: Purpose
  readonly device: DeviceId
  readonly state: AccountState
  readonly challenge: IssuedChallenge
  readonly domain: string
  readonly origin: string
  readonly otherWallet?: WalletId
  readonly bodyHash?: Uint8Array
}

/** A Solana wallet that signs in with Sign-In With Solana. */
export class TestWallet {
  readonly #pair: Ed25519Pair
  readonly walletId: WalletId

  constructor(name: string) {
    this.#pair = pairOf(`wallet ${name}`)
    this.walletId = parseAddress(base58(this.#pair.publicKey)).walletId
  }

  prove(request: ProofRequest): WalletProof {
    const { state, challenge, ...claims } = request
    const fields = { ...claims, ...challenge, walletId: this.walletId, account: state.account, logSeq: state.seq, logHead: state.head }
    return { ...fields, form: 'siws', signature: signBytes(this.#pair, utf8(proofText(fields))) }
  }
}

/** A device with its two keys. */
export class TestDevice {
  readonly #identity: Ed25519Pair
  readonly #signing: Ed25519Pair
  readonly device: DeviceId
  readonly identityKey: Uint8Array
  readonly signingKey: Uint8Array
  readonly registrationId = 77

  constructor(name: string) {
    this.#identity = pairOf(`identity ${name}`)
    this.#signing = pairOf(`signing ${name}`)
    this.identityKey = identityKeyOf(this.#identity.publicKey)
    this.signingKey = this.#signing.publicKey
    this.device = deviceIdOf(this.identityKey, this.signingKey)
  }

  /** Ed25519 by the signing key. */
  sign(message: Uint8Array): Uint8Array {
    return signBytes(this.#signing, message)
  }

  /** XEdDSA as libsignal writes it: an Ed25519 signature with the sign of the key in its top bit. */
  signAsIdentity(message: Uint8Array): Uint8Array {
    const signature = signBytes(this.#identity, message)
    signature[63] = (signature[63] ?? 0) | ((this.#identity.publicKey[31] ?? 0) & 0x80)
    return signature
  }

  /** Both key proofs of an entry that adds this device. */
  keyProofs(draft: LogDraft): LogProof[] {
    const hash = entryHash(draft)
    return [
      { type: 'identity-key', device: this.device, signature: this.signAsIdentity(hash) },
      { type: 'signing-key', device: this.device, signature: this.sign(hash) },
    ]
  }

  /** The private signing key, for libraries that make tokens. */
  get signingPrivateKey(): KeyObject {
    return this.#signing.privateKey
  }

  /** Some public key of type 5: 33 bytes that differ by `id`. */
  somePublicKey(id: number): Uint8Array {
    return identityKeyOf(pairOf(`prekey ${this.device} ${String(id)}`).publicKey)
  }
}

/** An account on a device, as tests pass it around. */
export interface TestMember {
  readonly account: AccountId
  readonly device: TestDevice
}
