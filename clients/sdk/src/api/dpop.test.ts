import { ed25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { decodeTokens, encodeTokens } from './device-session.js'
import { jwkThumbprint } from './dpop.js'

describe('jwk thumbprint', () => {
  it('is the one of RFC 8037 appendix A.3', () => {
    const seed = Buffer.from('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', 'base64url')
    expect(jwkThumbprint(ed25519.getPublicKey(seed))).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  })
})

describe('stored tokens', () => {
  it('come back as they were, and nothing else is taken for them', () => {
    const tokens = { accessToken: 'a', accessTokenExpiresAtMs: 1, refreshToken: 'r', refreshTokenExpiresAtMs: 2 }
    expect(decodeTokens(encodeTokens(tokens))).toEqual(tokens)
    expect(() => decodeTokens(new Uint8Array(3))).toThrow(expect.objectContaining({ code: 'client.store' }) as Error)
  })
})
