import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes } from './bytes.js'
import { isEvegramError } from './errors.js'
import { decodeFrames, encodeFrame, FRAME_HEADER_BYTES, FRAME_TYPE, FrameReader, PROTOCOL_VERSION, type Frame } from './frame.js'
import { LIMITS } from './limits.js'

const frames: fc.Arbitrary<Frame> = fc.record({
  type: fc.constantFrom(...Object.values(FRAME_TYPE)), flags: fc.nat(255), correlation: fc.nat(0xffffffff), body: fc.uint8Array({ maxLength: 120 }),
})
const encoded = (frame: Frame): Uint8Array => encodeFrame(frame.type, frame.correlation, frame.body, frame.flags)

/** Pieces of `bytes` cut at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((left, right) => left - right), bytes.length]
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end))
}

function header(change: (view: DataView) => void): Uint8Array {
  const bytes = encodeFrame(FRAME_TYPE.ping, 1, new Uint8Array(4))
  change(new DataView(bytes.buffer))
  return bytes
}

const BROKEN: readonly (readonly [string, string, Uint8Array])[] = [
  ['version', 'incompatible.protocol', header((view) => { view.setUint8(0, 2) })],
  ['type', 'invalid.frame_type', header((view) => { view.setUint8(1, 99) })],
  ['reserved byte', 'invalid.frame', header((view) => { view.setUint8(3, 1) })],
  ['length of a gigabyte', 'too_large.frame', header((view) => { view.setUint32(4, 1 << 30) })],
  ['length of 2^32 - 1', 'too_large.frame', header((view) => { view.setUint32(4, 0xffffffff) })],
]

describe('frames', () => {
  it('packed in one message come back as they were', () => {
    fc.assert(fc.property(fc.array(frames, { minLength: 1, maxLength: 6 }), (list) => {
      expect(decodeFrames(concatBytes(...list.map(encoded)))).toEqual(list)
    }))
  })

  it('decode the same from a stream, wherever it is split', () => {
    fc.assert(fc.property(fc.array(frames, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(), { maxLength: 12 }), (list, places) => {
      const reader = new FrameReader()
      expect(cut(concatBytes(...list.map(encoded)), places).flatMap((piece) => reader.push(piece))).toEqual(list)
      expect(reader.heldBytes).toBe(0)
    }))
  })

  it('decode the same byte by byte', () => {
    fc.assert(fc.property(fc.array(frames, { minLength: 1, maxLength: 3 }), (list) => {
      const reader = new FrameReader()
      expect([...concatBytes(...list.map(encoded))].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual(list)
    }))
  })

  it('cut short: a message is refused, a stream waits for the rest', () => {
    fc.assert(fc.property(fc.array(frames, { minLength: 1, maxLength: 4 }), fc.nat(), (list, place) => {
      const bytes = concatBytes(...list.map(encoded))
      const length = place % bytes.length
      const reader = new FrameReader()
      const whole = reader.push(bytes.subarray(0, length))
      expect(whole).toEqual(list.slice(0, whole.length))
      expect(reader.heldBytes).toBe(length - concatBytes(...list.slice(0, whole.length).map(encoded)).length)
      if (reader.heldBytes > 0 || length === 0) {
        expect(() => decodeFrames(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'invalid.frame' }))
      }
    }))
  })

  it('of any bytes fail with an error code, or are exactly these bytes, and stream and message agree', () => {
    const almost = fc.tuple(fc.array(frames, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat(255)).map(([list, at, byte]) => {
      const bytes = concatBytes(...list.map(encoded))
      bytes[at % bytes.length] = byte
      return bytes
    })
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), almost), fc.array(fc.nat(), { maxLength: 6 }), (bytes, places) => {
      const read = outcome(() => decodeFrames(bytes))
      const reader = new FrameReader()
      const streamed = outcome(() => cut(bytes, places).flatMap((piece) => reader.push(piece)))
      if (Array.isArray(read)) {
        expect(concatBytes(...read.map(encoded))).toEqual(bytes)
        expect(streamed).toEqual(read)
      } else if (read === 'invalid.frame' && Array.isArray(streamed)) expect(reader.heldBytes > 0 || bytes.length === 0).toBe(true)
      else expect(streamed).toBe(read)
    }), { numRuns: 1_000 })
  })

  it.each(BROKEN)('with a wrong %s are refused as %s by both readers', (_what, code, bytes) => {
    expect(outcome(() => decodeFrames(bytes))).toBe(code)
    expect(outcome(() => new FrameReader().push(bytes))).toBe(code)
    expect(outcome(() => new FrameReader().push(bytes.subarray(0, FRAME_HEADER_BYTES)))).toBe(code)
  })

  it('of an empty message are refused', () => {
    expect(outcome(() => decodeFrames(new Uint8Array(0)))).toBe('invalid.frame')
  })

  it('over the limit are refused, by writer and reader, at exactly one byte more', () => {
    const largest = new Uint8Array(LIMITS.frameBytesMax - FRAME_HEADER_BYTES)
    expect(decodeFrames(encodeFrame(FRAME_TYPE.send, 1, largest))).toHaveLength(1)
    expect(outcome(() => [encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(largest.length + 1))])).toBe('too_large.frame')
    expect(outcome(() => decodeFrames(encodeFrame(FRAME_TYPE.hello, 1, new Uint8Array(100)), 100))).toBe('too_large.frame')
    expect(decodeFrames(encodeFrame(FRAME_TYPE.hello, 1, new Uint8Array(88)), 100)).toHaveLength(1)
  })

  it('have the version and the header of the documentation', () => {
    expect([...encodeFrame(FRAME_TYPE.send, 0x01020304, Uint8Array.of(9), 2)]).toEqual([PROTOCOL_VERSION, 2, 2, 0, 0, 0, 0, 1, 1, 2, 3, 4, 9])
  })
})

describe('FrameReader', () => {
  it('holds memory for what came, not for what was declared', () => {
    const start = encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(200_000)).slice(0, 40)
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 500 }, () => new FrameReader())
    for (const reader of readers) expect(reader.push(start)).toEqual([])
    expect(readers.every((reader) => reader.heldBytes === 40)).toBe(true)
    // The declared bodies would be 100 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
  })

  it('stays refused after a refusal', () => {
    const reader = new FrameReader()
    expect(outcome(() => reader.push(new Uint8Array(12).fill(9)))).toBe('incompatible.protocol')
    expect(outcome(() => reader.push(encodeFrame(FRAME_TYPE.ping, 1, new Uint8Array(0))))).toBe('incompatible.protocol')
  })

  it('takes a large frame in single bytes in linear time', () => {
    const reader = new FrameReader()
    const bytes = encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(150_000).fill(3))
    const before = process.cpuUsage()
    let got: Frame[] = []
    for (let index = 0; index < bytes.length; index++) got = reader.push(bytes.subarray(index, index + 1))
    expect(got).toHaveLength(1)
    // Of its own CPU: a busy machine gives it less of that, not more.
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(2_000)
  })
})

function outcome(attempt: () => readonly Frame[] | readonly Uint8Array[]): unknown {
  try {
    return attempt()
  } catch (cause) {
    if (isEvegramError(cause)) return cause.code
    throw cause
  }
}
