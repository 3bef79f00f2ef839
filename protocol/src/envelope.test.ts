import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ACCOUNT_VERSION_BYTES, BODY_HEADER_BYTES, BODY_TYPE, decodeEnvelope, encodeEnvelope, ENVELOPE_KIND, ENVELOPE_OFFSETS, orderTimeMs, sliceEnvelope, viewEnvelope,
  writeEnvelopeSlice, type Envelope,
} from './envelope.js'
import { isEvegramError } from './errors.js'
import { parseAccountId, parseConversationId, parseDeviceId } from './ids.js'
import { LIMITS } from './limits.js'

const hexId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const uint32 = fc.nat(0xffffffff)
const body = fc.oneof(
  fc.record({ device: hexId.map(parseDeviceId), type: fc.constant(BODY_TYPE.skip), bytes: fc.constant(new Uint8Array(0)) }),
  fc.record({
    device: hexId.map(parseDeviceId), type: fc.constantFrom(BODY_TYPE.prekey, BODY_TYPE.message, BODY_TYPE.senderKey, BODY_TYPE.opaque),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }),
  }),
)
const envelopes: fc.Arbitrary<Envelope> = fc.tuple(
  fc.oneof(
    fc.record({ kind: fc.constant(ENVELOPE_KIND.message), epoch: fc.integer({ min: 1, max: 0xffffffff }) }),
    fc.record({ kind: fc.constant(ENVELOPE_KIND.control), epoch: fc.constant(0) }),
  ),
  fc.record({
    conversation: hexId.map(parseConversationId), device: hexId.map(parseDeviceId), account: hexId.map(parseAccountId), number: fc.maxSafeNat(),
    order: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), membershipVersion: uint32,
    accounts: fc.array(fc.record({ account: hexId.map(parseAccountId), seq: uint32 }), { maxLength: 4 }),
    bodies: fc.uniqueArray(body, { maxLength: 5, selector: ({ device }) => device }),
  }),
).map(([kind, rest]) => ({ ...kind, ...rest }))

const plain: Envelope = {
  kind: ENVELOPE_KIND.message, conversation: parseConversationId('01'.repeat(16)), device: parseDeviceId('02'.repeat(16)), account: parseAccountId('03'.repeat(16)),
  epoch: 1, number: 7, order: 9n << 16n, membershipVersion: 1, accounts: [{ account: parseAccountId('03'.repeat(16)), seq: 2 }],
  bodies: [
    { device: parseDeviceId('04'.repeat(16)), type: BODY_TYPE.message, bytes: Uint8Array.of(1, 2, 3) },
    { device: parseDeviceId('05'.repeat(16)), type: BODY_TYPE.skip, bytes: new Uint8Array(0) },
  ],
}
const invalid = expect.objectContaining({ code: 'invalid.envelope' }) as Error
const FIRST_BODY = ENVELOPE_OFFSETS.end + ACCOUNT_VERSION_BYTES

function withBytes(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = encodeEnvelope(plain)
  change(bytes, new DataView(bytes.buffer))
  return bytes
}

