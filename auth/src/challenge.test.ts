import { LIMITS, parseDeviceId, type Random } from '@evegram/protocol'
import { ManualClock, systemRandom } from '@evegram/platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base62Length, base62Of, bytesOfBase62 } from './base62.js'
import { Challenges, nonceKey } from './challenge.js'

const phone = parseDeviceId('aa'.repeat(16))
const laptop = parseDeviceId('bb'.repeat(16))

function challenges(secretByte = 1, clock = new ManualClock(), random: Random = systemRandom()): Challenges {
  return new Challenges({ secret: new Uint8Array(32).fill(secretByte), clock, random })
}

describe('Challenges', () => {
  it('issues nonces of 22 to 64 alphanumerics that live ten minutes', () => {
    const clock = new ManualClock()
    const issued = challenges(1, clock).issue('add-device', phone)
    expect(issued.nonce).toMatch(/^[0-9A-Za-z]{46}$/)
    expect([issued.issuedAtMs, issued.expirationTimeMs]).toEqual([clock.now(), clock.now() + 600_000])
  })

  it('accepts its own nonce until its end and not a millisecond longer', () => {
    const clock = new ManualClock()
    const ours = challenges(1, clock)
    const { nonce, expirationTimeMs } = ours.issue('session', phone)
    expect(ours.check(nonce, 'session', phone)).toEqual({ status: 'valid', use: { key: nonceKey(nonce), expiresAtMs: expirationTimeMs } })
    clock.advance(LIMITS.challengeMs - 1)
    expect(ours.check(nonce, 'session', phone).status).toBe('valid')
    clock.advance(1)
    expect(ours.check(nonce, 'session', phone)).toEqual({ status: 'refused', code: 'proof.expired' })
  })

  it('binds a nonce to purpose, device and server', () => {
    const { nonce } = challenges().issue('add-device', phone)
    const refused = { status: 'refused', code: 'proof.nonce' }
    expect(challenges().check(nonce, 'add-device', phone).status).toBe('valid')
    expect(challenges().check(nonce, 'revoke-device', phone)).toEqual(refused)
    expect(challenges().check(nonce, 'add-device', laptop)).toEqual(refused)
    expect(challenges(2).check(nonce, 'add-device', phone)).toEqual(refused)
  })

  it('refuses every change of a single character, and never throws', () => {
    const ours = challenges()
    const { nonce } = ours.issue('add-device', phone)
    for (let index = 0; index < nonce.length; index++) {
      const changed = `${nonce.slice(0, index)}${nonce[index] === 'a' ? 'b' : 'a'}${nonce.slice(index + 1)}`
      expect(ours.check(changed, 'add-device', phone).status).toBe('refused')
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (text) => { expect(ours.check(text, 'add-device', phone).status).toBe('refused') })
    )
  })
})

describe('base62', () => {
  it('writes bytes in one form of a fixed length and reads only that', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      const text = base62Of(bytes)
      expect(text).toHaveLength(base62Length(bytes.length))
      expect(bytesOfBase62(text, bytes.length)).toEqual(bytes)
    }))
    expect(bytesOfBase62('z'.repeat(base62Length(34)), 34)).toBeUndefined()
    expect(bytesOfBase62(`${base62Of(new Uint8Array(34)).slice(1)}-`, 34)).toBeUndefined()
  })
})
