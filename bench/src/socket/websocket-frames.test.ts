import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MESSAGE_BYTES_MAX, MessageReader, OPCODE, writeHead } from './websocket-frames.js'

/** A frame as a server sends it. */
function frame(opcode: number, payload: Uint8Array, isFinal = true): Buffer {
  const head = payload.length < 126 ? Buffer.alloc(2) : payload.length <= 0xffff ? Buffer.alloc(4) : Buffer.alloc(10)
  head[0] = (isFinal ? 0x80 : 0) | opcode
  if (head.length === 2) head[1] = payload.length
  else if (head.length === 4) {
    head[1] = 126
    head.writeUInt16BE(payload.length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  return Buffer.concat([head, payload])
}

/** What a reader hands on of these pieces; each is written over afterwards, as the buffer of all sockets is. */
function read(pieces: readonly Buffer[]): { readonly messages: readonly string[]; readonly controls: readonly (readonly [number, string])[] } {
  const [messages, controls]: [string[], [number, string][]] = [[], []]
  const reader = new MessageReader({
    message: (payload) => { messages.push(payload.toString('hex')) }, control: (opcode, payload) => { controls.push([opcode, payload.toString('hex')]) },
  })
  for (const piece of pieces) {
    const own = Buffer.from(piece)
    reader.push(own)
    own.fill(0xff)
  }
  return { messages, controls }
}

/** `bytes` cut at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((left, right) => left - right), bytes.length]
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end))
}

const payloads = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000).map((length) => new Uint8Array(length).fill(length)))

describe('messages of a server', () => {
  it('come as they were sent, wherever the stream is split', () => {
    fc.assert(fc.property(fc.array(payloads, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (list, places) => {
      const bytes = Buffer.concat(list.map((payload) => frame(OPCODE.binary, payload)))
      expect(read(cut(bytes, places)).messages).toEqual(list.map((payload) => Buffer.from(payload).toString('hex')))
    }))
  })

  it('in several frames are one, with what is said in between', () => {
    const bytes = Buffer.concat([
      frame(OPCODE.text, Buffer.from('aa', 'hex'), false), frame(OPCODE.ping, Buffer.from('01', 'hex')), frame(OPCODE.continuation, Buffer.from('bb', 'hex'), false),
      frame(OPCODE.continuation, Buffer.from('cc', 'hex')), frame(OPCODE.binary, Buffer.from('dd', 'hex')),
    ])
    fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 6 }), (places) => {
      expect(read(cut(bytes, places))).toEqual({ messages: ['aabbcc', 'dd'], controls: [[OPCODE.ping, '01']] })
    }))
  })

  it('that are too long are refused when their length is read, in one frame or in several', () => {
    const declared = Buffer.alloc(10)
    declared.set([0x82, 127])
    declared.writeBigUInt64BE(BigInt(MESSAGE_BYTES_MAX + 1), 2)
    expect(() => read([declared])).toThrow(RangeError)
    const rest = Buffer.alloc(10)
    rest.set([0x80, 127])
    rest.writeBigUInt64BE(BigInt(MESSAGE_BYTES_MAX), 2)
    expect(() => read([frame(OPCODE.binary, Buffer.from('00', 'hex'), false), rest])).toThrow(RangeError)
  })

  it('are not read behind a stop', () => {
    const messages: Buffer[] = []
    const reader = new MessageReader({ message: (payload) => { messages.push(payload); reader.stop() }, control: () => undefined })
    reader.push(Buffer.concat([frame(OPCODE.binary, Buffer.from('01', 'hex')), frame(OPCODE.binary, Buffer.from('02', 'hex'))]))
    reader.push(frame(OPCODE.binary, Buffer.from('03', 'hex')))
    expect(messages).toHaveLength(1)
  })
})

describe('the head of a message of a client', () => {
  it.each([
    [0, '8280 00000000'], [125, '82fd 00000000'], [126, '82fe007e 00000000'], [65_535, '82feffff 00000000'], [65_536, '82ff0000000000010000 00000000'], [16_909_060, '82ff0000000001020304 00000000'],
  ])('of %i bytes says so, and masks with zeroes', (payloadBytes, hex) => {
    const target = Buffer.alloc(20, 0xee)
    const end = writeHead(target, 2, OPCODE.binary, payloadBytes)
    expect(target.toString('hex', 2, end)).toBe(hex.replace(' ', ''))
    expect([target[1], target[end]]).toEqual([0xee, 0xee])
  })
})
