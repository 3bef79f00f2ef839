import { describe, expect, it } from 'vitest'
import { hexOf, utf8 } from '../bytes.js'
import { withdrawalBodyHash, type WithdrawalTerms } from './withdrawal.js'

const terms: WithdrawalTerms = { id: 'w-1', chain: 'solana', asset: 'solana/sol', amount: '1000000', to: '4Nd1mYQz', memo: utf8('rent') }

describe('the hash of a withdrawal', () => {
  it('is fixed by every field', () => {
    const others: readonly WithdrawalTerms[] = [
      { ...terms, id: 'w-2' }, { ...terms, chain: 'ton' }, { ...terms, asset: 'solana/usdc' }, { ...terms, amount: '10000000' }, { ...terms, to: '4Nd1mYQy' },
      { ...terms, memo: utf8('rent ') }, { ...terms, memo: new Uint8Array() }, { ...terms, memo: undefined },
    ]
    const hashes = [terms, ...others].map((one) => hexOf(withdrawalBodyHash(one)))
    expect(new Set(hashes).size).toBe(others.length + 1)
    expect(hexOf(withdrawalBodyHash({ ...terms }))).toBe(hashes[0])
  })

  it('has the bytes that a client in another language makes', () => {
    // SHA-256 of CBOR {"v":1,"id":"w-1","to":"4Nd1mYQz","memo":h'72656e74',"asset":"solana/sol","chain":"solana","amount":"1000000"}.
    expect(hexOf(withdrawalBodyHash(terms))).toBe('c3d0099bde0346a4cb8083de072df5825609ad7fc143b69529f6f09d1c288c6e')
  })
})
