import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { concatBytes, LIMITS } from '@evegram/protocol'
import { parsePreKeyMessage, parseSessionMessage } from './signal-message.js'
import { SignalRefusal } from './signal-refusal.js'
import { testPair, type TestMessage } from './test-device.js'

let first: TestMessage
let reply: TestMessage

beforeAll(async () => {
  const { alice, bob } = await testPair('messages')
  await alice.startWith(bob)
  first = await alice.send(bob, 'one')
  await bob.receive(alice, first)
  reply = await bob.send(alice, 'two')
})

/** Whether `attempt` answers or refuses: anything else is a fault. */
function answersOrRefuses(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch (error) {
    return error instanceof SignalRefusal
  }
}

describe('the strict message parser', () => {
  it('reads the messages that the library writes', () => {
    const outer = parsePreKeyMessage(first.bytes)
    expect(outer.preKeyId).toBe(1)
    expect(outer.signedPreKeyId).toBe(1)
    expect(outer.identityKey).toHaveLength(33)
    const inner = parseSessionMessage(reply.bytes)
    expect(inner.counter).toBe(0)
    expect(inner.mac).toEqual(reply.bytes.subarray(-8))
    expect(parseSessionMessage(outer.message).ciphertext.length % 16).toBe(0)
  })

  it('refuses every truncation', () => {
    for (let length = 0; length < first.bytes.length; length++) {
      expect(() => parsePreKeyMessage(first.bytes.subarray(0, length))).toThrow(SignalRefusal)
    }
    for (let length = 0; length < reply.bytes.length - 16; length++) {
      expect(answersOrRefuses(() => parseSessionMessage(reply.bytes.subarray(0, length)))).toBe(true)
    }
  })

  it('answers or refuses, and nothing else, on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, framed) => {
        const input = framed ? concatBytes(new Uint8Array([0x33]), bytes) : bytes
        return answersOrRefuses(() => parsePreKeyMessage(input)) && answersOrRefuses(() => parseSessionMessage(input))
      }),
    )
    fc.assert(
      fc.property(fc.nat(first.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const bytes = first.bytes.slice()
        bytes[index] = (bytes[index] ?? 0) ^ mask
        return answersOrRefuses(() => parsePreKeyMessage(bytes))
      }),
    )
  })

  it('refuses unknown fields, repeated fields, other versions, huge numbers and oversized messages', () => {
    const refused = (bytes: Uint8Array): void => expect(() => parsePreKeyMessage(bytes)).toThrow(expect.objectContaining({ kind: 'malformed' }))
    refused(concatBytes(first.bytes, new Uint8Array([0x38, 0x01])))
    refused(concatBytes(first.bytes, new Uint8Array([0x28, 0x01])))
    refused(concatBytes(new Uint8Array([0x34]), first.bytes.subarray(1)))
    refused(new Uint8Array([0x33, 0x08, 0xff, 0xff, 0xff, 0xff, 0x7f]))
    refused(new Uint8Array([0x33, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))
    refused(new Uint8Array(LIMITS.bodyBytesMax + 1).fill(0x33))
    expect(() => parseSessionMessage(new Uint8Array(8).fill(0x33))).toThrow(SignalRefusal)
  })
})
