import { LIMITS } from '@evegram/protocol'
import { readFields } from './protobuf.js'
import { checkedPublicKey, PUBLIC_KEY_BYTES } from './public-key.js'
import { SignalRefusal } from './signal-refusal.js'

/** The version byte of Signal protocol 3: 3 in both halves. */
const VERSION = 0x33
const MAC_BYTES = 8

/** Outer message that can open a session (protobuf PreKeyWhisperMessage). */
export interface ParsedPreKeyMessage {
  readonly registrationId: number
  /** 0 when the sender had no one-time prekey. */
  readonly preKeyId: number
  readonly signedPreKeyId: number
  /** 33 bytes. */
  readonly baseKey: Uint8Array
  /** 33 bytes. */
  readonly identityKey: Uint8Array
  /** The inner message with its version and MAC. */
  readonly message: Uint8Array
}

/** Inner message (protobuf WhisperMessage). */
export interface ParsedSessionMessage {
  /** 33 bytes. */
  readonly ratchetKey: Uint8Array
  readonly counter: number
  readonly previousCounter: number
  readonly ciphertext: Uint8Array
  /** What the MAC covers behind the two identity keys: version byte and protobuf. */
  readonly authenticated: Uint8Array
  /** 8 bytes. */
  readonly mac: Uint8Array
}

/**
 * Parses an outer message strictly: version 3, each known field once with its type, unknown fields refused, keys canonical.
 * Throws {@link SignalRefusal} `malformed` or `low_order_key`.
 */
export function parsePreKeyMessage(bytes: Uint8Array): ParsedPreKeyMessage {
  checkFrame(bytes)
  const fields = readFields(bytes.subarray(1), { 1: 'number', 2: 'bytes', 3: 'bytes', 4: 'bytes', 5: 'number', 6: 'number' })
  const message = fields.bytes(4)
  parseSessionMessage(message)
  return {
    preKeyId: fields.number(1),
    baseKey: publicKey(fields.bytes(2)),
    identityKey: publicKey(fields.bytes(3)),
    message,
    registrationId: fields.number(5),
    signedPreKeyId: fields.number(6),
  }
}

/** Parses an inner message as strictly. Throws {@link SignalRefusal} `malformed` or `low_order_key`. */
export function parseSessionMessage(bytes: Uint8Array): ParsedSessionMessage {
  checkFrame(bytes)
  if (bytes.length < 1 + MAC_BYTES) throw new SignalRefusal('malformed')
  const authenticated = bytes.subarray(0, bytes.length - MAC_BYTES)
  const fields = readFields(authenticated.subarray(1), { 1: 'bytes', 2: 'number', 3: 'number', 4: 'bytes' })
  const ciphertext = fields.bytes(4)
  if (ciphertext.length === 0 || ciphertext.length % 16 !== 0) throw new SignalRefusal('malformed')
  return {
    ratchetKey: publicKey(fields.bytes(1)),
    counter: fields.number(2),
    previousCounter: fields.number(3),
    ciphertext,
    authenticated,
    mac: bytes.subarray(bytes.length - MAC_BYTES),
  }
}

function checkFrame(bytes: Uint8Array): void {
  if (bytes.length > LIMITS.bodyBytesMax || bytes[0] !== VERSION) throw new SignalRefusal('malformed')
}

/** A public key of 33 bytes, checked. Throws {@link SignalRefusal} `malformed` or `low_order_key`. */
export function publicKey(key: Uint8Array): Uint8Array {
  // With its type byte only: a bare key would be a second spelling of the same point.
  if (key.length !== PUBLIC_KEY_BYTES || key[0] !== 5) throw new SignalRefusal('malformed')
  checkedPublicKey(key)
  return key
}

/** 1 = a message that can open a session on the other side (prekey message), 2 = a message within a session. */
export type SignalMessageType = 1 | 2

/** Type of a message that can open a session on the other side. */
export const PREKEY_MESSAGE: SignalMessageType = 1

/** Type of a message within a session that both sides have. */
export const SESSION_MESSAGE: SignalMessageType = 2
