import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, hexOf, utf8 } from './bytes.js'
import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { EvegramError } from './errors.js'
import { ID_BYTES, idBytes, parseAccountId, parseDeviceId, type AccountId, type DeviceId, type WalletId } from './ids.js'
import { LIMITS } from './limits.js'
import { parseWalletId } from './proof/wallet-id.js'
import { decodeWalletProof, encodeWalletProof, type WalletProof } from './proof/wallet-proof.js'

/** Keys and registration of a device, attested by a wallet. */
export interface DeviceAddition {
  /** libsignal identity key: 0x05, then 32 bytes of X25519. */
  readonly identityKey: Uint8Array
  /** Ed25519 public key, 32 bytes. */
  readonly signingKey: Uint8Array
  /** libsignal registration id, 14 bits. */
  readonly registrationId: number
  /** An active device that signs the entry too, where the policy of the account asks for it. */
  readonly approvedBy?: DeviceId
}

/** Body of each kind of entry. */
export interface LogBodies {
  'device.add': DeviceAddition
  'device.revoke': { readonly device: DeviceId }
  'wallet.link': { readonly wallet: WalletId }
  'wallet.unlink': { readonly wallet: WalletId }
  'policy': { readonly approveDevices: boolean }
  'closed': Readonly<Record<string, never>>
}

/** Kind of an entry. */
export type LogKind = keyof LogBodies

/** A kind with its body. */
export type LogChange = { readonly [Kind in LogKind]: { readonly kind: Kind; readonly body: LogBodies[Kind] } }[LogKind]

/** What an entry changes and where it stands in the log: the part that device keys sign. */
export type LogDraft = {
  readonly v: 1
  readonly account: AccountId
  /** The first entry has 1. */
  readonly seq: number
  /** Head before this entry, 32 bytes; zeros for the first. */
  readonly prev: Uint8Array
  /** When the entry was made, in ms since 1970, as its author says. */
  readonly atMs: number
} & LogChange

/** One signature under an entry. */
export type LogProof =
  | { readonly type: 'wallet'; readonly proof: WalletProof }
  /** XEdDSA signature (64 bytes) of {@link entryHash} by the identity key of the added device. */
  | { readonly type: 'identity-key'; readonly device: DeviceId; readonly signature: Uint8Array }
  /** Ed25519 signature (64 bytes) of {@link entryHash} by the signing key of a device. */
  | { readonly type: 'signing-key'; readonly device: DeviceId; readonly signature: Uint8Array }

/** One entry of an account log. */
export type LogEntry = LogDraft & { readonly proofs: readonly LogProof[] }

/** No entry needs more signatures: wallet, two keys of the new device, one approval. */
export const LOG_PROOFS_MAX = 4

/** Head of a log without entries: 32 zero bytes. A fresh copy each time. */
export function emptyHead(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32)
}

const INVALID = 'invalid.log_entry' as const
const PUBLIC_KEY_TYPE = 5

function changeMap(change: LogChange): CborValue {
  switch (change.kind) {
    case 'device.add': {
      const { identityKey, signingKey, registrationId, approvedBy } = change.body
      const map = { identityKey, signingKey, registrationId }
      return approvedBy === undefined ? map : { ...map, approvedBy: idBytes(approvedBy) }
    }
    case 'device.revoke':
      return { device: idBytes(change.body.device) }
    case 'wallet.link':
    case 'wallet.unlink':
      return { wallet: change.body.wallet }
    case 'policy':
      return { approveDevices: change.body.approveDevices }
    case 'closed':
      return {}
    default:
      return change satisfies never
  }
}

function readChange(kind: string, value: CborValue): LogChange {
  const body = new CborFields(value, INVALID)
  const change = readKind(kind, body)
  body.end()
  return change
}

