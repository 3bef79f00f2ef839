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

/** Writes a stamp into a payload of at least {@link PAYLOAD_BYTES_MIN} bytes; the rest stays as it is, but for the last byte. */
export function writeStamp(payload: Uint8Array, { stream, number, plannedUs }: Stamp): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const check = checkOf(stream, number, payload.length)
  view.setUint32(0, MAGIC)
  view.setUint32(4, stream)
  view.setUint32(8, number)
  view.setUint32(12, check)
  view.setFloat64(16, plannedUs)
  payload[payload.length - 1] = check & 0xff
}

/** The stamp of a payload; undefined for bytes that are none, or not all of one. */
export function readStamp(payload: Uint8Array): Stamp | undefined {
  if (payload.length < PAYLOAD_BYTES_MIN) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  if (view.getUint32(0) !== MAGIC) return undefined
  const [stream, number] = [view.getUint32(4), view.getUint32(8)]
  const check = checkOf(stream, number, payload.length)
  return view.getUint32(12) === check && payload[payload.length - 1] === (check & 0xff) ? { stream, number, plannedUs: view.getFloat64(16) } : undefined
}

function checkOf(stream: number, number: number, length: number): number {
  return (MAGIC ^ Math.imul(stream + 1, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b) ^ Math.imul(length, 0xc2b2ae35)) >>> 0
}
