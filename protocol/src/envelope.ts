import { bytesOfHex } from './bytes.js'
import { EvegramError } from './errors.js'
import { ID_READER, type IdReader } from './id-cache.js'
import type { AccountId, ConversationId, DeviceId, MessageKey } from './ids.js'
import { LIMITS } from './limits.js'

/** What an envelope carries. Wire values are fixed for ever. */
export const ENVELOPE_KIND = {
  /** A numbered message of a chain (epoch >= 1). */
  message: 1,
  /** Control traffic without a place in the chain: resend requests and answers, receipts, revocation notices (epoch 0, random number). */
  control: 2,
  /** What the server tells an account, signed by a notice key and not encrypted (epoch 1). No client sends it. */
  notice: 3,
} as const
/** Wire value of a kind. */
export type EnvelopeKind = (typeof ENVELOPE_KIND)[keyof typeof ENVELOPE_KIND]

/** How a body is to be read. Wire values are fixed for ever. */
export const BODY_TYPE = {
  /** The sender refuses this device (an unverified attestation); no bytes. */
  skip: 0,
  /** libsignal PreKeyWhisperMessage. */
  prekey: 1,
  /** libsignal WhisperMessage. */
  message: 2,
  /** Sender-key message for all devices. */
  senderKey: 3,
  /** Bytes without meaning to the product, for load tests. */
  opaque: 4,
  /** A signed notice, for all devices of its account: in envelopes of kind `notice` and only there. */
  notice: 5,
} as const
/** Wire value of a body type. */
export type BodyType = (typeof BODY_TYPE)[keyof typeof BODY_TYPE]

/** The device of a body that is meant for all devices. */
export const ALL_DEVICES = '00000000000000000000000000000000' as DeviceId

/** Ciphertext for one device, or for all. */
export interface EnvelopeBody {
  readonly device: DeviceId
  readonly type: BodyType
  readonly bytes: Uint8Array
}

/** The routing fields of an envelope: all that the server reads. */
export interface EnvelopeHeader extends MessageKey {
  readonly kind: EnvelopeKind
  /** Account of the sending device. */
  readonly account: AccountId
  /** Order key made by the sender: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16. */
  readonly order: bigint
  /** Version of the membership that the sender encrypted for. */
  readonly membershipVersion: number
}

/** The version of a member's account log that the sender encrypted for. */
export interface AccountVersion {
  readonly account: AccountId
  readonly seq: number
}

/** A message on its way: routing fields, the versions it was encrypted for, and one opaque body for each device. */
export interface Envelope extends EnvelopeHeader {
  readonly accounts: readonly AccountVersion[]
  readonly bodies: readonly EnvelopeBody[]
}

/** Byte offsets inside an encoded envelope, for code that reads a field without decoding the rest. */
export const ENVELOPE_OFFSETS = {
  version: 0,
  kind: 1,
  bodyCount: 2,
  conversation: 4,
  device: 20,
  account: 36,
  epoch: 52,
  number: 56,
  order: 64,
  membershipVersion: 72,
  accountCount: 76,
  reserved: 78,
  /** Bytes of the fixed part; accounts follow, then bodies. */
  end: 80,
} as const

/** Bytes of one account version: account (16), seq (u32). */
export const ACCOUNT_VERSION_BYTES = 20
/** Bytes before the ciphertext of one body: device (16), type (u8), zero (3), length (u32). */
export const BODY_HEADER_BYTES = 24
/** Version of the envelope format. */
export const ENVELOPE_VERSION = 1

function fail(advice: string): never {
  throw new EvegramError('invalid.envelope', { operation: 'read or write envelope', advice })
}

