import { BODY_TYPE, ENVELOPE_KIND, encodeEnvelope, viewEnvelope, type Envelope } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation, sampleDevice } from '../ports/sample-envelope.contract.js'
import { EnvelopeShapes, shapeOf, type EnvelopeShape } from './envelope-shapes.js'

function encoded(more: Partial<Envelope> = {}): Uint8Array {
  return encodeEnvelope({
    kind: ENVELOPE_KIND.message, conversation: sampleConversation(1), device: sampleDevice(1), account: sampleAccount(1), epoch: 1, number: 5, order: 77n << 16n,
    membershipVersion: 3, accounts: [{ account: sampleAccount(1), seq: 4 }, { account: sampleAccount(2), seq: 9 }],
    bodies: [2, 3].map((device) => ({ device: sampleDevice(device), type: BODY_TYPE.message, bytes: new Uint8Array(40).fill(device) })), ...more,
  })
}

/** What reading gives: the shape, or the code of the refusal. */
function outcome(read: () => EnvelopeShape): unknown {
  try {
    return read()
  } catch (failure) {
    return String(failure)
  }
}

describe('EnvelopeShapes', () => {
  it('gives messages that differ in number, order key and ciphertexts alone one shape', () => {
    const shapes = new EnvelopeShapes()
    const first = shapes.read(encoded())
    const bodies = [2, 3].map((device) => ({ device: sampleDevice(device), type: BODY_TYPE.message, bytes: new Uint8Array(40).fill(200 + device) }))
    expect(shapes.read(encoded({ number: 70_000, order: 78n << 16n, bodies }))).toBe(first)
    expect(first).toEqual(shapeOf(viewEnvelope(encoded())))
  })

  it('reads every other envelope as if it had never read one: whatever byte differs, and however', () => {
    const shapes = new EnvelopeShapes()
    for (const whole of [encoded(), encoded({ kind: ENVELOPE_KIND.control, epoch: 0, accounts: [] }), encoded({ bodies: [] })]) {
      for (let at = 0; at < whole.length; at++) {
        for (const change of [1, 128, 255]) {
          // What was read before may have taken its place.
          shapes.read(whole)
          const other = Uint8Array.from(whole)
          other[at] = (other[at] ?? 0) ^ change
          expect(outcome(() => shapes.read(other)), `byte ${String(at)}`).toEqual(outcome(() => shapeOf(viewEnvelope(other))))
        }
      }
      for (const length of [0, 79, whole.length - 1, whole.length + 1]) {
        shapes.read(whole)
        const other = new Uint8Array(length)
        other.set(whole.subarray(0, length))
        expect(outcome(() => shapes.read(other))).toEqual(outcome(() => shapeOf(viewEnvelope(other))))
      }
    }
  })

  it('tells shapes of one place apart, and reads what it does not remember', () => {
    const shapes = new EnvelopeShapes()
    for (let round = 0; round < 2; round++) {
      for (let device = 1; device < 9_000; device += 17) {
        const bytes = encoded({ device: sampleDevice(device), bodies: [{ device: sampleDevice(9_999), type: BODY_TYPE.opaque, bytes: new Uint8Array(1 + (device % 5)) }] })
        expect(shapes.read(bytes).device).toBe(sampleDevice(device))
      }
    }
    const large = encoded({ bodies: [{ device: sampleDevice(2), type: BODY_TYPE.opaque, bytes: new Uint8Array(9_000) }] })
    expect(shapes.read(large)).toEqual(shapeOf(viewEnvelope(large)))
    expect(shapes.read(large)).not.toBe(shapes.read(large))
  })
})
