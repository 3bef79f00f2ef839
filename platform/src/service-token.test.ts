import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { ManualClock } from './manual-clock.js'
import { ServiceTokens, ServiceVerifier } from './service-token.js'

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

function scene(): { clock: ManualClock; engine: ServiceTokens; auth: ServiceVerifier } {
  const clock = new ManualClock()
  const engine = new ServiceTokens({ name: 'engine', seed: seed(1), clock })
  const gateway = new ServiceTokens({ name: 'gateway', seed: seed(2), clock })
  const keys = new Map([['engine', engine.publicKey], ['gateway', gateway.publicKey]])
  return { clock, engine, auth: new ServiceVerifier({ name: 'auth', keys, clock }) }
}

describe('service tokens', () => {
  it('name the caller to the service that they were made for, and to no other', async () => {
    const { clock, engine, auth } = scene()
    const bearer = `Bearer ${await engine.tokenFor('auth')}`
    expect(await auth.callerOf(bearer, ['engine'])).toBe('engine')
    expect(await auth.callerOf(bearer, ['gateway', 'engine'])).toBe('engine')
    await expect(auth.callerOf(bearer, ['gateway'])).rejects.toMatchObject({ code: 'auth.service' })
    const wallet = new ServiceVerifier({ name: 'wallet', keys: new Map([['engine', engine.publicKey]]), clock })
    await expect(wallet.callerOf(bearer, ['engine'])).rejects.toMatchObject({ code: 'auth.service' })
  })

  it('are refused when they are missing, cut, or signed by another key under the same name', async () => {
    const { clock, engine, auth } = scene()
    const token = await engine.tokenFor('auth')
    const liar = new ServiceTokens({ name: 'engine', seed: seed(3), clock })
    const headers = [undefined, '', 'Bearer ', `DPoP ${token}`, `Bearer ${token.slice(0, -4)}`, `Bearer ${token}x`, `Bearer ${'a'.repeat(2_000)}`, `Bearer ${await liar.tokenFor('auth')}`]
    for (const header of headers) await expect(auth.callerOf(header, ['engine']), header).rejects.toMatchObject({ code: 'auth.service' })
  })

  it('live 60 s with a little leeway for clocks that differ, in both directions', async () => {
    const { clock, engine, auth } = scene()
    const bearer = `Bearer ${await engine.tokenFor('auth')}`
    clock.advance(63_000)
    expect(await auth.callerOf(bearer, ['engine'])).toBe('engine')
    clock.advance(4_000)
    await expect(auth.callerOf(bearer, ['engine'])).rejects.toMatchObject({ code: 'auth.service' })
    clock.stepWall(-67_000 - 4_000)
    expect(await auth.callerOf(bearer, ['engine'])).toBe('engine')
    clock.stepWall(-4_000)
    await expect(auth.callerOf(bearer, ['engine'])).rejects.toMatchObject({ code: 'auth.service' })
  })

  it('are refused when their signer gave them a longer life or another type', async () => {
    const { clock } = scene()
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const auth = new ServiceVerifier({ name: 'auth', keys: new Map([['engine', publicKey.export({ format: 'der', type: 'spki' }).subarray(12)]]), clock })
    const nowS = Math.floor(clock.now() / 1_000)
    const make = (typ: string, lifeS: number): Promise<string> => new SignJWT({}).setProtectedHeader({ alg: 'EdDSA', typ }).setIssuer('engine').setAudience('auth')
      .setIssuedAt(nowS).setExpirationTime(nowS + lifeS).sign(privateKey)
    expect(await auth.callerOf(`Bearer ${await make('evegram-service+jwt', 60)}`, ['engine'])).toBe('engine')
    await expect(auth.callerOf(`Bearer ${await make('evegram-service+jwt', 3_600)}`, ['engine'])).rejects.toMatchObject({ code: 'auth.service' })
    await expect(auth.callerOf(`Bearer ${await make('at+jwt', 60)}`, ['engine'])).rejects.toMatchObject({ code: 'auth.service' })
  })

  it('are reused, and renewed before they end or when the wall clock was set back', async () => {
    const { clock, engine } = scene()
    const first = await engine.tokenFor('auth')
    clock.advance(40_000)
    expect(await engine.tokenFor('auth')).toBe(first)
    clock.advance(6_000)
    const second = await engine.tokenFor('auth')
    expect(second).not.toBe(first)
    clock.stepWall(-100_000)
    expect(await engine.tokenFor('auth')).not.toBe(second)
  })

  it('want keys of 32 bytes', () => {
    const clock = new ManualClock()
    expect(() => new ServiceTokens({ name: 'engine', seed: new Uint8Array(31), clock })).toThrowError('invalid.config')
    expect(() => new ServiceVerifier({ name: 'auth', keys: new Map([['engine', new Uint8Array(33)]]), clock })).toThrowError('invalid.config')
  })
})
