import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, hexOf } from './bytes.js'
import { chainHash, chainStart, membershipHash, seenHeadsDigest, type ChainLink } from './chain.js'
import { parseAccountId, parseConversationId, parseDeviceId } from './ids.js'

const link: ChainLink = {
  conversation: parseConversationId('0102030405060708090a0b0c0d0e0f10'), device: parseDeviceId('1112131415161718191a1b1c1d1e1f20'),
  epoch: 3, number: 2 ** 40 + 5, salt: new Uint8Array(16).fill(9), body: new Uint8Array([0xa0]), prev: chainStart(),
}

function lp(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => [Buffer.from([part.length >>> 24, (part.length >>> 16) & 255, (part.length >>> 8) & 255, part.length & 255]), part]))
}
function hash(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

describe('chainHash', () => {
  it('is the documented hash, written a second time here', () => {
    const content = hash(lp(link.salt, link.body))
    const expected = hash(lp(
      Buffer.from('evegram/chain/v1'), bytesOfHex(link.conversation), bytesOfHex(link.device), Buffer.from('0000000000000003', 'hex'),
      Buffer.from('0000010000000005', 'hex'), content, link.prev,
    ))
    expect(hexOf(chainHash(link))).toBe(expected.toString('hex'))
  })

  it('changes with every field', () => {
    const others: readonly Partial<ChainLink>[] = [
      { conversation: parseConversationId('ff02030405060708090a0b0c0d0e0f10') }, { device: parseDeviceId('ff12131415161718191a1b1c1d1e1f20') },
      { epoch: 4 }, { number: 6 }, { salt: new Uint8Array(16) }, { body: new Uint8Array([0xa1]) }, { prev: new Uint8Array(32).fill(1) },
      // Bytes that move from one field to the next.
      { salt: new Uint8Array(15).fill(9), body: new Uint8Array([9, 0xa0]) },
    ]
    const hashes = new Set([link, ...others.map((other) => ({ ...link, ...other }))].map((each) => hexOf(chainHash(each))))
    expect(hashes.size).toBe(others.length + 1)
  })

  it('refuses numbers that would be cut', () => {
    for (const number of [-1, 1.5, 2 ** 53]) expect(() => chainHash({ ...link, number })).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})

describe('membershipHash', () => {
  const [one, two] = [parseAccountId('00000000000000000000000000000001'), parseAccountId('00000000000000000000000000000002')]

  it('does not depend on the order of the members', () => {
    expect(membershipHash([one, two])).toEqual(membershipHash([two, one]))
    expect(membershipHash([one])).not.toEqual(membershipHash([two]))
    expect(membershipHash([one])).not.toEqual(membershipHash([one, two]))
  })

  it('refuses a member named twice', () => {
    expect(() => membershipHash([one, one])).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})

describe('seenHeadsDigest', () => {
  const head = (device: number, epoch: number, number = 1): Parameters<typeof seenHeadsDigest>[0][number] => ({
    device: parseDeviceId(device.toString(16).padStart(32, '0')), epoch, number, hash: new Uint8Array(32).fill(device),
  })

  it('does not depend on the order of the heads', () => {
    fc.assert(fc.property(fc.shuffledSubarray([head(1, 1), head(1, 2), head(2, 1), head(255, 1)], { minLength: 4 }), (shuffled) => {
      expect(seenHeadsDigest(shuffled)).toEqual(seenHeadsDigest([head(1, 1), head(1, 2), head(2, 1), head(255, 1)]))
    }))
  })

  it('changes when one head goes on', () => {
    expect(seenHeadsDigest([head(1, 1, 1)])).not.toEqual(seenHeadsDigest([head(1, 1, 2)]))
    expect(seenHeadsDigest([])).not.toEqual(seenHeadsDigest([head(1, 1)]))
  })

  it('refuses a chain named twice', () => {
    expect(() => seenHeadsDigest([head(1, 1, 1), head(1, 1, 2)])).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})
