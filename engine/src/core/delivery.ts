import {
  ALL_DEVICES, BODY_HEADER_BYTES, BODY_TYPE, bytesOfHex, ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, FRAME_TYPE, POSITION_BYTES, PROTOCOL_VERSION,
  type BodySlice, type DeviceId, type Position,
} from '@evegram/protocol'

/** Where one body lies in an encoded envelope: from its header to behind its ciphertext. */
export type BodyRange = Pick<BodySlice, 'start' | 'end'>

/** Bytes of a `deliver` frame with one body. */
export function deliveryBytes(body: BodyRange): number {
  return FRAME_HEADER_BYTES + POSITION_BYTES + ENVELOPE_OFFSETS.end + body.end - body.start
}

/** Writes 32 bits, big-endian: plain stores, which cost less than a view for each message. */
export function putUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24
  target[offset + 1] = value >>> 16
  target[offset + 2] = value >>> 8
  target[offset + 3] = value
}

/** Writes the 16 bytes of a position. */
export function putPosition(target: Uint8Array, at: number, position: Position): void {
  putUint32(target, at, Math.floor(position.timeMs / 2 ** 32))
  putUint32(target, at + 4, position.timeMs)
  putUint32(target, at + 8, position.incarnation)
  putUint32(target, at + 12, position.counter)
}

/**
 * Writes a whole `deliver` frame at `offset`: header, position, and the slice of the envelope that holds the one body.
 * Every byte of the frame is written, so `target` may be uninitialised memory; bytes behind the frame may be written too. Returns the offset behind it.
 */
export function writeDelivery(target: Uint8Array, offset: number, position: Position, envelope: Uint8Array, body: BodyRange): number {
  const bodyBytes = body.end - body.start
  target[offset] = PROTOCOL_VERSION
  target[offset + 1] = FRAME_TYPE.deliver
  target[offset + 2] = 0
  target[offset + 3] = 0
  putUint32(target, offset + 4, POSITION_BYTES + ENVELOPE_OFFSETS.end + bodyBytes)
  putUint32(target, offset + 8, 0)
  const at = offset + FRAME_HEADER_BYTES
  putPosition(target, at, position)
  return writeSlice(target, at + POSITION_BYTES, envelope, body)
}

/**
 * Bytes of an envelope beside the slice up to which it is copied as a whole and then moved together: two views for the parts cost more than these bytes.
 * What is written too much lies behind the slice, where `target` has room and the next frame comes.
 */
const WHOLE_COPY_BYTES_MAX = 512

/** Writes what `sliceEnvelope` of the protocol returns for the one body, and anything behind it; returns the offset behind it. */
export function writeSlice(target: Uint8Array, offset: number, envelope: Uint8Array, body: BodyRange): number {
  const bodyAt = offset + ENVELOPE_OFFSETS.end
  const leftOut = envelope.length - ENVELOPE_OFFSETS.end - (body.end - body.start)
  if (leftOut <= WHOLE_COPY_BYTES_MAX && offset + envelope.length <= target.length) {
    target.set(envelope, offset)
    target.copyWithin(bodyAt, offset + body.start, offset + body.end)
  } else {
    target.set(envelope.subarray(0, ENVELOPE_OFFSETS.end), offset)
    target.set(envelope.subarray(body.start, body.end), bodyAt)
  }
  target[offset + ENVELOPE_OFFSETS.bodyCount] = 0
  target[offset + ENVELOPE_OFFSETS.bodyCount + 1] = 1
  target[offset + ENVELOPE_OFFSETS.accountCount] = 0
  target[offset + ENVELOPE_OFFSETS.accountCount + 1] = 0
  return bodyAt + body.end - body.start
}

const ALL_DEVICES_BYTES = bytesOfHex(ALL_DEVICES)

function sameId(bytes: Uint8Array, offset: number, id: Uint8Array): boolean {
  for (let index = 0; index < 16; index++) if (bytes[offset + index] !== id[index]) return false
  return true
}

/**
 * The body of a stored envelope that `device` (16 bytes) is to get: its own, or the one for all devices. Undefined when there is none,
 * when the sender skipped the device, or when the device sent it. `envelope` was validated when it was appended.
 */
export function bodyFor(envelope: Uint8Array, device: Uint8Array): BodyRange | undefined {
  if (sameId(envelope, ENVELOPE_OFFSETS.device, device)) return undefined
  const view = new DataView(envelope.buffer, envelope.byteOffset, envelope.byteLength)
  let offset = ENVELOPE_OFFSETS.end + view.getUint16(ENVELOPE_OFFSETS.accountCount) * 20
  let forAll: BodyRange | undefined
  for (let left = view.getUint16(ENVELOPE_OFFSETS.bodyCount); left > 0; left--) {
    const end = offset + BODY_HEADER_BYTES + view.getUint32(offset + 20)
    if (sameId(envelope, offset, device)) return envelope[offset + 16] === BODY_TYPE.skip ? undefined : { start: offset, end }
    if (sameId(envelope, offset, ALL_DEVICES_BYTES) && envelope[offset + 16] !== BODY_TYPE.skip) forAll = { start: offset, end }
    offset = end
  }
  return forAll
}

/** The 16 bytes of a device id. */
export function deviceBytes(device: DeviceId): Uint8Array {
  return bytesOfHex(device)
}