function readKind(kind: string, body: CborFields): LogChange {
  switch (kind) {
    case 'device.add': {
      const identityKey = body.bytes('identityKey', 33)
      if (identityKey[0] !== PUBLIC_KEY_TYPE) body.fail('identityKey: type 5')
      const device = { identityKey, signingKey: body.bytes('signingKey', 32), registrationId: body.uint('registrationId', 0x3fff) }
      return { kind, body: body.has('approvedBy') ? { ...device, approvedBy: readDevice(body, 'approvedBy') } : device }
    }
    case 'device.revoke':
      return { kind, body: { device: readDevice(body, 'device') } }
    case 'wallet.link':
    case 'wallet.unlink':
      return { kind, body: { wallet: parseWalletId(body.text('wallet', 160)) } }
    case 'policy':
      return { kind, body: { approveDevices: body.boolean('approveDevices') } }
    case 'closed':
      return { kind, body: {} }
    default:
      return body.fail('a known kind')
  }
}

function readDevice(fields: CborFields, name: string): DeviceId {
  return parseDeviceId(hexOf(fields.bytes(name, ID_BYTES)))
}

function proofMap(proof: LogProof): CborValue {
  if (proof.type === 'wallet') return { type: proof.type, proof: encodeWalletProof(proof.proof) }
  return { type: proof.type, device: idBytes(proof.device), signature: proof.signature }
}

function readProof(value: CborValue): LogProof {
  const fields = new CborFields(value, INVALID)
  const type = fields.text('type', 16)
  let proof: LogProof
  if (type === 'wallet') proof = { type, proof: decodeWalletProof(fields.value('proof')) }
  else if (type === 'identity-key' || type === 'signing-key') {
    proof = { type, device: readDevice(fields, 'device'), signature: fields.bytes('signature', 64) }
  } else return fields.fail('a known type of proof')
  fields.end()
  return proof
}

function coreMap(draft: LogDraft): { readonly [key: string]: CborValue } {
  return { v: draft.v, account: idBytes(draft.account), seq: draft.seq, prev: draft.prev, kind: draft.kind, body: changeMap(draft) }
}

/** What device keys sign: SHA-256("evegram/entry/v1" 0x00, deterministic CBOR of {v, account, seq, prev, kind, body}), 32 bytes. */
export function entryHash(draft: LogDraft): Uint8Array {
  return sha256(concatBytes(utf8('evegram/entry/v1\0'), encodeCbor(coreMap(draft))))
}

/** Head of the log behind an entry: SHA-256("evegram/head/v1" 0x00, the encoded entry), 32 bytes. */
export function headOf(encodedEntry: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8('evegram/head/v1\0'), encodedEntry))
}

/** Deterministic CBOR of an entry with its proofs. Throws `too_large.log_entry`, and `invalid.*` for what {@link decodeEntry} would refuse. */
export function encodeEntry(entry: LogEntry): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor({ ...coreMap(entry), atMs: entry.atMs, proofs: entry.proofs.map(proofMap) })
  if (bytes.length > LIMITS.logEntryBytesMax) throw new EvegramError('too_large.log_entry', { operation: 'encode log entry' })
  decodeEntry(bytes)
  return bytes
}

/**
 * Parses one entry of at most `LIMITS.logEntryBytesMax` bytes; checks its shape and nothing that depends on the log.
 * Throws `too_large.log_entry`, `invalid.cbor`, `invalid.log_entry`, `invalid.address`, `proof.malformed`.
 */
export function decodeEntry(bytes: Uint8Array): LogEntry {
  if (bytes.length > LIMITS.logEntryBytesMax) throw new EvegramError('too_large.log_entry', { operation: 'decode log entry' })
  const fields = new CborFields(decodeCbor(bytes, LIMITS.logEntryBytesMax), INVALID)
  if (fields.uint('v') !== 1) fields.fail('version 1')
  const place = {
    v: 1 as const,
    account: parseAccountId(hexOf(fields.bytes('account', ID_BYTES))),
    seq: fields.uint('seq', 0xffffffff),
    prev: fields.bytes('prev', 32),
    atMs: fields.uint('atMs', 2 ** 48 - 1),
    proofs: fields.list('proofs', LOG_PROOFS_MAX).map(readProof),
  }
  const change = readChange(fields.text('kind', 16), fields.value('body'))
  fields.end()
  return { ...place, ...change }
}
