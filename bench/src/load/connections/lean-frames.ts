/** Length of the mask of a client's frame. */
const MASK_BYTES = 4
const BINARY_FINAL = 0x82
const MASKED = 0x80
/** RFC 6455 section 5.2: what follows is the length in two bytes, or in eight. */
const LENGTH_16 = 126
const LENGTH_64 = 127
const OPCODE_BITS = 0x0f
const OPCODE_BINARY = 0x2
const OPCODE_CLOSE = 0x8

/** A binary message as a client sends it. The mask is all zeroes: it protects proxies from scripts, and there are none of both here. */
export function maskedMessage(payload: Uint8Array): Buffer {
  const { length } = payload
  const headerBytes = length < LENGTH_16 ? 2 : 4
  if (length > 0xffff) throw new RangeError('a lean client sends short messages alone')
  const message = Buffer.alloc(headerBytes + MASK_BYTES + length)
  message[0] = BINARY_FINAL
  message[1] = MASKED | (headerBytes === 2 ? length : LENGTH_16)
  if (headerBytes === 4) message.writeUInt16BE(length, 2)
  message.set(payload, headerBytes + MASK_BYTES)
  return message
}

/** What was read of a stream of frames: whole binary messages, the code of a close frame if one came, and the rest that is not whole. */
export interface ReadFrames {
  readonly messages: readonly Buffer[]
  readonly closeCode: number | undefined
  readonly rest: Buffer
}

/** Takes the whole frames off the beginning of `bytes`. Frames of control other than close are passed over. */
export function readFrames(bytes: Buffer): ReadFrames {
  const messages: Buffer[] = []
  let at = 0
  let closeCode: number | undefined
  for (;;) {
    const second = bytes[at + 1]
    if (second === undefined) break
    const short = second & ~MASKED
    const headerBytes = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2
    if (bytes.length < at + headerBytes) break
    const length = short === LENGTH_64 ? Number(bytes.readBigUInt64BE(at + 2)) : short === LENGTH_16 ? bytes.readUInt16BE(at + 2) : short
    if (bytes.length < at + headerBytes + length) break
    const payload = bytes.subarray(at + headerBytes, at + headerBytes + length)
    const opcode = (bytes[at] ?? 0) & OPCODE_BITS
    if (opcode === OPCODE_BINARY) messages.push(payload)
    else if (opcode === OPCODE_CLOSE) closeCode = length >= 2 ? payload.readUInt16BE(0) : 1_005
    at += headerBytes + length
  }
  return { messages, closeCode, rest: bytes.subarray(at) }
}
