import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { hexOf } from './bytes.js'
import { EvegramError } from './errors.js'
import {
  ID_BYTES, idBytes, parseAccountId, parseConversationId, parseDeviceId, type AccountId, type ConversationId, type DeviceId,
} from './ids.js'
import { LIMITS } from './limits.js'
import { pad, unpad } from './padding.js'

/** Wire values of payload kinds; fixed for ever. */
export const PAYLOAD_KIND = {
  /** A text, numbered. */
  text: 1,
  /** Stands for a number that will not be sent. */
  void: 2,
  /** Control: what the device received or the person read. */
  receipt: 3,
  /** Control: asks for a message that could not be decrypted. */
  resend_request: 4,
  /** Control: the answer to it. */
  resend: 5,
  /** Control: tells of a revoked device. */
  revocation: 6,
  /** Control: gives the sender key of a group to a device, over the pairwise session. */
  sender_key: 7,
  /** Control: the name of a group, by an owner or admin. */
  group_name: 8,
  /** What was sent over the wallet bridge, numbered. A note: it proves nothing. */
  payment: 9,
  /** Asks to be paid, numbered. */
  payment_request: 10,
  /** How somebody feels about a message, numbered. */
  reaction: 11,
  /** A message says something else now, numbered. */
  edit: 12,
  /** A message is gone for everybody, numbered. */
  delete: 13,
  /** Messages of the conversation disappear from now on, numbered. */
  timer: 14,
  /** Files with a caption, numbered. */
  files: 20,
  /** Control: asks own devices for what was said before this one came, or takes that back. */
  history_request: 30,
  /** Control: the answer of one of them. */
  history_offer: 31,
  /** What own devices tell each other of the state of their account, numbered, in the conversation of the account with itself. Shows nothing. */
  state: 40,
} as const

/** A kind that this version knows. */
export type KnownPayloadKind = keyof typeof PAYLOAD_KIND
/** Kinds of newer versions are kept with their number, and shown as unsupported. */
export type PayloadKind = KnownPayloadKind | `unknown:${number}`

const KIND_NAMES: ReadonlyMap<number, KnownPayloadKind> = new Map(
  // Object.entries widens the keys to string; the constant above has no other.
  Object.entries(PAYLOAD_KIND).map(([name, wire]) => [wire, name as KnownPayloadKind]),
)
const KIND_WIRE_MAX = 0xffff
const NUMBERED_KINDS: ReadonlySet<KnownPayloadKind> = new Set([
  'text', 'void', 'payment', 'payment_request', 'reaction', 'edit', 'delete', 'timer', 'files', 'state',
] as const)

/** State of an account log that the sender knows. */
export interface AccountHead {
  readonly account: AccountId
  readonly seq: number
  /** 32 bytes. */
  readonly head: Uint8Array
}

/** What is encrypted for a device (or under a sender key, for all). */
export interface Payload {
  readonly v: 1
  readonly kind: PayloadKind
  readonly conversation: ConversationId
  readonly senderAccount: AccountId
  readonly senderDevice: DeviceId
  /** With `recipientDevice` for a pairwise session; both absent under a sender key. */
  readonly recipientAccount?: AccountId
  readonly recipientDevice?: DeviceId
  /** `membershipHash` of the members that the sender encrypted for, 32 bytes. */
  readonly membershipHash: Uint8Array
  /** Own and recipients' account logs as the sender knows them. */
  readonly accountHeads: readonly AccountHead[]
  /** Chain epoch; 0 for control traffic. */
  readonly epoch: number
  /** Number in the chain; random for control traffic. */
  readonly number: number
  /** `chainHash` of the message before, 32 bytes; zeros for the first and for control traffic. */
  readonly prev: Uint8Array
  /** Order key, see `Envelope.order`. */
  readonly order: bigint
  /** Sender's clock in ms since 1970. */
  readonly sentAtMs: number
  /** 16 random bytes, so that chain hashes tell nothing about short texts. */
  readonly salt: Uint8Array
  /** CBOR of the kind's body, see payload-body.ts; kept as bytes because the chain hashes it. */
  readonly body: Uint8Array
  /** `seenHeadsDigest` of what the sender has seen, 32 bytes. */
  readonly seenHeads: Uint8Array
  /** Only in the first payload for a new recipient: where the recipient enters the chain. */
  readonly start?: { readonly number: number; readonly prev: Uint8Array }
}

const INVALID = 'invalid.payload' as const

function wireOfKind(kind: PayloadKind): number {
  // Object.hasOwn does not narrow; the key is one of the constant's.
  if (Object.hasOwn(PAYLOAD_KIND, kind)) return PAYLOAD_KIND[kind as KnownPayloadKind]
  const wire = Number(/^unknown:([1-9][0-9]{0,4})$/.exec(kind)?.[1])
  if (!(wire <= KIND_WIRE_MAX) || KIND_NAMES.has(wire)) throw new EvegramError(INVALID, { operation: 'encode payload' })
  return wire
}

