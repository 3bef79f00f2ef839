import fc from 'fast-check'
import { x25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, concatBytes } from '@evegram/protocol'
import { checkedPublicKey, checkedSharedSecret } from './public-key.js'
import { importLibrary } from './signal-library.js'

/** Every 32-byte string that X25519 takes for a point of low order (RFC 7748: the highest bit is ignored, values are reduced). */
const LOW_ORDER: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

function withHighBit(hex: string): string {
  return hex.slice(0, 62) + (Number.parseInt(hex.slice(62), 16) | 0x80).toString(16)
}

describe('checkedPublicKey', () => {
  it.each([...LOW_ORDER, ...LOW_ORDER.map(withHighBit)])('refuses the low-order point %s, bare and with its type byte', (hex) => {
    const bare = bytesOfHex(hex)
    expect(() => checkedPublicKey(bare)).toThrow(expect.objectContaining({ kind: 'low_order_key' }))
    expect(() => checkedPublicKey(concatBytes(new Uint8Array([5]), bare))).toThrow(expect.objectContaining({ kind: 'low_order_key' }))
  })

  it('refuses no more than needed: the points of the list give all-zero secrets in the bundled C code', async () => {
    const { curve } = await importLibrary()
    const privateKey = new Uint8Array(32).fill(0x48)
    for (const hex of LOW_ORDER) {
      const point = concatBytes(new Uint8Array([5]), bytesOfHex(hex)).buffer
      expect(new Uint8Array(curve.calculateAgreement(point, privateKey.slice().buffer))).toEqual(new Uint8Array(32))
    }
  })

  it('refuses a second spelling of a good key', () => {
    const key = x25519.getPublicKey(new Uint8Array(32).fill(9))
    expect(checkedPublicKey(key)).toEqual(key)
    const spelled = key.slice()
    spelled[31] = (spelled[31] ?? 0) | 0x80
    expect(() => checkedPublicKey(spelled)).toThrow(expect.objectContaining({ kind: 'malformed' }))
    // 2^255 - 19 + 9: the base point once more.
    const reduced = bytesOfHex('f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
    expect(() => checkedPublicKey(reduced)).toThrow(expect.objectContaining({ kind: 'malformed' }))
  })

  it('accepts every key that X25519 makes, and the largest coordinate', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const key = x25519.getPublicKey(seed)
        expect(checkedPublicKey(concatBytes(new Uint8Array([5]), key))).toEqual(key)
      }),
      { numRuns: 25 },
    )
    const largest = bytesOfHex('ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
    expect(checkedPublicKey(largest)).toEqual(largest)
  })

  it('refuses other lengths and types', () => {
    for (const length of [0, 31, 34]) expect(() => checkedPublicKey(new Uint8Array(length).fill(9))).toThrow(expect.objectContaining({ kind: 'malformed' }))
    expect(() => checkedPublicKey(new Uint8Array(33).fill(6))).toThrow(expect.objectContaining({ kind: 'malformed' }))
  })
})

describe('checkedSharedSecret', () => {
  it('refuses 32 zeros and other lengths, and nothing else', () => {
    expect(() => checkedSharedSecret(new Uint8Array(32))).toThrow(expect.objectContaining({ kind: 'low_order_key' }))
    expect(() => checkedSharedSecret(new Uint8Array(31).fill(1))).toThrow(expect.objectContaining({ kind: 'low_order_key' }))
    const secret = new Uint8Array(32)
    secret[31] = 1
    expect(checkedSharedSecret(secret)).toBe(secret)
  })
})
