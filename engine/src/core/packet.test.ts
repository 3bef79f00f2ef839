import fc from 'fast-check'
import { isEvegramError, positionAtTime } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleConversation, sampleDevice, sampleEnvelope } from '../ports/sample-envelope.contract.js'
import { bodyFor, deliveryBytes, deviceBytes, writeDelivery } from './delivery.js'
import { conversationAt, decodePacketHeader, DELIVERY_HEADER_BYTES, eachDelivery, encodePacket, headersOf, PACKET_HEADER_BYTES, PACKET_KIND } from './packet.js'

function dataPacket(count: number): Uint8Array {
  const envelope = sampleEnvelope({ conversation: sampleConversation(5), number: 1, bodies: count })
  const parts = Array.from({ length: count }, (_, index) => {
    const device = deviceBytes(sampleDevice(100 + index))
    const body = bodyFor(envelope, device)
    if (body === undefined) throw new Error('the sample has a body for it')
    const frame = Buffer.alloc(deliveryBytes(body))
    writeDelivery(frame, 0, { ...positionAtTime(1_000 + index), incarnation: 3, counter: index }, envelope, body)
    return Buffer.concat([device, frame])
  })
  return encodePacket({ kind: PACKET_KIND.data, from: 3, number: 9, last: 0 }, Buffer.concat(parts))
}

describe('packets between nodes', () => {
  it('keep their header', () => {
    fc.assert(fc.property(
      fc.constantFrom(...Object.values(PACKET_KIND)), fc.nat(0xffffffff), fc.nat(Number.MAX_SAFE_INTEGER), fc.nat(Number.MAX_SAFE_INTEGER),
      (kind, from, number, last) => {
        expect(decodePacketHeader(encodePacket({ kind, from, number, last }))).toEqual({ kind, from, number, last })
      },
    ))
  })

  it('name each delivery with its device, position and conversation', () => {
    const packet = dataPacket(3)
    const found: string[] = []
    eachDelivery(packet, (deviceAt, frameStart) => {
      found.push(Buffer.from(packet.subarray(deviceAt, deviceAt + 16)).toString('hex'))
      expect(Buffer.from(packet.subarray(conversationAt(frameStart), conversationAt(frameStart) + 16)).toString('hex')).toBe(sampleConversation(5))
    })
    expect(found).toEqual([100, 101, 102].map(sampleDevice))
    const headers = headersOf(packet)
    expect(headers.length).toBe(3 * DELIVERY_HEADER_BYTES)
    expect(Buffer.from(headers.subarray(DELIVERY_HEADER_BYTES, DELIVERY_HEADER_BYTES + 16)).toString('hex')).toBe(sampleDevice(101))
    expect(Buffer.from(headers.subarray(32, 48)).toString('hex')).toBe(sampleConversation(5))
  })

  it('that are cut anywhere are refused before anything is handed on', () => {
    const packet = dataPacket(2)
    for (let length = 0; length < packet.length; length++) {
      const cut = packet.subarray(0, length)
      let handed = 0
      try {
        decodePacketHeader(cut)
        eachDelivery(cut, () => { handed++ })
        // A cut between two deliveries, or behind the header, is a shorter packet.
        expect([PACKET_HEADER_BYTES, PACKET_HEADER_BYTES + (packet.length - PACKET_HEADER_BYTES) / 2]).toContain(length)
      } catch (failure) {
        expect(isEvegramError(failure, 'invalid.frame')).toBe(true)
        expect(handed).toBe(0)
      }
    }
  })

  it('of any bytes never crash the reader', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        decodePacketHeader(bytes)
        eachDelivery(bytes, () => undefined)
      } catch (failure) {
        if (!isEvegramError(failure, 'invalid.frame')) throw failure
      }
    }), { numRuns: 2_000 })
  })
})
