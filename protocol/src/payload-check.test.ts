import { describe, expect, it } from 'vitest'
import { ENVELOPE_KIND, type EnvelopeHeader } from './envelope.js'
import { messageIdOf, parseAccountId, parseConversationId, parseDeviceId } from './ids.js'
import type { Payload } from './payload.js'
import { resendRequestBytes } from './payload-body-resend.js'
import { checkPayload, type PayloadReceiver } from './payload-check.js'

const id = (byte: string): string => byte.repeat(16)
const [alice, bob, eve] = [parseAccountId(id('0a')), parseAccountId(id('0b')), parseAccountId(id('0e'))]
const [phone, laptop, other] = [parseDeviceId(id('1a')), parseDeviceId(id('1b')), parseDeviceId(id('1e'))]
const members = new Uint8Array(32).fill(5)

const envelope: EnvelopeHeader = {
  kind: ENVELOPE_KIND.message, conversation: parseConversationId(id('cc')), device: phone, account: alice, epoch: 2, number: 9, order: 77n, membershipVersion: 1,
}
const payload: Payload = {
  v: 1, kind: 'text', conversation: envelope.conversation, senderAccount: alice, senderDevice: phone, recipientAccount: bob, recipientDevice: laptop,
  membershipHash: members, accountHeads: [], epoch: 2, number: 9, prev: new Uint8Array(32).fill(1), order: 77n, sentAtMs: 1, salt: new Uint8Array(16),
  body: new Uint8Array(), seenHeads: new Uint8Array(32),
}
const sender = { account: alice, device: phone }
const me: PayloadReceiver = { account: bob, device: laptop, session: 'pairwise', membershipHash: members }
const control = { ...envelope, kind: ENVELOPE_KIND.control, epoch: 0 }
const receipt: Payload = { ...payload, kind: 'receipt', epoch: 0, prev: new Uint8Array(32) }

describe('checkPayload', () => {
  it('accepts a payload that says what envelope, session and receiver say', () => {
    expect(checkPayload(payload, envelope, sender, me)).toEqual({ status: 'ok' })
    expect(checkPayload(receipt, control, sender, me)).toEqual({ status: 'ok' })
    const { recipientAccount: _account, recipientDevice: _device, ...forAll } = payload
    expect(checkPayload(forAll, envelope, sender, { ...me, session: 'sender_key' })).toEqual({ status: 'ok' })
  })

  it('names the field in which the payload contradicts the envelope', () => {
    const changes: readonly (readonly [string, Partial<EnvelopeHeader>])[] = [
      ['conversation', { conversation: parseConversationId(id('cd')) }], ['senderAccount', { account: eve }], ['senderDevice', { device: other }],
      ['epoch', { epoch: 3 }], ['number', { number: 10 }], ['order', { order: 78n }], ['kind', { kind: ENVELOPE_KIND.control, epoch: 0 }],
    ]
    for (const [mismatch, change] of changes) expect(checkPayload(payload, { ...envelope, ...change }, sender, me)).toEqual({ status: 'mismatch', mismatch })
  })

  it('names the sender when the session belongs to another device or account', () => {
    expect(checkPayload(payload, envelope, { account: eve, device: phone }, me)).toMatchObject({ mismatch: 'senderAccount' })
    expect(checkPayload(payload, envelope, { account: alice, device: other }, me)).toMatchObject({ mismatch: 'senderDevice' })
  })

  it('names the recipient when the payload was meant for another device, or for none in a pairwise session', () => {
    expect(checkPayload(payload, envelope, sender, { ...me, account: eve })).toMatchObject({ mismatch: 'recipientAccount' })
    expect(checkPayload(payload, envelope, sender, { ...me, device: other })).toMatchObject({ mismatch: 'recipientDevice' })
    const { recipientAccount: _account, recipientDevice: _device, ...forAll } = payload
    expect(checkPayload(forAll, envelope, sender, me)).toMatchObject({ mismatch: 'recipientAccount' })
    expect(checkPayload(payload, envelope, sender, { ...me, session: 'sender_key' })).toMatchObject({ mismatch: 'recipientAccount' })
  })

  it('names the membership when the sender encrypted for others than the envelope says', () => {
    expect(checkPayload(payload, envelope, sender, { ...me, membershipHash: new Uint8Array(32) })).toMatchObject({ mismatch: 'membershipHash' })
  })

  it('refuses a numbered kind in control traffic, control in a numbered message, and a place in the chain for control', () => {
    expect(checkPayload({ ...payload, epoch: 0 }, control, sender, me)).toMatchObject({ mismatch: 'kind' })
    expect(checkPayload({ ...receipt, epoch: 2 }, envelope, sender, me)).toMatchObject({ mismatch: 'kind' })
    expect(checkPayload({ ...receipt, prev: new Uint8Array(32).fill(1) }, control, sender, me)).toMatchObject({ mismatch: 'prev' })
  })

  it('lets kinds of newer versions be either', () => {
    expect(checkPayload({ ...payload, kind: 'unknown:9' }, envelope, sender, me)).toEqual({ status: 'ok' })
    expect(checkPayload({ ...receipt, kind: 'unknown:9' }, control, sender, me)).toEqual({ status: 'ok' })
  })
})

describe('resendRequestBytes', () => {
  it('differs for every field', () => {
    const request = {
      conversation: envelope.conversation, message: messageIdOf(envelope), ciphertextHash: new Uint8Array(32), nonce: new Uint8Array(16), account: bob, device: laptop,
    }
    const variants = [
      request, { ...request, conversation: parseConversationId(id('cd')) }, { ...request, message: messageIdOf({ ...envelope, number: 10 }) },
      { ...request, ciphertextHash: new Uint8Array(32).fill(1) }, { ...request, nonce: new Uint8Array(16).fill(1) }, { ...request, account: eve },
      { ...request, device: other },
    ]
    expect(new Set(variants.map((variant) => Buffer.from(resendRequestBytes(variant)).toString('hex'))).size).toBe(variants.length)
  })
})
