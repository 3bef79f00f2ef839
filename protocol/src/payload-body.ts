import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { hexOf, lengthPrefixed, utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import {
  ID_BYTES, idBytes, parseAccountId, parseDeviceId, type AccountId, type ConversationId, type DeviceId, type MessageId,
} from './ids.js'
import { LIMITS } from './limits.js'
import type { KnownPayloadKind } from './payload.js'
import { paymentFields, paymentRequestFields, readPayment, readPaymentRequest, type PaymentBody, type PaymentRequestBody } from './payment-body.js'

/** Chains that one receipt names at most. */
export const RECEIPT_CHAINS_MAX = 256

/** How far one chain was received or read: this number and all before it. */
export interface ChainPlace {
  readonly device: DeviceId
  readonly epoch: number
  readonly number: number
}

/** A signed request for a message of the device that it is sent to. */
export interface ResendRequest {
  readonly epoch: number
  readonly number: number
  /** SHA-256 of the body bytes that could not be decrypted, 32 bytes. */
  readonly ciphertextHash: Uint8Array
  /** 16 random bytes: every request is answered once. */
  readonly nonce: Uint8Array
  /** Ed25519 signature of {@link resendRequestBytes} by the signing key of the requesting device, 64 bytes. */
  readonly signature: Uint8Array
}

/** A sender key, as libsignal's SenderKeyDistributionMessage. */
export interface SenderKeyGift {
  readonly distribution: Uint8Array
  /** Where a device that has nothing of the sender's chain enters it: the next number, and the hash before it (32 bytes). */
  readonly start: { readonly number: number; readonly prev: Uint8Array }
}

/** Longest distribution: its fields have fixed lengths. */
const DISTRIBUTION_BYTES_MAX = 256

/** Body of each payload kind. */
export interface PayloadBodies {
  text: { readonly text: string }
  void: Readonly<Record<string, never>>
  receipt: { readonly kind: 'received' | 'read'; readonly upTo: readonly ChainPlace[] }
  resend_request: ResendRequest
  /** The original payload, as `encodePayload` wrote it for the requesting device. */
  resend: { readonly payload: Uint8Array }
  revocation: { readonly account: AccountId; readonly device: DeviceId; readonly seq: number; readonly head: Uint8Array }
  sender_key: SenderKeyGift
  group_name: { readonly name: string }
  payment: PaymentBody
  payment_request: PaymentRequestBody
}

/** A kind with its body. */
export type PayloadContent = { readonly [Kind in KnownPayloadKind]: { readonly kind: Kind; readonly body: PayloadBodies[Kind] } }[KnownPayloadKind]

const INVALID = 'invalid.payload' as const

function bodyMap(content: PayloadContent): CborValue {
  switch (content.kind) {
    case 'text':
      return { text: content.body.text }
    case 'void':
      return {}
    case 'receipt':
      return {
        kind: content.body.kind,
        upTo: content.body.upTo.map(({ device, epoch, number }) => ({ device: idBytes(device), epoch, number })),
      }
    case 'resend_request': {
      const { epoch, number, ciphertextHash, nonce, signature } = content.body
      return { epoch, number, ciphertextHash, nonce, signature }
    }
    case 'resend':
      return { payload: content.body.payload }
    case 'revocation': {
      const { account, device, seq, head } = content.body
      return { account: idBytes(account), device: idBytes(device), seq, head }
    }
    case 'sender_key': {
      const { distribution, start } = content.body
      return { distribution, start: { number: start.number, prev: start.prev } }
    }
    case 'group_name':
      return { name: content.body.name }
    case 'payment':
      return paymentFields(content.body)
    case 'payment_request':
      return paymentRequestFields(content.body)
    default:
      return content satisfies never
  }
}

/**
 * CBOR of a body, for `Payload.body`. Throws `too_large.payload` for a text or note over its limit, `invalid.utf8` for a text with half
 * a surrogate pair, and `invalid.payload` for what {@link decodePayloadBody} would refuse.
 */
export function encodePayloadBody(content: PayloadContent): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor(bodyMap(content))
  decodePayloadBody(content.kind, bytes)
  return bytes
}

