import { describe, expect, it } from 'vitest'
import { maskedMessage, readFrames } from './lean-frames.js'

/** A frame as a server writes it: no mask. */
function serverFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload
  const header = length < 126 ? Buffer.from([0x80 | opcode, length]) : length <= 0xffff ? Buffer.alloc(4) : Buffer.alloc(10)
  if (length >= 126) {
    header[0] = 0x80 | opcode
    header[1] = length <= 0xffff ? 126 : 127
    if (length <= 0xffff) header.writeUInt16BE(length, 2)
    else header.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([header, payload])
}

describe('frames of a lean client', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 70_000])('are read whole, wherever the stream is cut: %i bytes', (length) => {
    const payload = Buffer.alloc(length, 7)
    const stream = Buffer.concat([serverFrame(0x2, payload), serverFrame(0x9, Buffer.from('ping')), serverFrame(0x2, Buffer.from('next'))])
    const step = Math.max(1, Math.floor(stream.length / 50))
    const messages: string[] = []
    let rest = Buffer.alloc(0)
    for (let at = 0; at < stream.length; at += step) {
      const read = readFrames(Buffer.concat([rest, stream.subarray(at, at + step)]))
      messages.push(...read.messages.map((message) => message.toString('hex')))
      rest = Buffer.from(read.rest)
    }
    expect([messages, rest.length]).toEqual([[payload.toString('hex'), Buffer.from('next').toString('hex')], 0])
  })

  it('tell the code with which the server closes', () => {
    expect(readFrames(serverFrame(0x8, Buffer.from([0x0f, 0xa2]))).closeCode).toBe(4_002)
    expect(readFrames(serverFrame(0x8, Buffer.alloc(0))).closeCode).toBe(1_005)
  })

  it.each([0, 125, 126, 4_000])('are written with a mask, as RFC 6455 demands of clients: %i bytes', (length) => {
    const message = maskedMessage(Buffer.alloc(length, 9))
    expect([message[0], (message[1] ?? 0) & 0x80, message.subarray(-length || message.length).every((byte) => byte === 9) || length === 0]).toEqual([0x82, 0x80, true])
    expect(message.length).toBe((length < 126 ? 2 : 4) + 4 + length)
  })
})
