import { accountIdOf, EvegramError, utf8 } from '@evegram/protocol'
import { ManualClock, systemRandom } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { AccessTokens } from './access-token.js'
import type { SecretStore } from './ports/secret-store.js'
import { SIGNING_KEY_OVERLAP_MS, SIGNING_KEY_ROTATION_MS, SigningKeys } from './signing-keys.js'
import { TestDevice, TestWallet } from './testing/actors.js'

function memorySecrets(): SecretStore & { readonly values: Map<string, Uint8Array> } {
  const values = new Map<string, Uint8Array>()
  return {
    values,
    read: (name) => Promise.resolve(values.get(name)),
    write: (name, secret) => {
      values.set(name, secret)
      return Promise.resolve()
    },
  }
}

async function open(store: SecretStore, clock: ManualClock): Promise<SigningKeys> {
  const keys = new SigningKeys({ store, clock, random: systemRandom() })
  await keys.refresh()
  return keys
}

const claims = { account: accountIdOf(new TestWallet('a').walletId), device: new TestDevice('a').device, family: 'f', keyThumbprint: 't' }
const tokens = (keys: SigningKeys, clock: ManualClock): AccessTokens => new AccessTokens({ keys, clock, issuer: 'chat.example' })

describe('SigningKeys', () => {
  it('keeps its key over a restart', async () => {
    const [store, clock] = [memorySecrets(), new ManualClock()]
    const { token } = await tokens(await open(store, clock), clock).issue(claims)
    expect(await tokens(await open(store, clock), clock).read(token, 'engine')).toMatchObject(claims)
  })

  it('lets a new key take over and the old one verify what it signed, then drops the old one', async () => {
    const [store, clock] = [memorySecrets(), new ManualClock()]
    const keys = await open(store, clock)
    const first = keys.current().kid
    clock.advance(SIGNING_KEY_ROTATION_MS - 1_000)
    const { token } = await tokens(keys, clock).issue(claims)
    clock.advance(1_000)
    await keys.refresh()
    expect(keys.current().kid).not.toBe(first)
    expect(keys.jwks().keys).toHaveLength(2)
    expect(await tokens(keys, clock).read(token, 'auth')).toMatchObject(claims)
    clock.advance(SIGNING_KEY_OVERLAP_MS)
    await keys.refresh()
    expect(keys.jwks().keys).toHaveLength(1)
    expect(keys.publicKey(first)).toBeUndefined()
  })

  it('has a token expire in the second it says, and refuses another issuer or audience', async () => {
    const clock = new ManualClock(1_800_000_000_999)
    const keys = await open(memorySecrets(), clock)
    const { token, expiresAtMs } = await tokens(keys, clock).issue(claims)
    expect(expiresAtMs).toBe(1_800_000_600_000)
    await expect(new AccessTokens({ keys, clock, issuer: 'evil.example' }).read(token, 'auth')).rejects.toThrow('auth.token_invalid')
    clock.advance(600_000)
    await expect(tokens(keys, clock).read(token, 'auth')).rejects.toThrow('auth.token_expired')
  })

  it('says that a damaged file is damaged, without quoting it', async () => {
    const [store, clock] = [memorySecrets(), new ManualClock()]
    await open(store, clock)
    const [name = ''] = store.values.keys()
    store.values.set(name, utf8('{"privateKey":"precious"'))
    const failure: unknown = await open(store, clock).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(EvegramError)
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('precious')
  })
})
