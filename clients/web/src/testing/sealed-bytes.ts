import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import {
  ALL_DEVICES, BODY_TYPE, CborFields, decodeCbor, decodeDelivery, decodeFrames, decodePage, decodePayload, FRAME_TYPE, isEvegramError, viewEnvelope, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import type { NodePerson } from './node-person.js'

/** An envelope as it went over a connection. */
export interface SeenEnvelope {
  readonly conversation: ConversationId
  /** The device that made it. */
  readonly from: DeviceId
  readonly membershipVersion: number
  readonly bodies: readonly { readonly device: DeviceId; readonly type: number; readonly bytes: Uint8Array }[]
}

/** All envelopes among the messages of a socket: those that were sent, delivered, or came with what was missed. */
export function envelopesIn(messages: readonly Uint8Array[]): readonly SeenEnvelope[] {
  return messages.flatMap((message) => decodeFrames(message)).flatMap(({ type, body }) => {
    switch (type) {
      case FRAME_TYPE.send: return [body]
      case FRAME_TYPE.deliver: return [decodeDelivery(body).envelope]
      case FRAME_TYPE.page: return decodePage(body).deliveries.map(({ envelope }) => envelope)
      default: return []
    }
  }).map((bytes) => {
    const { conversation, device, membershipVersion, bodies } = viewEnvelope(bytes)
    return { conversation, from: device, membershipVersion, bodies: bodies.map((body) => ({ device: body.device, type: body.type, bytes: bytes.slice(body.start + 24, body.end) })) }
  })
}

/** The ciphertexts of a group that are for all its devices. */
export function sealedForAll(envelopes: readonly SeenEnvelope[], conversation: ConversationId): readonly Uint8Array[] {
  return envelopes.filter((envelope) => envelope.conversation === conversation).flatMap(({ bodies }) => bodies).filter(({ device, type }) => device === ALL_DEVICES && type === BODY_TYPE.senderKey).map(({ bytes }) => bytes)
}

/** Whether `part` lies anywhere in what came over a socket. */
export function wasReceived(received: readonly Uint8Array[], part: Uint8Array): boolean {
  return received.some((message) => Buffer.from(message.buffer, message.byteOffset, message.byteLength).includes(Buffer.from(part)))
}

/** Messages that each chain is tried for behind the place where it stands: far more than any test sends. */
const TRIED_AHEAD = 128
const SIGNATURE_BYTES = 64

/**
 * What of a sealed message somebody can read with any key of any group that their store ever held: the parts of the format are tried without looking at names, numbers and
 * signatures, as somebody would who does not keep to the protocol. Undefined where nothing opens it. Written against docs/e2ee.md with Node's own crypto, so that it shares no code with what it judges.
 */
export function openedWithAnyKey({ keysEverHeld }: Pick<NodePerson, 'keysEverHeld'>, sealed: Uint8Array): string | undefined {
  const ciphertext = ciphertextOf(sealed)
  for (const { key, value } of keysEverHeld) {
    if (!/^signal\/(sender-key|own-sender-key)\//.test(key)) continue
    for (const seed of seedsOf(value)) {
      const opened = decrypt(seed, ciphertext)
      if (opened !== undefined) return opened
    }
  }
  return undefined
}

/** Seeds of messages that a row of a chain holds or leads to. */
function* seedsOf(row: Uint8Array): Generator<Uint8Array> {
  const fields = new CborFields(decodeCbor(row, 1_000_000), 'client.store')
  for (const pair of fields.has('skipped') ? fields.list('skipped', 10_000) : []) {
    const seed: unknown = Array.isArray(pair) ? pair[1] : undefined
    if (seed instanceof Uint8Array) yield seed
  }
  let chain = fields.bytes('chainKey', 32)
  for (let step = 0; step < TRIED_AHEAD; step++) {
    yield hmac(chain, 1)
    chain = hmac(chain, 2)
  }
}

function decrypt(seed: Uint8Array, ciphertext: Uint8Array): string | undefined {
  const keys = Buffer.from(hkdfSync('sha256', seed, new Uint8Array(32), 'WhisperGroup', 48))
  try {
    const cipher = createDecipheriv('aes-256-cbc', keys.subarray(16), keys.subarray(0, 16))
    const plain = Buffer.concat([cipher.update(ciphertext), cipher.final()])
    const payload = decodePayload(plain)
    return Buffer.from(payload.body).toString('latin1')
  } catch (error) {
    // Wrong padding, or no payload: this key does not open it.
    if (isEvegramError(error) || (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_OSSL'))) return undefined
    throw error
  }
}

/** Field 4 of a SenderKeyMessage: a version byte, protobuf fields, a signature. */
function ciphertextOf(sealed: Uint8Array): Uint8Array {
  const fields = sealed.subarray(1, sealed.length - SIGNATURE_BYTES)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = fields[at++]
      if (byte === undefined) throw new Error('a sender-key message ends inside a field')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (at < fields.length) {
    const tag = varint()
    const length = varint()
    // Wire type 0 is a number, which was just read; the others of this message have a length.
    if ((tag & 7) === 0) continue
    if (tag >> 3 === 4) return fields.subarray(at, at + length)
    at += length
  }
  throw new Error('a sender-key message has a ciphertext')
}

function hmac(key: Uint8Array, label: number): Buffer {
  return createHmac('sha256', key).update(Uint8Array.of(label)).digest()
}