/** Bytes of an envelope. Throws `too_large.envelope` or `invalid.envelope` when it breaks a limit or rule of {@link decodeEnvelope}. */
export function encodeEnvelope(envelope: Envelope): Uint8Array<ArrayBuffer> {
  let length = ENVELOPE_OFFSETS.end + envelope.accounts.length * ACCOUNT_VERSION_BYTES
  for (const body of envelope.bodies) length += BODY_HEADER_BYTES + body.bytes.length
  if (length > LIMITS.envelopeBytesMax) throw new EvegramError('too_large.envelope', { operation: 'encode envelope' })
  // A DataView would cut larger numbers to what fits, and so write another message than the one given.
  const wholes = [envelope.epoch, envelope.membershipVersion, ...envelope.accounts.map(({ seq }) => seq)]
  if (!wholes.every((value) => value === value >>> 0)) fail('Epoch and versions are unsigned 32-bit integers.')
  if (!Number.isSafeInteger(envelope.number) || envelope.number < 0) fail('The number of the message is no unsigned 53-bit integer.')
  if (BigInt.asUintN(64, envelope.order) !== envelope.order) fail('The order key is no unsigned 64-bit integer.')
  if (envelope.bodies.length > LIMITS.envelopeBodiesMax || envelope.accounts.length > LIMITS.envelopeAccountsMax) {
    fail('The envelope names too many recipients.')
  }
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  bytes[ENVELOPE_OFFSETS.version] = ENVELOPE_VERSION
  bytes[ENVELOPE_OFFSETS.kind] = envelope.kind
  view.setUint16(ENVELOPE_OFFSETS.bodyCount, envelope.bodies.length)
  bytes.set(bytesOfHex(envelope.conversation), ENVELOPE_OFFSETS.conversation)
  bytes.set(bytesOfHex(envelope.device), ENVELOPE_OFFSETS.device)
  bytes.set(bytesOfHex(envelope.account), ENVELOPE_OFFSETS.account)
  view.setUint32(ENVELOPE_OFFSETS.epoch, envelope.epoch)
  view.setBigUint64(ENVELOPE_OFFSETS.number, BigInt(envelope.number))
  view.setBigUint64(ENVELOPE_OFFSETS.order, envelope.order)
  view.setUint32(ENVELOPE_OFFSETS.membershipVersion, envelope.membershipVersion)
  view.setUint16(ENVELOPE_OFFSETS.accountCount, envelope.accounts.length)
  let offset: number = ENVELOPE_OFFSETS.end
  for (const { account, seq } of envelope.accounts) {
    bytes.set(bytesOfHex(account), offset)
    view.setUint32(offset + 16, seq)
    offset += ACCOUNT_VERSION_BYTES
  }
  for (const body of envelope.bodies) {
    bytes.set(bytesOfHex(body.device), offset)
    bytes[offset + 16] = body.type
    view.setUint32(offset + 20, body.bytes.length)
    bytes.set(body.bytes, offset + BODY_HEADER_BYTES)
    offset += BODY_HEADER_BYTES + body.bytes.length
  }
  viewEnvelope(bytes)
  return bytes
}

/** Where a body lies inside an encoded envelope. */
export interface BodySlice {
  readonly device: DeviceId
  readonly type: BodyType
  /** Offset of the body header (24 bytes before the ciphertext). */
  readonly start: number
  /** Offset just behind the ciphertext. */
  readonly end: number
}

/** An envelope whose bodies are left in place: what the server routes. */
export interface EnvelopeView extends EnvelopeHeader {
  readonly accounts: readonly AccountVersion[]
  readonly bodies: readonly BodySlice[]
  /** The encoded envelope that the slices point into. */
  readonly bytes: Uint8Array
}

/**
 * Parses an encoded envelope without copying its bodies; every length is checked before it is used.
 * Throws `too_large.envelope` above the limit and `invalid.envelope` for anything that {@link encodeEnvelope} would not have written:
 * unknown version, kind or body type, counts beyond the limits, a body longer than the limit, a device named twice, bytes left over,
 * a numbered message of epoch 0, control traffic of another epoch, a number of 2^53 or more, a body of a notice elsewhere or for one device.
 */
