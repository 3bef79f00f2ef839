import { describe, expect, it } from 'vitest'
import { encodeCbor, type CborValue } from './cbor.js'
import { isEvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import { decodePayloadBody } from './payload-body.js'
import { paymentTransferId } from './payment-body.js'

const payment: Readonly<Record<string, CborValue>> = { transfer: 'lunch-1', asset: 'solana/sol', amount: '1500000000', note: 'lunch' }
const request: Readonly<Record<string, CborValue>> = { request: 'rent-11', asset: 'ton/ton', amount: '1', note: '', expiresAtMs: 1, address: 'UQAB', memo: 'evg1' }

function codeOf(kind: 'payment' | 'payment_request', fields: Readonly<Record<string, CborValue | undefined>>): string {
  const present = Object.entries(fields).filter((entry): entry is [string, CborValue] => entry[1] !== undefined)
  try {
    decodePayloadBody(kind, encodeCbor(Object.fromEntries(present)))
    return 'accepted'
  } catch (error) {
    return isEvegramError(error) ? error.code : 'thrown'
  }
}

/** What each field of both bodies must not be. */
const MONEY: readonly Readonly<Record<string, CborValue | undefined>>[] = [
  { asset: 'sol' }, { asset: 'SOLANA/sol' }, { asset: 'solana/' }, { asset: 'solana/so l' }, { asset: `solana/${'a'.repeat(129)}` },
  { amount: '0' }, { amount: '01' }, { amount: '-1' }, { amount: '1.5' }, { amount: '1e3' }, { amount: '' }, { amount: 1 }, { amount: '9'.repeat(39) }, { amount: '１' },
  { note: 7 }, { extra: 'field' }, { asset: undefined }, { amount: undefined }, { note: undefined },
]

describe('the body of a payment', () => {
  it('is refused for any field that is not what it should be', () => {
    expect([codeOf('payment', payment), codeOf('payment', { ...payment, request: 'rent-11' })]).toEqual(['accepted', 'accepted'])
    const wrong = [...MONEY, { transfer: '' }, { transfer: 'u:1:2' }, { transfer: 'a'.repeat(65) }, { transfer: 'a\u202eb' }, { transfer: undefined }, { request: '' }, { request: 'a b' }]
    for (const change of wrong) expect([change, codeOf('payment', { ...payment, ...change })]).toEqual([change, 'invalid.payload'])
  })

  it('has a note of bounded length, counted in bytes', () => {
    expect(codeOf('payment', { ...payment, note: 'é'.repeat(LIMITS.paymentNoteBytesMax / 2) })).toBe('accepted')
    expect(codeOf('payment', { ...payment, note: `${'é'.repeat(LIMITS.paymentNoteBytesMax / 2)}x` })).toBe('too_large.payload')
  })

  it('names a transfer of its sender and can name no other', () => {
    expect(paymentTransferId('0a'.repeat(16), 'lunch-1')).toBe(`u:${'0a'.repeat(16)}:lunch-1`)
  })
})

describe('the body of a payment request', () => {
  it('is refused for any field that is not what it should be', () => {
    expect([codeOf('payment_request', request), codeOf('payment_request', { ...request, address: undefined, memo: undefined })]).toEqual(['accepted', 'accepted'])
    const wrong = [
      ...MONEY, { request: undefined }, { request: 'u:1' }, { expiresAtMs: -1 }, { expiresAtMs: 2 ** 48 }, { expiresAtMs: '1' }, { expiresAtMs: undefined },
      { address: undefined }, { memo: undefined }, { address: '' }, { address: 'UQ AB' }, { address: '\u202eUQ' }, { address: 'U'.repeat(129) }, { memo: 'a\nb' }, { memo: 'm'.repeat(65) },
    ]
    for (const change of wrong) expect([change, codeOf('payment_request', { ...request, ...change })]).toEqual([change, 'invalid.payload'])
  })
})