/** Parses the body of a payload of `kind`. Throws `invalid.payload`, `invalid.cbor`, and `too_large.payload` for a text over the limit. */
export function decodePayloadBody(kind: KnownPayloadKind, bytes: Uint8Array): PayloadContent {
  const fields = new CborFields(decodeCbor(bytes, LIMITS.payloadBytesMax), INVALID)
  const content = readContent(kind, fields)
  fields.end()
  return content
}

function readContent(kind: KnownPayloadKind, fields: CborFields): PayloadContent {
  switch (kind) {
    case 'text': {
      const text = fields.text('text', LIMITS.payloadBytesMax)
      if (utf8(text).length > LIMITS.textBytesMax) throw new EvegramError('too_large.payload', { operation: 'read text' })
      return { kind, body: { text } }
    }
    case 'void':
      return { kind, body: {} }
    case 'receipt': {
      const type = fields.text('kind', 16)
      if (type !== 'received' && type !== 'read') fields.fail('kind: received or read')
      return { kind, body: { kind: type, upTo: fields.list('upTo', RECEIPT_CHAINS_MAX).map(readPlace) } }
    }
    case 'resend_request':
      return {
        kind,
        body: {
          epoch: fields.uint('epoch', 0xffffffff), number: fields.uint('number'), ciphertextHash: fields.bytes('ciphertextHash', 32),
          nonce: fields.bytes('nonce', 16), signature: fields.bytes('signature', 64),
        },
      }
    case 'resend':
      return { kind, body: { payload: fields.bytes('payload', { lengthMax: LIMITS.payloadBytesMax }) } }
    case 'revocation':
      return {
        kind,
        body: {
          account: parseAccountId(hexOf(fields.bytes('account', ID_BYTES))), device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))),
          seq: fields.uint('seq', 0xffffffff), head: fields.bytes('head', 32),
        },
      }
    case 'sender_key': {
      const start = new CborFields(fields.value('start'), INVALID)
      const body = {
        distribution: fields.bytes('distribution', { lengthMax: DISTRIBUTION_BYTES_MAX }),
        start: { number: start.uint('number'), prev: start.bytes('prev', 32) },
      }
      start.end()
      if (body.start.number === 0) fields.fail('start: from 1')
      return { kind, body }
    }
    case 'group_name': {
      const name = fields.text('name', LIMITS.groupNameBytesMax)
      if (utf8(name).length > LIMITS.groupNameBytesMax) throw new EvegramError('too_large.payload', { operation: 'read group name' })
      return { kind, body: { name } }
    }
    case 'payment':
      return { kind, body: readPayment(fields) }
    case 'payment_request':
      return { kind, body: readPaymentRequest(fields) }
    default:
      return kind satisfies never
  }
}

function readPlace(value: CborValue): ChainPlace {
  const fields = new CborFields(value, INVALID)
  const place = {
    device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))), epoch: fields.uint('epoch', 0xffffffff), number: fields.uint('number'),
  }
  fields.end()
  return place
}

/**
 * What the requester of a message signs: lp("evegram/resend/v1") lp(conversation16) lp(message16) lp(ciphertext hash) lp(nonce)
 * lp(requester account16) lp(requester device16). `message` is the id of the message that could not be read.
 */
export function resendRequestBytes(request: {
  readonly conversation: ConversationId
  readonly message: MessageId
  readonly ciphertextHash: Uint8Array
  readonly nonce: Uint8Array
  readonly account: AccountId
  readonly device: DeviceId
}): Uint8Array<ArrayBuffer> {
  return lengthPrefixed(
    'evegram/resend/v1', idBytes(request.conversation), idBytes(request.message), request.ciphertextHash, request.nonce,
    idBytes(request.account), idBytes(request.device),
  )
}
