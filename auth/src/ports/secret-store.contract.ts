import { systemRandom } from '@evegram/platform'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { secretCalled } from '../secrets.js'
import type { StoreSetup } from './nonce-store.contract.js'
import type { SecretStore } from './secret-store.js'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** The promises of {@link SecretStore}, for one adapter. */
export function describeSecretStore(name: string, create: () => Promise<StoreSetup<SecretStore>>): void {
  describe(`SecretStore contract: ${name}`, () => {
    let setup: StoreSetup<SecretStore>
    beforeEach(async () => { setup = await create() })
    afterEach(async () => { await setup.close() })

    it('keeps a secret over a restart, and knows nothing of others', async () => {
      expect(await setup.store.read('refresh-key')).toBeUndefined()
      expect(await setup.store.write('refresh-key', bytes(1, 2, 3), undefined)).toEqual(bytes(1, 2, 3))
      setup = await setup.reopen()
      expect(await setup.store.read('refresh-key')).toEqual(bytes(1, 2, 3))
      expect(await setup.store.read('challenge-key')).toBeUndefined()
    })

    it('replaces only the secret that was expected, and returns the one that stands', async () => {
      await setup.store.write('key', bytes(1), undefined)
      expect(await setup.store.write('key', bytes(2), undefined)).toEqual(bytes(1))
      expect(await setup.store.write('key', bytes(2), bytes(9))).toEqual(bytes(1))
      expect(await setup.store.read('key')).toEqual(bytes(1))
      expect(await setup.store.write('key', bytes(2, 2), bytes(1))).toEqual(bytes(2, 2))
      expect(await setup.store.read('key')).toEqual(bytes(2, 2))
      await expect(setup.store.write('other-key', bytes(1), bytes(0))).rejects.toThrow('unavailable.store')
      expect(await setup.store.read('other-key')).toBeUndefined()
    })

    it('lets one of many concurrent writers stand, and tells all of them which', async () => {
      const made = await Promise.all(Array.from({ length: 30 }, () => secretCalled('challenge-key', setup.store, systemRandom())))
      expect(made[0]).toHaveLength(32)
      expect(new Set(made.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1)
      const [first = bytes()] = made
      const next = await Promise.all(Array.from({ length: 30 }, (_, index) => setup.store.write('challenge-key', bytes(index), first)))
      expect(new Set(next.map((secret) => secret[0])).size).toBe(1)
      expect(await setup.store.read('challenge-key')).toEqual(next[0])
    })

    it('refuses names that could mean something to what is below', async () => {
      for (const refused of ['../key', 'a/b', '', 'KEY', 'a'.repeat(41)]) {
        await expect(setup.store.read(refused)).rejects.toThrow('invalid.argument')
        await expect(setup.store.write(refused, bytes(1), undefined)).rejects.toThrow('invalid.argument')
      }
    })
  })
}
