import { EvegramError, FRAME_HEADER_BYTES, writePosition, type AccountId, type ConversationId, type Position } from '@evegram/protocol'

/** Kinds of packets between nodes. Nodes of one cluster may run neighbouring versions: values are fixed. */
export const PACKET_KIND = {
  /**
   * Numbered: deliveries for devices of the receiving node. In the place of a device may stand the id of all devices, for the members of a wide
   * conversation, or an account, to say that its membership of a wide conversation changes.
   */
  data: 1,
  /** The last number of the link, and until when everything positioned was published. */
  confirm: 2,
  /** The receiver misses numbers `number` to `last`. */
  ask: 3,
  /** Headers of the packets `number` to `last`. */
  headers: 4,
  /** The packets `number` to `last` are not known any more. */
  cannot: 5,
  /** The node leaves; `number` is its last. */
  goodbye: 6,
  /** A device connected elsewhere. */
  replaced: 7,
} as const
/** Kind of a packet. */
export type PacketKind = (typeof PACKET_KIND)[keyof typeof PACKET_KIND]

/** Bytes of a packet header: version (u8), kind (u8), zero (2), from (u32), number (u64), last (u64). */
export const PACKET_HEADER_BYTES = 24
/** A data packet is closed when it grew beyond this; with one more delivery it stays under the limit of the bus. */
export const PACKET_BYTES_SOFT_MAX = 262_144
/** Bytes of a device id, which stands before each `deliver` frame of a data packet. */
const ID_BYTES = 16
/** Bytes of the header that is kept of each delivery: device (16), position (16), conversation (16). */
export const DELIVERY_HEADER_BYTES = 48
/** Offset of the conversation in a `deliver` frame: frame header, position, first fields of the envelope. */
const CONVERSATION_IN_FRAME = FRAME_HEADER_BYTES + 16 + 4

const PACKET_VERSION = 1

/** The fields of a packet header. `last` is the end of a range, or a time in ms for `confirm`, or a connection epoch for `replaced`. */
export interface PacketHeader {
  readonly kind: PacketKind
  readonly from: number
  readonly number: number
  readonly last: number
}

/** A packet without or with a body. */
export function encodePacket(header: PacketHeader, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = Buffer.alloc(PACKET_HEADER_BYTES + body.length)
  writePacketHeader(bytes, header)
  bytes.set(body, PACKET_HEADER_BYTES)
  return bytes
}

/** Writes the header at the start of `target`. */
export function writePacketHeader(target: Buffer, header: PacketHeader): void {
  target[0] = PACKET_VERSION
  target[1] = header.kind
  target.writeUInt16BE(0, 2)
  target.writeUInt32BE(header.from, 4)
  target.writeBigUInt64BE(BigInt(header.number), 8)
  target.writeBigUInt64BE(BigInt(header.last), 16)
}

function malformed(): never {
  throw new EvegramError('invalid.frame', { operation: 'decode packet' })
}

/** Reads the header. Throws `invalid.frame`. */
export function decodePacketHeader(bytes: Uint8Array): PacketHeader {
  if (bytes.length < PACKET_HEADER_BYTES || bytes[0] !== PACKET_VERSION) malformed()
  const kind = bytes[1] ?? 0
  if (kind < PACKET_KIND.data || kind > PACKET_KIND.replaced) malformed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = Number(view.getBigUint64(8))
  const last = Number(view.getBigUint64(16))
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(last)) malformed()
  // The range check above leaves exactly the known kinds.
  return { kind: kind as PacketKind, from: view.getUint32(4), number, last }
}

/**
 * Calls `each` with the device id's offset and the range of the `deliver` frame of every delivery in a data packet.
 * Throws `invalid.frame` before the first call when a length does not fit.
 */
export function eachDelivery(packet: Uint8Array, each: (deviceAt: number, frameStart: number, frameEnd: number) => void): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const ranges: number[] = []
  for (let offset = PACKET_HEADER_BYTES; offset < packet.length;) {
    const frameStart = offset + ID_BYTES
    if (frameStart + CONVERSATION_IN_FRAME + ID_BYTES > packet.length) malformed()
    const frameEnd = frameStart + FRAME_HEADER_BYTES + view.getUint32(frameStart + 4)
    if (frameEnd > packet.length || frameEnd < frameStart + CONVERSATION_IN_FRAME + ID_BYTES) malformed()
    ranges.push(offset, frameStart, frameEnd)
    offset = frameEnd
  }
  for (let index = 0; index < ranges.length; index += 3) each(ranges[index] ?? 0, ranges[index + 1] ?? 0, ranges[index + 2] ?? 0)
}

/**
 * A data packet, with a free header, that names a wide conversation to accounts. It has the form of deliveries without a body, so that one that got lost is
 * found again as those are.
 */
export function encodeAccountNotices(accounts: readonly AccountId[], conversation: ConversationId, position: Position): Buffer {
  const entryBytes = ID_BYTES + CONVERSATION_IN_FRAME + ID_BYTES
  const packet = Buffer.alloc(PACKET_HEADER_BYTES + accounts.length * entryBytes)
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  accounts.forEach((account, index) => {
    const at = PACKET_HEADER_BYTES + index * entryBytes
    const frameStart = at + ID_BYTES
    packet.write(account, at, 'hex')
    view.setUint32(frameStart + 4, CONVERSATION_IN_FRAME + ID_BYTES - FRAME_HEADER_BYTES)
    writePosition(view, frameStart + FRAME_HEADER_BYTES, position)
    packet.write(conversation, frameStart + CONVERSATION_IN_FRAME, 'hex')
  })
  return packet
}

/** Offset of the conversation id in a delivery whose frame starts at `frameStart`. */
export function conversationAt(frameStart: number): number {
  return frameStart + CONVERSATION_IN_FRAME
}

/** The headers of all deliveries of a data packet, one after the other. */
export function headersOf(packet: Uint8Array): Uint8Array {
  const parts: number[] = []
  eachDelivery(packet, (deviceAt, frameStart) => { parts.push(deviceAt, frameStart) })
  const headers = Buffer.allocUnsafe((parts.length / 2) * DELIVERY_HEADER_BYTES)
  for (let index = 0; index < parts.length; index += 2) {
    const [deviceAt = 0, frameStart = 0] = [parts[index], parts[index + 1]]
    const at = (index / 2) * DELIVERY_HEADER_BYTES
    headers.set(packet.subarray(deviceAt, deviceAt + ID_BYTES), at)
    headers.set(packet.subarray(frameStart + FRAME_HEADER_BYTES, frameStart + FRAME_HEADER_BYTES + 16), at + 16)
    headers.set(packet.subarray(conversationAt(frameStart), conversationAt(frameStart) + ID_BYTES), at + 32)
  }
  return headers
}
