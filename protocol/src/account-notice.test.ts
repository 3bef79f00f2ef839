import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { primitives } from '../vectors/actors.js'
import { NOTICE_KEY, noticeDraft, signedNotice } from '../vectors/notice-actor.js'
import { ACCOUNT_NOTICE_KINDS, decodeAccountNotice, encodeAccountNotice, noticeEnvelope, openNotice, type AccountNoticeDraft, type AccountNoticeKind } from './account-notice.js'
import { decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { BODY_TYPE, decodeEnvelope, encodeEnvelope, ENVELOPE_KIND, viewEnvelope, type Envelope } from './envelope.js'
import { groupConversationIdOf, messageIdOf, noticesConversationIdOf, parseAccountId, parseDeviceId } from './ids.js'
import { LIMITS } from './limits.js'

const { account } = noticeDraft()
const other = parseAccountId('b2'.repeat(16))
const reader = { account, keys: [NOTICE_KEY], primitives }
const bytes = signedNotice(noticeDraft())
const envelope = noticeEnvelope(bytes)
const bodyOf = ({ bodies }: Envelope): Uint8Array => bodies[0]?.bytes ?? new Uint8Array(0)

describe('a notice', () => {
  it('is read as it was written, of every kind', () => {
    for (const kind of Object.keys(ACCOUNT_NOTICE_KINDS) as AccountNoticeKind[]) {
      const { transaction: _transaction, ...draft } = noticeDraft({ kind, amount: '9'.repeat(38), number: Number.MAX_SAFE_INTEGER })
      expect(decodeAccountNotice(signedNotice(draft))).toMatchObject(draft)
    }
    expect(decodeAccountNotice(bytes)).toMatchObject(noticeDraft())
  })

  it.each<readonly [string, Partial<Record<keyof AccountNoticeDraft, CborValue>>]>([
    ['another version', { v: 2 }], ['number 0', { number: 0 }], ['an unknown kind', { kind: 'you_won' }], ['an inherited name as kind', { kind: 'toString' }],
    ['an amount of 0', { amount: '0' }], ['an amount with a sign', { amount: '-1' }], ['39 digits', { amount: '1'.repeat(39) }], ['an asset without a chain', { asset: 'sol' }],
    ['a transfer with a line break', { transfer: 'd:x\ny' }], ['text that turns', { transaction: 'a\u202eb' }], ['an empty transaction', { transaction: '' }],
    ['a time past 2^48', { atMs: 2 ** 48 }], ['a short source', { source: new Uint8Array(15) }],
  ])('with %s is refused', (_what, change) => {
    const map = decodeCbor(bytes, LIMITS.noticeBytesMax) as Readonly<Record<string, CborValue>>
    expect(() => decodeAccountNotice(encodeCbor({ ...map, ...change }))).toThrow(expect.objectContaining({ code: 'invalid.notice' }))
  })

  it('with a field more, or larger than any honest one, is refused', () => {
    const map = decodeCbor(bytes, LIMITS.noticeBytesMax) as Readonly<Record<string, CborValue>>
    expect(() => decodeAccountNotice(encodeCbor({ ...map, memo: 'rent' }))).toThrow(expect.objectContaining({ code: 'invalid.notice' }))
    expect(() => decodeAccountNotice(new Uint8Array(LIMITS.noticeBytesMax + 1))).toThrow(expect.objectContaining({ code: 'invalid.notice' }))
    const longest = noticeDraft({ transfer: 't'.repeat(200), transaction: 't'.repeat(200), asset: `${'c'.repeat(16)}/${'t'.repeat(128)}`, amount: '9'.repeat(38), number: Number.MAX_SAFE_INTEGER })
    expect(encodeAccountNotice(decodeAccountNotice(signedNotice(longest))).length).toBeLessThanOrEqual(LIMITS.noticeBytesMax)
  })

  it('gives one envelope, in the conversation of its account, whoever signed it', () => {
    expect(envelope).toMatchObject({ kind: ENVELOPE_KIND.notice, conversation: noticesConversationIdOf(account), account, number: 7, order: BigInt(noticeDraft().atMs) << 16n })
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope)
    expect(messageIdOf(noticeEnvelope(signedNotice(noticeDraft(), 'the next key')))).toBe(messageIdOf(envelope))
    for (const change of [{ number: 8 }, { account: other }, { source: '5f'.repeat(16) }]) expect(messageIdOf(noticeEnvelope(signedNotice(noticeDraft(change))))).not.toBe(messageIdOf(envelope))
  })

  it('lies in a conversation that is no other kind of conversation', () => {
    expect(noticesConversationIdOf(account)).not.toBe(noticesConversationIdOf(other))
    expect(noticesConversationIdOf(account)).not.toBe(groupConversationIdOf(account, parseDeviceId(account), new Uint8Array(16)))
  })
})