describe('an envelope', () => {
  it('comes back as it was', () => {
    fc.assert(fc.property(envelopes, (envelope) => {
      const bytes = encodeEnvelope(envelope)
      expect(decodeEnvelope(bytes)).toEqual(envelope)
      expect(encodeEnvelope(decodeEnvelope(bytes))).toEqual(bytes)
    }))
  })

  it('is read the same at any offset of a larger buffer', () => {
    fc.assert(fc.property(envelopes, fc.nat(40), (envelope, offset) => {
      const bytes = encodeEnvelope(envelope)
      const around = new Uint8Array(bytes.length + 80).fill(0xaa)
      around.set(bytes, offset)
      expect(decodeEnvelope(around.subarray(offset, offset + bytes.length))).toEqual(envelope)
    }))
  })

  it('with any byte changed fails, or is another envelope with exactly these bytes', () => {
    fc.assert(fc.property(envelopes, fc.nat(), fc.integer({ min: 1, max: 255 }), (envelope, at, flip) => {
      const bytes = encodeEnvelope(envelope)
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      let read: Envelope | undefined
      try {
        read = decodeEnvelope(bytes)
      } catch (cause) {
        expect(cause).toMatchObject({ code: 'invalid.envelope' })
      }
      if (read !== undefined) expect(encodeEnvelope(read)).toEqual(bytes)
    }), { numRuns: 1_000 })
  })

  it('cut anywhere, longer, or made of any bytes fails with its code', () => {
    fc.assert(fc.property(envelopes, fc.nat(), fc.uint8Array({ maxLength: 200 }), (envelope, cut, noise) => {
      const bytes = encodeEnvelope(envelope)
      expect(() => viewEnvelope(bytes.subarray(0, cut % bytes.length))).toThrow(invalid)
      expect(() => viewEnvelope(new Uint8Array([...bytes, 0]))).toThrow(invalid)
      try {
        viewEnvelope(noise)
      } catch (cause) {
        expect(isEvegramError(cause, 'invalid.envelope')).toBe(true)
      }
    }))
  })

  it('that declares a body of a gigabyte is refused before anything is allocated', () => {
    const before = process.memoryUsage().arrayBuffers
    expect(() => viewEnvelope(withBytes((_bytes, view) => { view.setUint32(FIRST_BODY + 20, 1 << 30) }))).toThrow(invalid)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })

  it.each<readonly [string, (bytes: Uint8Array, view: DataView) => void]>([
    ['version', (bytes) => { bytes[0] = 2 }],
    ['kind', (bytes) => { bytes[1] = 4 }],
    ['kind that its bodies do not have', (bytes) => { bytes[1] = ENVELOPE_KIND.notice }],
    ['reserved bytes', (bytes) => { bytes[ENVELOPE_OFFSETS.reserved + 1] = 1 }],
    ['epoch 0 in a message', (_bytes, view) => { view.setUint32(ENVELOPE_OFFSETS.epoch, 0) }],
    ['epoch in control traffic', (bytes) => { bytes[1] = ENVELOPE_KIND.control }],
    ['number of 2^53', (_bytes, view) => { view.setBigUint64(ENVELOPE_OFFSETS.number, 2n ** 53n) }],
    ['body count', (_bytes, view) => { view.setUint16(ENVELOPE_OFFSETS.bodyCount, LIMITS.envelopeBodiesMax + 1) }],
    ['account count', (_bytes, view) => { view.setUint16(ENVELOPE_OFFSETS.accountCount, LIMITS.envelopeAccountsMax + 1) }],
    ['accounts past the end', (_bytes, view) => { view.setUint16(ENVELOPE_OFFSETS.accountCount, 200) }],
    ['body type', (bytes) => { bytes[FIRST_BODY + 16] = 6 }],
    ['body of a notice', (bytes) => { bytes[FIRST_BODY + 16] = BODY_TYPE.notice }],
    ['reserved bytes of a body', (bytes) => { bytes[FIRST_BODY + 19] = 1 }],
    ['body over the limit', (_bytes, view) => { view.setUint32(FIRST_BODY + 20, LIMITS.bodyBytesMax + 1) }],
    ['skip with bytes', (bytes) => { bytes[FIRST_BODY + 16] = BODY_TYPE.skip }],
    ['empty body that is no skip', (bytes) => { bytes[FIRST_BODY + BODY_HEADER_BYTES + 3 + 16] = BODY_TYPE.message }],
    ['device named twice', (bytes) => { bytes.fill(4, FIRST_BODY + BODY_HEADER_BYTES + 3, FIRST_BODY + BODY_HEADER_BYTES + 3 + 16) }],
  ])('with a wrong %s is refused', (_what, change) => {
    expect(() => viewEnvelope(withBytes(change))).toThrow(invalid)
  })

  it('is not written with numbers that would be cut, nor with a body over the limit', () => {
    const bad: readonly Partial<Envelope>[] = [
      { epoch: 2 ** 32 + 1 }, { epoch: 1.5 }, { membershipVersion: -1 }, { number: -1 }, { number: 2 ** 53 }, { order: -1n }, { order: 2n ** 64n },
      { accounts: [{ account: plain.account, seq: 2 ** 32 }] }, { epoch: 0 }, { bodies: [...plain.bodies, ...plain.bodies] },
      { bodies: [{ device: plain.device, type: BODY_TYPE.message, bytes: new Uint8Array(LIMITS.bodyBytesMax + 1) }] },
      { accounts: Array.from({ length: LIMITS.envelopeAccountsMax + 1 }, () => ({ account: plain.account, seq: 1 })) },
    ]
    for (const change of bad) expect(() => encodeEnvelope({ ...plain, ...change })).toThrow(invalid)
  })

  it('over the limit is refused by writer and reader', () => {
    const bodies = ['0a', '0b', '0c', '0d'].map((byte) => ({ device: parseDeviceId(byte.repeat(16)), type: BODY_TYPE.opaque, bytes: new Uint8Array(60_000) }))
    const tooLarge = expect.objectContaining({ code: 'too_large.envelope' }) as Error
    expect(() => encodeEnvelope({ ...plain, bodies })).toThrow(tooLarge)
    expect(() => viewEnvelope(new Uint8Array(LIMITS.envelopeBytesMax + 1))).toThrow(tooLarge)
  })
})

describe('a slice of an envelope', () => {
  it('is the envelope with one body, or none, and no account versions', () => {
    fc.assert(fc.property(envelopes, (envelope) => {
      const view = viewEnvelope(encodeEnvelope(envelope))
      expect(decodeEnvelope(sliceEnvelope(view, undefined))).toEqual({ ...envelope, accounts: [], bodies: [] })
      view.bodies.forEach((slice, index) => {
        expect(decodeEnvelope(sliceEnvelope(view, slice))).toEqual({ ...envelope, accounts: [], bodies: envelope.bodies.slice(index, index + 1) })
      })
    }))
  })

  it('is written at an offset without touching what is around it', () => {
    const view = viewEnvelope(encodeEnvelope(plain))
    const [first] = view.bodies
    const target = new Uint8Array(200).fill(0xee)
    const end = writeEnvelopeSlice(target, 10, view.bytes, first)
    expect(target.subarray(10, end)).toEqual(sliceEnvelope(view, first))
    expect(target.subarray(0, 10).every((byte) => byte === 0xee) && target.subarray(end).every((byte) => byte === 0xee)).toBe(true)
  })
})

describe('an order key', () => {
  it('carries milliseconds above 16 bits of counter', () => {
    expect(orderTimeMs((1_760_000_000_123n << 16n) | 0xffffn)).toBe(1_760_000_000_123)
  })
})
