import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, hexOf, utf8 } from '../bytes.js'
import { verifyEd25519 } from './ed25519.js'
import { outcomeOf, refused, type ProofOutcome } from './outcome.js'
import type { ProofPrimitives } from './primitives.js'
import type { TonAddress } from './ton-address.js'
import { readTonBoc, type TonCell } from './ton-cell.js'
import { TonStateShapes } from './ton-state-shapes.js'

/** The wallet contracts whose owner can be read from their first state alone. */
export type TonWalletKind = 'v3r1' | 'v3r2' | 'v4r2' | 'v5r1'

/** Where a contract keeps its key, and which bits around it must have one value. */
interface StateLayout {
  readonly kind: TonWalletKind
  /** Exact bits of data. */
  readonly bits: number
  /** First bit of the 256-bit public key. */
  readonly keyBit: number
  /** Bits that must be set: V5 lets the owner switch signatures off. */
  readonly setBits: readonly number[]
  /** Bits that must be clear: the dictionary of plugins or extensions is empty. */
  readonly clearBits: readonly number[]
}

const V3 = { bits: 320, keyBit: 64, setBits: [], clearBits: [] } as const
const V4R2: StateLayout = { kind: 'v4r2', bits: 321, keyBit: 64, setBits: [], clearBits: [320] }
const V5R1: StateLayout = { kind: 'v5r1', bits: 322, keyBit: 65, setBits: [0], clearBits: [321] }

/** Representation hash of the code of each known contract, as @ton/ton publishes them; vectors/proof-ton.json checks every one. */
const LAYOUT_OF_CODE: ReadonlyMap<string, StateLayout> = new Map([
  ['b61041a58a7980b946e8fb9e198e3c904d24799ffa36574ea4251c41a566f581', { kind: 'v3r1', ...V3 }],
  ['84dafa449f98a6987789ba232358072bc0f76dc4524002a5d0918b9a75d2d599', { kind: 'v3r2', ...V3 }],
  ['feb5ff6820e2ff0d9483e7e0d62c817d846789fb4ae580c878866d959dabd5c0', V4R2],
  ['20834b7b72b112147e1b2fb457b84e74d1a30f04f737d4f62a668e9552d2b72f', V5R1],
])

/** StateInit (block.tlb): no split depth, no tick-tock, code, data, no library: bits 00110 and two references. */
const STATE_BITS = 5
const STATE_BYTE = 0b0011_0000