/** Whether payloads of `kind` take a number of the chain: `undefined` for kinds of newer versions, which may do either. */
export function isNumberedKind(kind: PayloadKind): boolean | undefined {
  if (!Object.hasOwn(PAYLOAD_KIND, kind)) return undefined
  // Object.hasOwn does not narrow; the key is one of the constant's.
  return NUMBERED_KINDS.has(kind as KnownPayloadKind)
}

/**
 * Deterministic CBOR of a payload, padded. Throws `too_large.payload` when the padded bytes exceed `LIMITS.payloadBytesMax`, and
 * `invalid.payload` for what {@link decodePayload} would refuse.
 */
export function encodePayload(payload: Payload): Uint8Array<ArrayBuffer> {
  const map: Record<string, CborValue> = {
    v: payload.v, kind: wireOfKind(payload.kind), conversation: idBytes(payload.conversation),
    senderAccount: idBytes(payload.senderAccount), senderDevice: idBytes(payload.senderDevice),
    membershipHash: payload.membershipHash,
    accountHeads: payload.accountHeads.map(({ account, seq, head }) => ({ account: idBytes(account), seq, head })),
    epoch: payload.epoch, number: payload.number, prev: payload.prev, order: payload.order, sentAtMs: payload.sentAtMs,
    salt: payload.salt, body: payload.body, seenHeads: payload.seenHeads,
  }
  if (payload.recipientAccount !== undefined) map['recipientAccount'] = idBytes(payload.recipientAccount)
  if (payload.recipientDevice !== undefined) map['recipientDevice'] = idBytes(payload.recipientDevice)
  if (payload.start !== undefined) map['start'] = { number: payload.start.number, prev: payload.start.prev }
  const padded = pad(encodeCbor(map))
  if (padded.length > LIMITS.payloadBytesMax) throw new EvegramError('too_large.payload', { operation: 'encode payload' })
  decodePayload(padded)
  return padded
}

/**
 * Parses a padded payload of at most `LIMITS.payloadBytesMax` bytes. The body is not parsed (see `decodePayloadBody`), and nothing is
 * compared with the envelope (see `checkPayload`). Fields of newer versions are refused: version 1 has none.
 * Throws `too_large.payload`, `invalid.payload`, `invalid.cbor`.
 */
export function decodePayload(padded: Uint8Array): Payload {
  if (padded.length > LIMITS.payloadBytesMax) throw new EvegramError('too_large.payload', { operation: 'decode payload' })
  const fields = new CborFields(decodeCbor(unpad(padded), LIMITS.payloadBytesMax), INVALID)
  if (fields.uint('v') !== 1) fields.fail('version 1')
  const wire = fields.uint('kind', KIND_WIRE_MAX)
  if (wire === 0) fields.fail('kind')
  if (fields.has('recipientAccount') !== fields.has('recipientDevice')) fields.fail('a recipient account with its device, or neither')
  const payload: Payload = {
    v: 1,
    kind: KIND_NAMES.get(wire) ?? `unknown:${wire}`,
    conversation: parseConversationId(hexOf(fields.bytes('conversation', ID_BYTES))),
    senderAccount: parseAccountId(hexOf(fields.bytes('senderAccount', ID_BYTES))),
    senderDevice: parseDeviceId(hexOf(fields.bytes('senderDevice', ID_BYTES))),
    ...(fields.has('recipientAccount')
      ? {
          recipientAccount: parseAccountId(hexOf(fields.bytes('recipientAccount', ID_BYTES))),
          recipientDevice: parseDeviceId(hexOf(fields.bytes('recipientDevice', ID_BYTES))),
        }
      : {}),
    membershipHash: fields.bytes('membershipHash', 32),
    accountHeads: fields.list('accountHeads', LIMITS.envelopeAccountsMax).map(readAccountHead),
    epoch: fields.uint('epoch', 0xffffffff),
    number: fields.uint('number'),
    prev: fields.bytes('prev', 32),
    order: fields.uint64('order'),
    sentAtMs: fields.uint('sentAtMs', 2 ** 48 - 1),
    salt: fields.bytes('salt', 16),
    body: fields.bytes('body', { lengthMax: LIMITS.payloadBytesMax }),
    seenHeads: fields.bytes('seenHeads', 32),
    ...(fields.has('start') ? { start: readStart(fields.value('start')) } : {}),
  }
  fields.end()
  const numbered = isNumberedKind(payload.kind)
  if (numbered !== undefined && numbered !== payload.epoch > 0) fields.fail('epoch 0 for control traffic and only for it')
  return payload
}

function readAccountHead(value: CborValue): AccountHead {
  const fields = new CborFields(value, INVALID)
  const head = {
    account: parseAccountId(hexOf(fields.bytes('account', ID_BYTES))), seq: fields.uint('seq', 0xffffffff), head: fields.bytes('head', 32),
  }
  fields.end()
  return head
}

function readStart(value: CborValue): { readonly number: number; readonly prev: Uint8Array } {
  const fields = new CborFields(value, INVALID)
  const start = { number: fields.uint('number'), prev: fields.bytes('prev', 32) }
  fields.end()
  return start
}