describe('opening a notice', () => {
  it('gives it to its account', () => {
    expect(openNotice(envelope, bytes, reader)).toMatchObject({ status: 'opened', notice: { amount: '1500000000' } })
    expect(openNotice(envelope, bytes, { ...reader, keys: [parseKey('other'), NOTICE_KEY] }).status).toBe('opened')
  })

  it.each<readonly [string, Envelope, string]>([
    ['another key', noticeEnvelope(signedNotice(noticeDraft(), 'mallory')), 'signature'],
    ['the notice of somebody else', noticeEnvelope(signedNotice(noticeDraft({ account: other }))), 'account'],
    ['the notice of somebody else in the own conversation', { ...envelope, bodies: noticeEnvelope(signedNotice(noticeDraft({ account: other }))).bodies }, 'account'],
    ['another number', { ...envelope, number: 8 }, 'header'],
    ['another epoch', { ...envelope, epoch: 2 }, 'header'],
    ['another place in the order', { ...envelope, order: envelope.order + 1n }, 'header'],
    ['another source', { ...envelope, device: parseDeviceId('dd'.repeat(16)) }, 'header'],
    ['another conversation', { ...envelope, conversation: noticesConversationIdOf(other) }, 'header'],
    ['another membership', { ...envelope, membershipVersion: 1 }, 'header'],
    ['the kind of a message', { ...envelope, kind: ENVELOPE_KIND.message }, 'header'],
    ['no notice at all', { ...envelope, bodies: [{ ...envelope.bodies[0] as Envelope['bodies'][number], bytes: Uint8Array.of(1, 2) }] }, 'bytes'],
  ])('refuses %s', (_what, forged, check) => {
    expect(openNotice(forged, bodyOf(forged), reader)).toEqual({ status: 'refused', check })
  })

  it('refuses a notice of which one bit was changed, and throws at nothing', () => {
    fc.assert(fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
      const changed = bytes.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(openNotice(envelope, changed, reader).status).toBe('refused')
    }))
    expect(openNotice(envelope, bytes, { ...reader, keys: [] })).toEqual({ status: 'refused', check: 'signature' })
    expect(openNotice(envelope, bytes, { ...reader, keys: [new Uint8Array(3)] })).toEqual({ status: 'refused', check: 'signature' })
  })
})

describe('an envelope', () => {
  const [body] = envelope.bodies
  if (body === undefined) throw new Error('a notice has a body')
  it.each<readonly [string, Envelope]>([
    ['a notice for one device', { ...envelope, bodies: [{ ...body, device: parseDeviceId('04'.repeat(16)) }] }],
    ['a message in the clothes of a notice', { ...envelope, bodies: [{ ...body, type: BODY_TYPE.senderKey }] }],
    ['a notice inside a message', { ...envelope, kind: ENVELOPE_KIND.message }],
    ['a notice of epoch 0', { ...envelope, epoch: 0 }],
  ])('is not %s', (_what, wrong) => {
    expect(() => encodeEnvelope(wrong)).toThrow(expect.objectContaining({ code: 'invalid.envelope' }))
  })

  it('of a notice may come without its body, as every slice may', () => {
    expect(viewEnvelope(encodeEnvelope({ ...envelope, bodies: [] })).bodies).toEqual([])
  })
})

function parseKey(name: string): Uint8Array {
  return new Uint8Array(32).fill(name.length)
}
