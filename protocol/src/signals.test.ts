import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEvegramError } from './errors.js'
import { parseAccountId, parseConversationId, parseDeviceId } from './ids.js'
import {
  decodeListen, decodeSignal, decodeSignalled, encodeListen, encodeSignal, encodeSignalled, SIGNAL_BYTES, SIGNAL_KIND, SIGNALLED_BYTES,
} from './signals.js'

const hexId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const signal = fc.record({ kind: fc.constantFrom(...Object.values(SIGNAL_KIND)), conversation: hexId.map(parseConversationId) })
const signalled = fc.tuple(signal, fc.record({ account: hexId.map(parseAccountId), device: hexId.map(parseDeviceId) })).map(([one, from]) => ({ ...one, ...from }))
const refused: unknown = expect.toSatisfy((error) => isEvegramError(error, 'invalid.frame'))

describe('signals', () => {
  it('come back as they were, in their exact lengths', () => {
    fc.assert(fc.property(signal, signalled, fc.boolean(), (sent, told, listens) => {
      expect(decodeSignal(encodeSignal(sent))).toEqual(sent)
      expect(decodeSignalled(encodeSignalled(told))).toEqual(told)
      expect(decodeListen(encodeListen(listens))).toBe(listens)
      expect([encodeSignal(sent).length, encodeSignalled(told).length]).toEqual([SIGNAL_BYTES, SIGNALLED_BYTES])
    }))
  })

  it('are refused in any other length, and have one form', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
      if (body.length === SIGNAL_BYTES) {
        const read = decodeSignal(body)
        if (read !== undefined) expect(encodeSignal(read)).toEqual(body)
      } else expect(() => decodeSignal(body)).toThrow(refused)
      if (body.length !== SIGNALLED_BYTES) expect(() => decodeSignalled(body)).toThrow(refused)
      if (body.length !== 1 || (body[0] ?? 0) > 1) expect(() => decodeListen(body)).toThrow(refused)
    }))
  })

  it('of kinds that this version does not know are read as nothing', () => {
    for (const kind of [0, 6, 255]) {
      expect(decodeSignal(new Uint8Array(SIGNAL_BYTES).fill(kind))).toBeUndefined()
      expect(decodeSignalled(new Uint8Array(SIGNALLED_BYTES).fill(kind))).toBeUndefined()
    }
  })
})
