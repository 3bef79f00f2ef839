import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAccountId, parseDeviceId, type WalletId } from '@evegram/protocol'
import { numericFingerprint, safetyNumber, safetySetHash, type SafetyParty } from './safety-number.js'
import { importLibrary } from './signal-library.js'

const device = (digit: string) => parseDeviceId(digit.repeat(32))
const alice: SafetyParty = {
  account: parseAccountId('a'.repeat(32)),
  wallets: ['solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:alice', 'ton:-239:UQalice'] as WalletId[],
  devices: [device('1'), device('2')],
}
const bob: SafetyParty = { account: parseAccountId('b'.repeat(32)), wallets: ['cosmos:columbus-5:terra1bob' as WalletId], devices: [device('3')] }

describe('safetyNumber', () => {
  it('is 60 digits and the same on both sides, in whatever order the lists come', () => {
    const number = safetyNumber(alice, bob)
    expect(number).toMatch(/^\d{60}$/)
    const shuffled = { ...alice, wallets: [...alice.wallets].reverse(), devices: [...alice.devices].reverse() }
    expect(safetyNumber(bob, shuffled)).toBe(number)
  })

  it('is pinned: these bytes are protocol', () => {
    expect(Buffer.from(safetySetHash(bob)).toString('hex')).toMatchInlineSnapshot(`"aabd988ef3f927113870e0714340f60ad711b4867bdffd1bb2a08f0996178b14"`)
    expect(safetyNumber(alice, bob)).toMatchInlineSnapshot(`"300064785630742759011712197858900644260727722235678255580421"`)
  })

  it('changes with every wallet, device and account', () => {
    const number = safetyNumber(alice, bob)
    expect(safetyNumber({ ...alice, devices: [device('1')] }, bob)).not.toBe(number)
    expect(safetyNumber({ ...alice, devices: [...alice.devices, device('4')] }, bob)).not.toBe(number)
    expect(safetyNumber({ ...alice, wallets: alice.wallets.slice(0, 1) }, bob)).not.toBe(number)
    expect(safetyNumber({ ...alice, account: parseAccountId('c'.repeat(32)) }, bob)).not.toBe(number)
  })

  it('gives different sets different hashes, also when their texts join to the same', () => {
    const set = (wallets: string[]): string => Buffer.from(safetySetHash({ ...bob, wallets: wallets as WalletId[] })).toString('hex')
    expect(set(['ab', 'c'])).not.toBe(set(['a', 'bc']))
    expect(set(['abc'])).not.toBe(set(['ab', 'c']))
    expect(() => set(['a', 'a'])).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})

describe('numericFingerprint', () => {
  it("equals the library's own generator", async () => {
    const { FingerprintGenerator } = await importLibrary()
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 33 }), fc.uint8Array({ minLength: 32, maxLength: 33 })),
        fc.tuple(fc.stringMatching(/^[0-9a-f]{32}$/), fc.stringMatching(/^\+\d{3,12}$/)),
        fc.integer({ min: 1, max: 40 }),
        async ([one, other], [oneId, otherId], iterations) => {
          const expected = await new FingerprintGenerator(iterations).createFor(oneId, one.slice().buffer, otherId, other.slice().buffer)
          expect(numericFingerprint({ identifier: oneId, key: one }, { identifier: otherId, key: other }, iterations)).toBe(expected)
        },
      ),
      { numRuns: 15 },
    )
  })
})
