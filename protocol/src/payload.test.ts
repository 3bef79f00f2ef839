import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCbor } from './cbor.js'
import { isEvegramError } from './errors.js'
import { parseAccountId, parseConversationId, parseDeviceId } from './ids.js'
import { LIMITS } from './limits.js'
import { pad } from './padding.js'
import { decodePayload, encodePayload, isNumberedKind, PAYLOAD_KIND, type Payload } from './payload.js'
import { RECEIPT_MISSING_MAX } from './payload-body-receipt.js'
import { decodePayloadBody, encodePayloadBody } from './payload-body.js'

const hexId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const account = hexId.map(parseAccountId)
const device = hexId.map(parseDeviceId)
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const uint53 = fc.maxSafeNat()
const uint32 = fc.nat(0xffffffff)

const payloads: fc.Arbitrary<Payload> = fc.tuple(
  fc.record({
    conversation: hexId.map(parseConversationId), senderAccount: account, senderDevice: device, membershipHash: bytes32,
    accountHeads: fc.array(fc.record({ account, seq: uint32, head: bytes32 }), { maxLength: 4 }), number: uint53, prev: bytes32,
    order: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), sentAtMs: fc.nat(2 ** 48 - 1), salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    body: fc.uint8Array({ maxLength: 400 }), seenHeads: bytes32,
  }),
  fc.oneof(
    fc.record({ kind: fc.constantFrom('text' as const, 'void' as const), epoch: fc.integer({ min: 1, max: 0xffffffff }) }),
    fc.record({ kind: fc.constantFrom('receipt' as const, 'resend_request' as const, 'resend' as const, 'revocation' as const, 'sender_key' as const, 'group_name' as const), epoch: fc.constant(0) }),
    fc.record({ kind: fc.integer({ min: Math.max(...Object.values(PAYLOAD_KIND)) + 1, max: 0xffff }).map((wire) => `unknown:${wire}` as const), epoch: uint32 }),
  ),
  fc.option(fc.record({ recipientAccount: account, recipientDevice: device }), { nil: {} }),
  fc.option(fc.record({ start: fc.record({ number: uint53, prev: bytes32 }) }), { nil: {} }),
).map(([base, kind, recipient, start]) => ({ v: 1 as const, ...base, ...kind, ...recipient, ...start }))

const zeros = (length: number): Uint8Array => new Uint8Array(length)
const targetDevice = parseDeviceId('0123456789abcdef0123456789abcdef')
const plain: Payload = {
  v: 1, kind: 'text', conversation: parseConversationId('01'.repeat(16)), senderAccount: parseAccountId('02'.repeat(16)),
  senderDevice: parseDeviceId('03'.repeat(16)), recipientAccount: parseAccountId('04'.repeat(16)), recipientDevice: parseDeviceId('05'.repeat(16)),
  membershipHash: zeros(32), accountHeads: [
    { account: parseAccountId('02'.repeat(16)), seq: 1, head: zeros(32) }, { account: parseAccountId('04'.repeat(16)), seq: 1, head: zeros(32) },
  ], epoch: 1, number: 0, prev: zeros(32), order: 1n << 63n, sentAtMs: 0, salt: zeros(16), body: encodePayloadBody({ kind: 'text', body: { text: 'hi' } }), seenHeads: zeros(32),
}

