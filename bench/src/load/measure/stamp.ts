const MAGIC = 0xe7e6a301
/** Bytes that every payload of a run begins with; it ends with one more that belongs to them. */
export const STAMP_BYTES = 24
/** Smallest payload. */
export const PAYLOAD_BYTES_MIN = STAMP_BYTES + 1

/** What a payload says about itself. */
export interface Stamp {
  /** Number of the stream: one sender in one conversation. */
  readonly stream: number
  /** From 1 on in each stream. */
  readonly number: number
  /** When it was to be sent, in microseconds of the monotonic clock. */
  readonly plannedUs: number
}

/** Writes a stamp into a payload of at least {@link PAYLOAD_BYTES_MIN} bytes; the rest stays as it is, but for the last byte. Plain stores: a generator writes one for every message. */
export function writeStamp(payload: Uint8Array, { stream, number, plannedUs }: Stamp): void {
  const check = checkOf(stream, number, payload.length)
  putUint32(payload, 0, MAGIC)
  putUint32(payload, 4, stream)
  putUint32(payload, 8, number)
  putUint32(payload, 12, check)
  DOUBLE[0] = plannedUs
  for (let index = 0; index < 8; index++) payload[16 + index] = DOUBLE_BYTES[index] ?? 0
  payload[payload.length - 1] = check
}

/** The stamp of a payload; undefined for bytes that are none, or not all of one. */
export function readStamp(payload: Uint8Array): Stamp | undefined {
  if (payload.length < PAYLOAD_BYTES_MIN || uint32At(payload, 0) !== MAGIC) return undefined
  const [stream, number] = [uint32At(payload, 4), uint32At(payload, 8)]
  const check = checkOf(stream, number, payload.length)
  if (uint32At(payload, 12) !== check || payload[payload.length - 1] !== (check & 0xff)) return undefined
  for (let index = 0; index < 8; index++) DOUBLE_BYTES[index] = payload[16 + index] ?? 0
  return { stream, number, plannedUs: DOUBLE[0] ?? 0 }
}

/** One time, and its bytes as this machine has them: both ends of a run are of one architecture. */
const DOUBLE = new Float64Array(1)
const DOUBLE_BYTES = new Uint8Array(DOUBLE.buffer)

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

function checkOf(stream: number, number: number, length: number): number {
  return (MAGIC ^ Math.imul(stream + 1, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b) ^ Math.imul(length, 0xc2b2ae35)) >>> 0
}
