import { describe, expect, it } from 'vitest'
import { paymentLink, type PaymentLinkTerms } from './payment-link.js'

const sol: PaymentLinkTerms = { address: '7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv', asset: 'solana/sol', amount: 1_500_000_000n, decimals: 9 }
const ton: PaymentLinkTerms = { address: 'UQABoqEggWlgEOYivlWoE90sXzI0ocjjgFPTCFgET-EO04dM', asset: 'ton/ton', amount: 2n, decimals: 9 }

describe('a payment link', () => {
  it('names the whole destination, and the amount in the unit of its standard', () => {
    expect(paymentLink(sol)).toBe('solana:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv?amount=1.5')
    expect(paymentLink(ton)).toBe('ton://transfer/UQABoqEggWlgEOYivlWoE90sXzI0ocjjgFPTCFgET-EO04dM?amount=2')
  })

  it('cannot be made to carry another field than its own: what people write is encoded', () => {
    const memo = 'a&amount=9&bin=AA#x?init=B'
    for (const terms of [sol, ton]) {
      const link = new URL(paymentLink({ ...terms, memo }) ?? '')
      expect([...link.searchParams.keys()]).toEqual(['amount', terms === sol ? 'memo' : 'text'])
      expect([...link.searchParams.values()][1]).toBe(memo)
      expect(link.hash).toBe('')
    }
  })

  it('is not made for an address of another chain, a typo, or a memo that does not show what it is', () => {
    const invalid: unknown = expect.objectContaining({ code: 'invalid.address' })
    expect(() => paymentLink({ ...sol, address: ton.address })).toThrow(invalid)
    expect(() => paymentLink({ ...ton, address: sol.address })).toThrow(invalid)
    expect(() => paymentLink({ ...ton, address: ton.address.replace('O04dM', 'O04dN') })).toThrow(invalid)
    expect(() => paymentLink({ ...sol, asset: `solana/${ton.address}` })).toThrow(invalid)
    for (const change of [{ memo: '\u202eevil' }, { memo: 'x'.repeat(65) }, { memo: 'a\nb' }, { amount: 0n }, { amount: -1n }, { reference: 'short' }]) {
      expect(() => paymentLink({ ...sol, ...change })).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
    }
  })
})
