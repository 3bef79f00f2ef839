import { hexOf, lengthPrefixed } from './bytes.js'
import { idBytes, parseDeviceId, type AccountId, type ConversationId, type DeviceId, type MessageId } from './ids.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** A signed request for a message of the device that it is sent to, or of one of its account that is revoked. */
export interface ResendRequest {
  readonly epoch: number
  readonly number: number
  /** Device that said it; absent: the one that is asked. */
  readonly device?: DeviceId
  /** SHA-256 of the body bytes that could not be decrypted, 32 bytes. */
  readonly ciphertextHash: Uint8Array
  /** 16 random bytes: every request is answered once. */
  readonly nonce: Uint8Array
  /** Ed25519 signature of {@link resendRequestBytes} by the signing key of the requesting device, 64 bytes. */
  readonly signature: Uint8Array
}

/** The answer to a {@link ResendRequest}. */
export interface ResendBody {
  /** The original payload, as `encodePayload` wrote it for the requesting device. */
  readonly payload: Uint8Array
}

/** Body of `resend_request`. */
export const resendRequestBody: PayloadBodyCodec<ResendRequest> = {
  fields: ({ epoch, number, device, ciphertextHash, nonce, signature }) => ({
    epoch, number, ciphertextHash, nonce, signature, ...(device === undefined ? {} : { device: idBytes(device) }),
  }),
  read: (fields) => ({
    epoch: fields.uint('epoch', 0xffffffff), number: fields.uint('number'),
    ...(fields.has('device') ? { device: parseDeviceId(hexOf(fields.bytes('device', 16))) } : {}),
    ciphertextHash: fields.bytes('ciphertextHash', 32),
    nonce: fields.bytes('nonce', 16), signature: fields.bytes('signature', 64),
  }),
}

/** Body of `resend`. */
export const resendBody: PayloadBodyCodec<ResendBody> = {
  fields: ({ payload }) => ({ payload }),
  read: (fields) => ({ payload: fields.bytes('payload', { lengthMax: LIMITS.payloadBytesMax }) }),
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