export function viewEnvelope(bytes: Uint8Array, ids: IdReader = ID_READER): EnvelopeView {
  if (bytes.length > LIMITS.envelopeBytesMax) throw new EvegramError('too_large.envelope', { operation: 'decode envelope' })
  if (bytes.length < ENVELOPE_OFFSETS.end) fail('The envelope is shorter than its fixed part.')
  if (bytes[ENVELOPE_OFFSETS.version] !== ENVELOPE_VERSION) fail('The envelope has an unknown version.')
  const kind = bytes[ENVELOPE_OFFSETS.kind]
  if (!isEnvelopeKind(kind)) fail('The envelope has an unknown kind.')
  if (uint16At(bytes, ENVELOPE_OFFSETS.reserved) !== 0) fail('The reserved bytes of the envelope must be zero.')
  const bodyCount = uint16At(bytes, ENVELOPE_OFFSETS.bodyCount)
  const accountCount = uint16At(bytes, ENVELOPE_OFFSETS.accountCount)
  if (bodyCount > LIMITS.envelopeBodiesMax || accountCount > LIMITS.envelopeAccountsMax) fail('The envelope names too many recipients.')
  const epoch = uint32At(bytes, ENVELOPE_OFFSETS.epoch)
  if ((kind === ENVELOPE_KIND.control) !== (epoch === 0)) fail('Epoch 0 is for control traffic and only for it.')
  const numberHigh = uint32At(bytes, ENVELOPE_OFFSETS.number)
  if (numberHigh >= 2 ** 21) fail('The number of the message is too large.')
  let offset: number = ENVELOPE_OFFSETS.end
  if (offset + accountCount * ACCOUNT_VERSION_BYTES > bytes.length) fail('The envelope ends inside its account versions.')
  // Arrays of just the size: one that grows by `push` begins with room for sixteen, for every message.
  const accounts = new Array<AccountVersion>(accountCount)
  for (let index = 0; index < accountCount; index++) {
    accounts[index] = { account: ids.hexAt(bytes, offset) as AccountId, seq: uint32At(bytes, offset + 16) }
    offset += ACCOUNT_VERSION_BYTES
  }
  const bodies = new Array<BodySlice>(bodyCount)
  const seen = bodyCount > 1 ? new Set<string>() : undefined
  for (let index = 0; index < bodyCount; index++) {
    if (offset + BODY_HEADER_BYTES > bytes.length) fail('The envelope ends inside a body.')
    const type = bytes[offset + 16] ?? 255
    const length = uint32At(bytes, offset + 20)
    if (!isBodyType(type)) fail('A body has an unknown type.')
    if (uint32At(bytes, offset + 16) << 8 !== 0) fail('The reserved bytes of a body must be zero.')
    if (length > LIMITS.bodyBytesMax) fail('A body is too large.')
    if ((type === BODY_TYPE.skip) !== (length === 0)) fail('Only a skipped device has an empty body.')
    const end = offset + BODY_HEADER_BYTES + length
    if (end > bytes.length) fail('The envelope ends inside a body.')
    // The bytes were checked to be 16: hex of 16 bytes is a device id by definition.
    const device = ids.hexAt(bytes, offset) as DeviceId
    if (seen?.has(device) === true) fail('A device is named twice.')
    if ((type === BODY_TYPE.notice) !== (kind === ENVELOPE_KIND.notice)) fail('Notices have bodies of their own type, and nothing else has.')
    if (type === BODY_TYPE.notice && device !== ALL_DEVICES) fail('A notice is for all devices of its account.')
    seen?.add(device)
    bodies[index] = { device, type, start: offset, end }
    offset = end
  }
  if (offset !== bytes.length) fail('The envelope has bytes left over.')
  return {
    kind,
    conversation: ids.hexAt(bytes, ENVELOPE_OFFSETS.conversation) as ConversationId,
    device: ids.hexAt(bytes, ENVELOPE_OFFSETS.device) as DeviceId,
    account: ids.hexAt(bytes, ENVELOPE_OFFSETS.account) as AccountId,
    epoch,
    number: numberHigh * 2 ** 32 + uint32At(bytes, ENVELOPE_OFFSETS.number + 4),
    order: uint64At(bytes, ENVELOPE_OFFSETS.order),
    membershipVersion: uint32At(bytes, ENVELOPE_OFFSETS.membershipVersion),
    accounts,
    bodies,
    bytes,
  }
}

/** Parses an envelope and copies its bodies out. Throws as {@link viewEnvelope}. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const { bytes: _encoded, bodies, ...header } = viewEnvelope(bytes)
  return {
    ...header,
    bodies: bodies.map(({ device, type, start, end }) => ({ device, type, bytes: bytes.slice(start + BODY_HEADER_BYTES, end) })),
  }
}

/**
 * What one device gets of an envelope: the fixed part with one body (or none) and no account versions. It decodes like any envelope.
 * `body` must be one of the view's own slices.
 */
export function sliceEnvelope(view: EnvelopeView, body: BodySlice | undefined): Uint8Array<ArrayBuffer> {
  const bodyBytes = body === undefined ? 0 : body.end - body.start
  const sliced = new Uint8Array(ENVELOPE_OFFSETS.end + bodyBytes)
  writeEnvelopeSlice(sliced, 0, view.bytes, body)
  return sliced
}

/** Writes what {@link sliceEnvelope} returns at `offset` of `target`, which must have room; returns the offset behind it. */
export function writeEnvelopeSlice(target: Uint8Array, offset: number, encoded: Uint8Array, body: BodySlice | undefined): number {
  target.set(encoded.subarray(0, ENVELOPE_OFFSETS.end), offset)
  target[offset + ENVELOPE_OFFSETS.bodyCount] = 0
  target[offset + ENVELOPE_OFFSETS.bodyCount + 1] = body === undefined ? 0 : 1
  target[offset + ENVELOPE_OFFSETS.accountCount] = 0
  target[offset + ENVELOPE_OFFSETS.accountCount + 1] = 0
  if (body === undefined) return offset + ENVELOPE_OFFSETS.end
  target.set(encoded.subarray(body.start, body.end), offset + ENVELOPE_OFFSETS.end)
  return offset + ENVELOPE_OFFSETS.end + body.end - body.start
}

function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

/** For one number at a time: a view of its own for each envelope would be memory to collect. */
const SCRATCH = new DataView(new ArrayBuffer(8))

function uint64At(bytes: Uint8Array, at: number): bigint {
  SCRATCH.setUint32(0, uint32At(bytes, at))
  SCRATCH.setUint32(4, uint32At(bytes, at + 4))
  return SCRATCH.getBigUint64(0)
}

/** Milliseconds of an order key. */
export function orderTimeMs(order: bigint): number {
  return Number(order >> 16n)
}

function isBodyType(type: number): type is BodyType {
  return type <= BODY_TYPE.notice
}

function isEnvelopeKind(kind: number | undefined): kind is EnvelopeKind {
  return kind === ENVELOPE_KIND.message || kind === ENVELOPE_KIND.control || kind === ENVELOPE_KIND.notice
}