function bitAt(cell: TonCell, bit: number): number {
  return ((cell.data[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1
}

function bytesAt(cell: TonCell, bit: number, length: number): Uint8Array<ArrayBuffer> {
  const [first, shift] = [bit >> 3, bit & 7]
  const bytes = new Uint8Array(length)
  // Of the two bytes that hold it; an array of bytes keeps the lowest eight bits of what is written.
  for (let index = 0; index < length; index++) bytes[index] = (((cell.data[first + index] ?? 0) << 8) | (cell.data[first + index + 1] ?? 0)) >> (8 - shift)
  return bytes
}

/** States of known contracts as they were read before. It changes no answer, so all verifiers of a process share it. */
const shapes = new TonStateShapes()

/** Why the data of a known contract is not that of a plain wallet, or undefined. */
function dataFault(data: TonCell, layout: StateLayout): string | undefined {
  if (data.bits !== layout.bits || data.refs.length !== 0) return 'data of the contract has another length'
  if (layout.setBits.some((bit) => bitAt(data, bit) === 0)) return 'signatures are switched off'
  return layout.clearBits.some((bit) => bitAt(data, bit) === 1) ? 'plugins or extensions are installed' : undefined
}

/** Kind and owner of a wallet contract. `publicKey` has 32 bytes. */
export interface TonWalletState {
  readonly status: 'read'
  readonly kind: TonWalletKind
  readonly publicKey: Uint8Array
}

/**
 * Reads the owner's key from a wallet's StateInit (BoC). Order: it parses (`proof.malformed`), its hash is the address
 * (`proof.state_init`), it is a plain state of a known contract with exact data, signatures on, no plugins or extensions
 * (`proof.wallet_unsupported`).
 */
export function readTonWallet(address: TonAddress, stateInit: Uint8Array, sha256: Sha256 = nobleSha256): TonWalletState | ProofOutcome {
  const remembered = shapes.read(stateInit, sha256)
  const root = remembered ?? readTonBoc(stateInit)
  if (root === undefined) return refused('proof.malformed', 'StateInit is no bag of ordinary cells with one root')
  if (!equalBytes(root.hash, address.hash)) return refused('proof.state_init', 'hash of the StateInit is not the address')
  const [code, data] = root.refs
  if (root.bits !== STATE_BITS || root.data[0] !== STATE_BYTE || root.refs.length !== 2 || code === undefined || data === undefined) {
    return refused('proof.wallet_unsupported', 'StateInit has more than code and data')
  }
  const layout = LAYOUT_OF_CODE.get(hexOf(code.hash))
  if (layout === undefined) return refused('proof.wallet_unsupported', 'unknown code')
  const fault = dataFault(data, layout)
  if (fault !== undefined) return refused('proof.wallet_unsupported', fault)
  if (remembered === undefined) shapes.remember(stateInit, root)
  return { status: 'read', kind: layout.kind, publicKey: bytesAt(data, layout.keyBit, 32) }
}

/** What both kinds of TON Connect signature cover beside the payload. */
export interface TonSigned {
  readonly address: TonAddress
  /** The application's domain as the wallet saw it. */
  readonly domain: string
  /** Seconds since 1970, by the wallet's clock. */
  readonly timestamp: number
  readonly payload: string
}

/** One's own SHA-256: 32 bytes of any bytes. */
type Sha256 = (bytes: Uint8Array) => Uint8Array

const PROOF_ITEM = utf8('ton-proof-item-v2/')
const PROOF_PREFIX = concatBytes(Uint8Array.of(0xff, 0xff), utf8('ton-connect'))
const SIGN_DATA_PREFIX = concatBytes(Uint8Array.of(0xff, 0xff), utf8('ton-connect/sign-data/'))
const TEXT_TAG = utf8('txt')

/** Memory for what is hashed at once and then forgotten: an array of its own for each would cost as much as the hash. */
const ROOM = new Uint8Array(1_024)

/**
 * Writes bytes and numbers one behind the other, as many as `length` says. `bytes` is for a hash that is made at once: the next one of these may be written
 * into the same memory.
 */
class SignedBytes {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(length: number) {
    this.bytes = length <= ROOM.length ? ROOM.subarray(0, length) : new Uint8Array(length)
    this.#view = new DataView(this.bytes.buffer)
  }

  put(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  int32(value: number, littleEndian: boolean): this {
    this.#view.setInt32(this.#at, value, littleEndian)
    this.#at += 4
    return this
  }

  /** A safe integer: its halves are exact. */
  uint64(value: number, littleEndian: boolean): this {
    const [high, low] = [Math.floor(value / 2 ** 32), value % 2 ** 32]
    this.#view.setUint32(this.#at, littleEndian ? low : high, littleEndian)
    this.#view.setUint32(this.#at + 4, littleEndian ? high : low, littleEndian)
    this.#at += 8
    return this
  }
}

/**
 * What the wallet signs for `ton_proof` (TON Connect, address proof): SHA-256(0xffff "ton-connect" SHA-256("ton-proof-item-v2/"
 * workchain i32 BE, hash, domain length u32 LE, domain, timestamp u64 LE, payload)). 32 bytes.
 */
export function tonProofDigest({ address, domain: text, timestamp, payload: payloadText }: TonSigned, sha256: Sha256 = nobleSha256): Uint8Array {
  const [domain, payload] = [utf8(text), utf8(payloadText)]
  const item = new SignedBytes(PROOF_ITEM.length + 4 + address.hash.length + 4 + domain.length + 8 + payload.length)
    .put(PROOF_ITEM).int32(address.workchain, false).put(address.hash).int32(domain.length, true).put(domain).uint64(timestamp, true).put(payload)
  return sha256(concatBytes(PROOF_PREFIX, sha256(item.bytes)))
}

/**
 * What the wallet signs for `signData` of type text (TON Connect): SHA-256(0xffff "ton-connect/sign-data/" workchain i32 BE, hash,
 * domain length u32 BE, domain, timestamp u64 BE, "txt", text length u32 BE, text). 32 bytes.
 */
export function tonSignDataDigest({ address, domain: domainText, timestamp, payload }: TonSigned, sha256: Sha256 = nobleSha256): Uint8Array {
  const [domain, text] = [utf8(domainText), utf8(payload)]
  const signed = new SignedBytes(SIGN_DATA_PREFIX.length + 4 + address.hash.length + 4 + domain.length + 8 + TEXT_TAG.length + 4 + text.length)
    .put(SIGN_DATA_PREFIX).int32(address.workchain, false).put(address.hash).int32(domain.length, false).put(domain).uint64(timestamp, false)
    .put(TEXT_TAG).int32(text.length, false).put(text)
  return sha256(signed.bytes)
}

/** One TON Connect signature with the wallet's first state. */
export interface TonConnectProof extends TonSigned {
  readonly kind: 'ton-proof' | 'ton-sign-data'
  /** Length of the domain in bytes as the wallet states it. */
  readonly domainBytes: number
  readonly stateInit: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Verifies a TON Connect signature. Order: domain length (`proof.domain`), timestamp (`proof.malformed`), {@link readTonWallet}, signature.
 */
export function verifyTonConnect(proof: TonConnectProof, primitives: ProofPrimitives): ProofOutcome {
  if (utf8(proof.domain).length !== proof.domainBytes) return refused('proof.domain', 'length of the domain')
  if (!Number.isSafeInteger(proof.timestamp) || proof.timestamp < 0) return refused('proof.malformed', 'timestamp')
  const state = readTonWallet(proof.address, proof.stateInit, primitives.sha256)
  if (state.status !== 'read') return state
  const digest = proof.kind === 'ton-proof' ? tonProofDigest(proof, primitives.sha256) : tonSignDataDigest(proof, primitives.sha256)
  return outcomeOf(verifyEd25519(primitives, state.publicKey, digest, proof.signature))
}
