import {
  ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, hexOf, isEvegramError, messageIdOf, POSITION_BYTES, viewEnvelope,
  type ConversationId, type DeviceId, type EnvelopeView, type MessageId,
} from '@evegram/protocol'

/** Kind of a packet between nodes that carries deliveries, and the bytes before the first of them. */
const DATA_PACKET = 1
const PACKET_HEADER_BYTES = 24
const ID_BYTES = 16

function uint32At(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)) >>> 0
}

function latin1Of(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** Calls `each` with type, flags, correlation and the range of the body of every whole frame; what does not parse ends it. */
export function eachFrame(
  bytes: Uint8Array, each: (type: number, flags: number, correlation: number, start: number, end: number) => void,
): void {
  for (let offset = 0; offset + FRAME_HEADER_BYTES <= bytes.length;) {
    const start = offset + FRAME_HEADER_BYTES
    const end = start + uint32At(bytes, offset + 4)
    if (end > bytes.length) return
    each(bytes[offset + 1] ?? 0, bytes[offset + 2] ?? 0, uint32At(bytes, offset + 8), start, end)
    offset = end
  }
}

/** Calls `each` with the offsets of position and envelope of every delivery of a packet between nodes, if it is one with deliveries. */
export function eachPacketDelivery(packet: Uint8Array, each: (positionAt: number, envelopeAt: number) => void): void {
  if (packet[1] !== DATA_PACKET) return
  for (let offset = PACKET_HEADER_BYTES; offset + ID_BYTES + FRAME_HEADER_BYTES <= packet.length;) {
    const frame = offset + ID_BYTES
    const end = frame + FRAME_HEADER_BYTES + uint32At(packet, frame + 4)
    const envelope = frame + FRAME_HEADER_BYTES + POSITION_BYTES
    if (end > packet.length || envelope + ENVELOPE_OFFSETS.end > end) return
    each(frame + FRAME_HEADER_BYTES, envelope)
    offset = end
  }
}

/** Calls `each` with the offset of the envelope of every delivery in the body of a `page` frame. */
export function eachPageDelivery(bytes: Uint8Array, start: number, end: number, each: (envelopeAt: number) => void): void {
  let isHead = true
  for (let offset = start; offset + 4 <= end;) {
    const next = offset + 4 + uint32At(bytes, offset)
    const envelope = offset + 4 + POSITION_BYTES
    if (next > end) return
    if (!isHead && envelope + ENVELOPE_OFFSETS.end <= next) each(envelope)
    isHead = false
    offset = next
  }
}

/** The 16 bytes of an id, in hex. */
export function hexAt(bytes: Uint8Array, offset: number): string {
  return hexOf(bytes, offset, offset + ID_BYTES)
}

/** The device of the one body that a delivered slice holds. */
export function deviceOfSlice(bytes: Uint8Array, envelopeAt: number): string | undefined {
  const at = envelopeAt + ENVELOPE_OFFSETS.end
  return bytes[envelopeAt + ENVELOPE_OFFSETS.bodyCount + 1] === 1 && at + ID_BYTES <= bytes.length ? hexAt(bytes, at) : undefined
}

/** A position, as text that is the same for the same bytes. */
export function positionKey(bytes: Uint8Array, offset: number): string {
  return latin1Of(bytes, offset, offset + POSITION_BYTES)
}

/** The view of an envelope that the workload's own clients could have made; undefined for other bytes. */
export function envelopeIn(bytes: Uint8Array): EnvelopeView | undefined {
  try {
    return viewEnvelope(bytes)
  } catch (error) {
    if (!isEvegramError(error)) throw error
    return undefined
  }
}

/** Ids of messages by the bytes that they are made of: hashed once for each message. */
export class MessageIds {
  readonly #known = new Map<string, MessageId>()

  /** The id of the message whose envelope begins at `at`; at least its fixed part must be there. */
  of(bytes: Uint8Array, at = 0): MessageId {
    const key = latin1Of(bytes, at + ENVELOPE_OFFSETS.conversation, at + ENVELOPE_OFFSETS.account)
      + latin1Of(bytes, at + ENVELOPE_OFFSETS.epoch, at + ENVELOPE_OFFSETS.order)
    let id = this.#known.get(key)
    if (id === undefined) {
      id = messageIdOf({
        // Hex of 16 bytes is an id by definition.
        conversation: hexAt(bytes, at + ENVELOPE_OFFSETS.conversation) as ConversationId,
        device: hexAt(bytes, at + ENVELOPE_OFFSETS.device) as DeviceId,
        epoch: uint32At(bytes, at + ENVELOPE_OFFSETS.epoch),
        number: uint32At(bytes, at + ENVELOPE_OFFSETS.number) * 2 ** 32 + uint32At(bytes, at + ENVELOPE_OFFSETS.number + 4),
      })
      this.#known.set(key, id)
    }
    return id
  }
}
