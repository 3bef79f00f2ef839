import { accountIdOf, EvegramError, utf8 } from '@evegram/protocol'
import { ManualClock, systemRandom } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { AccessTokens } from './access-token.js'
import { memorySecretStore } from './adapters/memory/secrets.js'
import type { SecretStore } from './ports/secret-store.js'
import { KEY_LOOK_MS, SIGNING_KEY_OVERLAP_MS, SIGNING_KEY_ROTATION_MS, SigningKeys } from './signing-keys.js'
import { TestDevice, TestWallet } from './testing/actors.js'

function memorySecrets(): SecretStore & { readonly values: Map<string, Uint8Array> } {
  const values = new Map<string, Uint8Array>()
  return { values, ...memorySecretStore(values) }
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
    expect(await keys.publicKey(first)).toBeUndefined()
  })

  it('has processes that start or rotate together agree on one key', async () => {
    const [store, clock] = [memorySecrets(), new ManualClock()]
    const processes = await Promise.all(Array.from({ length: 5 }, () => open(store, clock)))
    expect(new Set(processes.map((keys) => keys.current().kid)).size).toBe(1)
    clock.advance(SIGNING_KEY_ROTATION_MS)
    await Promise.all(processes.map((keys) => keys.refresh()))
    expect(new Set(processes.map((keys) => keys.current().kid)).size).toBe(1)
    expect(processes.map((keys) => keys.jwks().keys.length)).toEqual([2, 2, 2, 2, 2])
  })

  it('learns a key that another process made when it meets its name, at most one look a second however many ask', async () => {
    const [store, clock] = [memorySecrets(), new ManualClock()]
    let looks = 0
    const counted: SecretStore = {
      ...store,
      read: (name) => {
        looks++
        return store.read(name)
      },
    }
    const [keys, other] = [await open(counted, clock), await open(store, clock)]
    clock.advance(SIGNING_KEY_ROTATION_MS)
    await other.refresh()
    looks = 0
    const { token } = await tokens(other, clock).issue(claims)
    expect(await tokens(keys, clock).read(token, 'engine')).toMatchObject(claims)
    expect(looks).toBe(1)
    expect(keys.current().kid).toBe(other.current().kid)
    const flood = Promise.all(Array.from({ length: 50 }, (_, index) => keys.publicKey(`made up ${String(index)}`)))
    await Promise.resolve()
    expect(looks).toBe(1)
    clock.advance(KEY_LOOK_MS)
    expect(await flood).toEqual(Array.from({ length: 50 }, () => undefined))
    expect(looks).toBe(2)
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
