import { concatBytes, LIMITS } from '@evegram/protocol'
import { readFields, writeFields } from './protobuf.js'
import { publicKey } from './signal-message.js'
import { SignalRefusal } from './signal-refusal.js'

/** The version byte of sender-key messages: 3 in both halves. */
const VERSION = 0x33
/** Bytes of the name of a distribution. */
export const DISTRIBUTION_ID_BYTES = 16
const SIGNATURE_BYTES = 64
const CHAIN_KEY_BYTES = 32
/** Longest message that is not a body: version, four small fields, keys. */
const DISTRIBUTION_BYTES_MAX = 256

/** What a device needs to read the messages of a sender from `iteration` on (libsignal SenderKeyDistributionMessage). */
export interface SenderKeyDistribution {
  /** 16 bytes, a UUID. */
  readonly distribution: Uint8Array
  readonly chainId: number
  readonly iteration: number
  /** 32 bytes. */
  readonly chainKey: Uint8Array
  /** 33 bytes: its private half signs every message. */
  readonly signingKey: Uint8Array
}

/** A message for all holders of a distribution (libsignal SenderKeyMessage). */
export interface ParsedSenderKeyMessage {
  readonly distribution: Uint8Array
  readonly chainId: number
  readonly iteration: number
  readonly ciphertext: Uint8Array
  /** What the signature covers: everything before it. */
  readonly signed: Uint8Array
  /** XEdDSA, 64 bytes. */
  readonly signature: Uint8Array
}

/** Bytes of a distribution: 0x33, then the protobuf. */
export function encodeDistribution(value: SenderKeyDistribution): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(VERSION), writeFields([
    [1, value.distribution], [2, value.chainId], [3, value.iteration], [4, value.chainKey], [5, value.signingKey],
  ]))
}

/** Parses a distribution strictly. Throws {@link SignalRefusal} `malformed` or `low_order_key`. */
export function parseDistribution(bytes: Uint8Array): SenderKeyDistribution {
  if (bytes.length > DISTRIBUTION_BYTES_MAX || bytes[0] !== VERSION) throw new SignalRefusal('malformed')
  const fields = readFields(bytes.subarray(1), { 1: 'bytes', 2: 'number', 3: 'number', 4: 'bytes', 5: 'bytes' })
  return {
    distribution: exactly(fields.bytes(1), DISTRIBUTION_ID_BYTES), chainId: fields.number(2), iteration: fields.number(3),
    chainKey: exactly(fields.bytes(4), CHAIN_KEY_BYTES), signingKey: publicKey(fields.bytes(5)),
  }
}

/** The part of a message that its signature covers. */
export function senderKeyMessageToSign(value: Pick<ParsedSenderKeyMessage, 'distribution' | 'chainId' | 'iteration' | 'ciphertext'>): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(VERSION), writeFields([
    [1, value.distribution], [2, value.chainId], [3, value.iteration], [4, value.ciphertext],
  ]))
}

/** Parses a message strictly; the signature is not checked. Throws {@link SignalRefusal} `malformed`. */
export function parseSenderKeyMessage(bytes: Uint8Array): ParsedSenderKeyMessage {
  if (bytes.length > LIMITS.bodyBytesMax || bytes.length <= 1 + SIGNATURE_BYTES || bytes[0] !== VERSION) throw new SignalRefusal('malformed')
  const signed = bytes.subarray(0, bytes.length - SIGNATURE_BYTES)
  const fields = readFields(signed.subarray(1), { 1: 'bytes', 2: 'number', 3: 'number', 4: 'bytes' })
  const ciphertext = fields.bytes(4)
  if (ciphertext.length === 0 || ciphertext.length % 16 !== 0) throw new SignalRefusal('malformed')
  return {
    distribution: exactly(fields.bytes(1), DISTRIBUTION_ID_BYTES), chainId: fields.number(2), iteration: fields.number(3), ciphertext,
    signed, signature: bytes.subarray(bytes.length - SIGNATURE_BYTES),
  }
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new SignalRefusal('malformed')
  return bytes
}