describe('a payload', () => {
  it('comes back as it was, padded to the same bytes', () => {
    fc.assert(fc.property(payloads, (payload) => {
      const bytes = encodePayload(payload)
      expect(decodePayload(bytes)).toEqual(payload)
      expect(encodePayload(decodePayload(bytes))).toEqual(bytes)
    }))
  })

  it('with any byte changed fails, or is another payload with exactly these bytes', () => {
    fc.assert(fc.property(payloads, fc.nat(), fc.integer({ min: 1, max: 255 }), (payload, at, flip) => {
      const bytes = encodePayload(payload)
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      let read: Payload | undefined
      try {
        read = decodePayload(bytes)
      } catch (cause) {
        expect(isEvegramError(cause)).toBe(true)
      }
      if (read !== undefined) expect(encodePayload(read)).toEqual(bytes)
    }), { numRuns: 500 })
  })

  it('cut anywhere, or made of any bytes, fails with an error code', () => {
    fc.assert(fc.property(payloads, fc.nat(), fc.uint8Array({ maxLength: 400 }), (payload, cut, noise) => {
      const bytes = encodePayload(payload)
      for (const bad of [bytes.subarray(0, cut % bytes.length), noise, pad(noise)]) {
        expect(() => decodePayload(bad)).toThrow(expect.objectContaining({ name: 'EvegramError' }))
      }
    }))
  })

  it('is refused above the limit, by writer and reader', () => {
    expect(() => encodePayload({ ...plain, body: zeros(LIMITS.payloadBytesMax) })).toThrow(expect.objectContaining({ code: 'too_large.payload' }))
    expect(() => decodePayload(zeros(LIMITS.payloadBytesMax + 1))).toThrow(expect.objectContaining({ code: 'too_large.payload' }))
  })

  it('names a recipient account and device together or neither', () => {
    const { recipientDevice: _left, ...half } = plain
    expect(() => encodePayload(half)).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
  })

  it('has epoch 0 for control traffic and only for it', () => {
    expect(() => encodePayload({ ...plain, epoch: 0 })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    expect(() => encodePayload({ ...plain, kind: 'receipt' })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
  })

  it('keeps kinds of newer versions with their number, and gives no known kind a second name', () => {
    expect(decodePayload(encodePayload({ ...plain, kind: 'unknown:77', epoch: 0 })).kind).toBe('unknown:77')
    for (const kind of ['unknown:1', 'unknown:0', 'unknown:65536', 'unknown:07', 'unknown:1.5', 'unknown:-3'] as const) {
      expect(() => encodePayload({ ...plain, kind })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    }
    expect(isNumberedKind('unknown:77')).toBeUndefined()
    expect(Object.keys(PAYLOAD_KIND).map((kind) => [kind, isNumberedKind(kind as keyof typeof PAYLOAD_KIND)])).toEqual([
      ['text', true], ['void', true], ['receipt', false], ['resend_request', false], ['resend', false], ['revocation', false],
      ['sender_key', false], ['group_name', false], ['payment', true], ['payment_request', true],
      ['reaction', true], ['edit', true], ['delete', true], ['timer', true], ['files', true], ['history_request', false], ['history_offer', false], ['state', true],
    ])
  })

  it('hides the length of short texts: every text up to 60 bytes gives one length', () => {
    const lengths = Array.from({ length: 61 }, (_, length) => encodePayload({ ...plain, body: encodePayloadBody({ kind: 'text', body: { text: 'x'.repeat(length) } }) }).length)
    expect(new Set(lengths).size).toBeLessThanOrEqual(2)
  })
})

describe('a payload body', () => {
  const texts = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((text) => !/\p{Surrogate}/u.test(text))
  const place = fc.record({ device, epoch: uint32, number: uint53 })
  const missing = fc.record({ device, epoch: uint32, from: fc.integer({ min: 1, max: 1_000 }), more: fc.nat(1_000) }).map(({ more, ...from }) => ({ ...from, to: from.from + more }))
  const target = fc.record({ device, epoch: fc.integer({ min: 1, max: 0xffffffff }), number: fc.integer({ min: 1 }) })
  const clientId = fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/)
  const money = { asset: fc.constantFrom('solana/sol', 'terra/ibc/27394FB092'), amount: fc.bigInt({ min: 1n, max: 10n ** 38n - 1n }).map(String), note: texts }
  const contents = fc.oneof(
    fc.record({ text: texts, reply: target, expiresIn: fc.integer({ min: 1, max: LIMITS.disappearSecondsMax }) }, { requiredKeys: ['text'] })
      .map((body) => ({ kind: 'text' as const, body })),
    fc.record({ target, emoji: fc.constantFrom('', '👍', '👩🏽‍🚀', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🇪🇸', '1️⃣', '❤️') }).map((body) => ({ kind: 'reaction' as const, body })),
    fc.record({ target, text: texts.filter((text) => text !== '') }).map((body) => ({ kind: 'edit' as const, body })),
    fc.record({ target }).map((body) => ({ kind: 'delete' as const, body })),
    fc.record({ seconds: fc.integer({ min: 0, max: LIMITS.disappearSecondsMax }) }).map((body) => ({ kind: 'timer' as const, body })),
    fc.constant({ kind: 'void' as const, body: {} }),
    fc.record({ kind: fc.constantFrom('received' as const, 'read' as const), upTo: fc.array(place, { maxLength: 5 }), missing: fc.array(missing, { minLength: 1, maxLength: 5 }) }, { requiredKeys: ['kind', 'upTo'] })
      .map((body) => ({ kind: 'receipt' as const, body })),
    fc.record({
      epoch: uint32, number: uint53, ciphertextHash: bytes32, nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      signature: fc.uint8Array({ minLength: 64, maxLength: 64 }), device,
    }, { requiredKeys: ['epoch', 'number', 'ciphertextHash', 'nonce', 'signature'] }).map((body) => ({ kind: 'resend_request' as const, body })),
    fc.uint8Array({ maxLength: 300 }).map((payload) => ({ kind: 'resend' as const, body: { payload } })),
    fc.record({ account, device, seq: uint32, head: bytes32 }).map((body) => ({ kind: 'revocation' as const, body })),
    fc.record({ distribution: fc.uint8Array({ maxLength: 256 }), start: fc.record({ number: fc.integer({ min: 1 }), prev: bytes32 }) })
      .map((body) => ({ kind: 'sender_key' as const, body })),
    fc.string({ maxLength: 40 }).map((name) => ({ kind: 'group_name' as const, body: { name } })),
    fc.record({ transfer: clientId, ...money, request: clientId }, { requiredKeys: ['transfer', 'asset', 'amount', 'note'] }).map((body) => ({ kind: 'payment' as const, body })),
    fc.record({
      request: clientId, ...money, expiresAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }), deposit: fc.record({ address: clientId, memo: fc.constantFrom('', 'evg1abc') }),
    }, { requiredKeys: ['request', 'asset', 'amount', 'note', 'expiresAtMs'] }).map((body) => ({ kind: 'payment_request' as const, body })),
  )

  it('of every kind comes back as it was', () => {
    fc.assert(fc.property(contents, (content) => {
      const bytes = encodePayloadBody(content)
      expect(decodePayloadBody(content.kind, bytes)).toEqual(content)
    }))
  })

  it('of any other bytes fails with an error code, or has exactly these bytes', () => {
    fc.assert(fc.property(contents, fc.nat(), fc.integer({ min: 1, max: 255 }), (content, at, flip) => {
      const bytes = encodePayloadBody(content)
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      let read: ReturnType<typeof decodePayloadBody> | undefined
      try {
        read = decodePayloadBody(content.kind, bytes)
      } catch (cause) {
        expect(isEvegramError(cause)).toBe(true)
      }
      if (read !== undefined) expect(encodePayloadBody(read)).toEqual(bytes)
    }), { numRuns: 500 })
  })

  it('carries a text as it is: emoji, zero bytes and a leading byte order mark', () => {
    for (const text of ['\ufeffmark', 'null \u0000 inside', '👩🏽‍🚀', 'né', '']) {
      expect(decodePayloadBody('text', encodePayloadBody({ kind: 'text', body: { text } }))).toEqual({ kind: 'text', body: { text } })
    }
  })

  it('refuses half a surrogate pair and a text over the limit, counted in bytes', () => {
    expect(() => encodePayloadBody({ kind: 'text', body: { text: '\ud83d' } })).toThrow(expect.objectContaining({ code: 'invalid.utf8' }))
    const largest = 'é'.repeat(LIMITS.textBytesMax / 2)
    expect(encodePayloadBody({ kind: 'text', body: { text: largest } }).length).toBeGreaterThan(LIMITS.textBytesMax)
    expect(() => encodePayloadBody({ kind: 'text', body: { text: `${largest}x` } })).toThrow(expect.objectContaining({ code: 'too_large.payload' }))
  })

  it('refuses unknown fields and receipts of another kind', () => {
    expect(() => decodePayloadBody('void', encodeCbor({ extra: 1 }))).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    expect(() => decodePayloadBody('receipt', encodeCbor({ kind: 'seen', upTo: [] }))).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    const chain = { device: new Uint8Array(16), epoch: 1 }
    for (const missing of [[], [{ ...chain, from: 0, to: 1 }], [{ ...chain, from: 3, to: 2 }], Array.from({ length: RECEIPT_MISSING_MAX + 1 }, (_, at) => ({ ...chain, from: at + 1, to: at + 1 }))]) {
      expect(() => decodePayloadBody('receipt', encodeCbor({ kind: 'read', upTo: [], missing }))).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    }
  })

  it('takes one emoji as a reaction, of whatever Unicode, and nothing else', () => {
    const aTarget = { device: targetDevice, epoch: 1, number: 1 }
    for (const emoji of ['', '👍', '👍🏿', '❤', '❤️', '👨‍👩‍👧‍👦', '👩🏽‍❤️‍💋‍👨🏻', '🏳️‍🌈', '🇺🇦', '#️⃣', '\u{1faf9}', '\u{1fadf}']) {
      expect(decodePayloadBody('reaction', encodePayloadBody({ kind: 'reaction', body: { target: aTarget, emoji } })).body.emoji).toBe(emoji)
    }
    for (const emoji of ['a', '1', '👍👍', '👍 ', '🇺', '🏽', '\u200d', '👍\u200d', '❤️️', `👨${'\u200d👨'.repeat(9)}`, '<b>', '\u202e👍']) {
      expect(() => encodePayloadBody({ kind: 'reaction', body: { target: aTarget, emoji } }), emoji).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    }
  })

  it('refuses a target that is no numbered message, an empty edit, and times that are none', () => {
    const good = { device: targetDevice, epoch: 1, number: 1 }
    for (const target of [{ ...good, epoch: 0 }, { ...good, number: 0 }]) {
      expect(() => encodePayloadBody({ kind: 'delete', body: { target } })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
      expect(() => encodePayloadBody({ kind: 'text', body: { text: 'x', reply: target } })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    }
    expect(() => encodePayloadBody({ kind: 'edit', body: { target: good, text: '' } })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    for (const expiresIn of [0, LIMITS.disappearSecondsMax + 1]) {
      expect(() => encodePayloadBody({ kind: 'text', body: { text: 'x', expiresIn } })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
    }
    expect(() => encodePayloadBody({ kind: 'timer', body: { seconds: LIMITS.disappearSecondsMax + 1 } })).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
  })

  it('leaves room to send the largest text of a direct conversation again', () => {
    const original = encodePayload({ ...plain, body: encodePayloadBody({ kind: 'text', body: { text: 'x'.repeat(LIMITS.textBytesMax) } }) })
    const body = encodePayloadBody({ kind: 'resend', body: { payload: original } })
    expect(encodePayload({ ...plain, kind: 'resend', epoch: 0, body }).length).toBeLessThanOrEqual(LIMITS.payloadBytesMax)
  })
})
