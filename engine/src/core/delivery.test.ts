import fc from 'fast-check'
import {
  ALL_DEVICES, BODY_TYPE, decodeDelivery, decodeFrames, encodeEnvelope, ENVELOPE_KIND, FRAME_TYPE, sliceEnvelope, viewEnvelope,
  type DeviceId, type EnvelopeBody,
} from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation, sampleDevice } from '../ports/sample-envelope.contract.js'
import { bodyFor, deliveryBytes, deviceBytes, writeDelivery } from './delivery.js'

const envelope = (bodies: readonly EnvelopeBody[], accounts = 0): Uint8Array => encodeEnvelope({
  kind: ENVELOPE_KIND.message, conversation: sampleConversation(1), device: sampleDevice(1), account: sampleAccount(1), epoch: 1, number: 2, order: 3n << 16n,
  membershipVersion: 1, bodies, accounts: Array.from({ length: accounts }, (_, index) => ({ account: sampleAccount(index), seq: index })),
})
const body = (device: DeviceId, text: string): EnvelopeBody => ({ device, type: BODY_TYPE.opaque, bytes: Buffer.from(text) })
const textFor = (bytes: Uint8Array, device: DeviceId): string | undefined => {
  const found = bodyFor(bytes, deviceBytes(device))
  return found === undefined ? undefined : Buffer.from(bytes.subarray(found.start + 24, found.end)).toString()
}

describe('writeDelivery', () => {
  it('writes the frame that a client decodes to the slice of the envelope, over whatever was in memory', () => {
    fc.assert(fc.property(
      fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 6 }), fc.nat(4), fc.nat(2 ** 41), fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(900),
      (devices, accounts, timeMs, incarnation, counter, room) => {
        const bytes = envelope(devices.map((number) => body(sampleDevice(number + 10), `for ${number}`)), accounts)
        const view = viewEnvelope(bytes)
        for (const slice of view.bodies) {
          // Where there is room behind the frame it is written in another way.
          const target = Buffer.alloc(10 + deliveryBytes(slice) + room, 0xff)
          const end = 10 + deliveryBytes(slice)
          expect(writeDelivery(target, 10, { timeMs, incarnation, counter }, bytes, slice)).toBe(end)
          expect(target.subarray(0, 10)).toEqual(Buffer.alloc(10, 0xff))
          const [frame, ...rest] = decodeFrames(target.subarray(10, end))
          expect(rest).toEqual([])
          expect(frame?.type).toBe(FRAME_TYPE.deliver)
          const delivery = decodeDelivery(frame?.body ?? new Uint8Array())
          expect(delivery.position).toEqual({ timeMs, incarnation, counter })
          expect(Buffer.from(delivery.envelope).equals(sliceEnvelope(view, slice))).toBe(true)
        }
      },
    ))
  })
})

describe('bodyFor', () => {
  it('finds the body of a device among others, behind any number of account versions', () => {
    const bytes = envelope([body(sampleDevice(2), 'two'), body(sampleDevice(3), 'three')], 5)
    expect([2, 3, 4].map((number) => textFor(bytes, sampleDevice(number)))).toEqual(['two', 'three', undefined])
  })

  it('gives nothing to a skipped device and to the sender, also when there is a body for all', () => {
    const bytes = envelope([body(ALL_DEVICES, 'all'), { device: sampleDevice(2), type: BODY_TYPE.skip, bytes: new Uint8Array(0) }, body(sampleDevice(3), 'own')])
    expect([1, 2, 3, 4].map((number) => textFor(bytes, sampleDevice(number)))).toEqual([undefined, undefined, 'own', 'all'])
  })
})
