import { accountIdOf, parseDeviceId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestWallet } from '../testing/actors.js'
import type { StoreSetup } from './nonce-store.contract.js'
import type { OneTimePrekey, PrekeyStore, SignedPrekey } from './prekey-store.js'

const account = accountIdOf(new TestWallet('alice').walletId)
const phone = parseDeviceId('aa'.repeat(16))
const laptop = parseDeviceId('bb'.repeat(16))

const key = (id: number): OneTimePrekey => ({ id, publicKey: new Uint8Array(33).fill(id % 251) })
const keys = (from: number, to: number): OneTimePrekey[] => Array.from({ length: to - from + 1 }, (_, index) => key(from + index))
const signed = (id: number): SignedPrekey => (
  { ...key(id), signature: new Uint8Array(64).fill(1), createdAtMs: 5, deviceSignature: new Uint8Array(64).fill(2) }
)

/** The promises of {@link PrekeyStore}, for one adapter. */
export function describePrekeyStore(name: string, create: () => Promise<StoreSetup<PrekeyStore>>): void {
  describe(`PrekeyStore contract: ${name}`, () => {
    let setup: StoreSetup<PrekeyStore>
    beforeEach(async () => { setup = await create() })
    afterEach(async () => { await setup.close() })
    const publish = (from: number, to: number, signedId = 1, max = 200) => setup.store.publish(
      account, phone, { signedPrekey: signed(signedId), oneTimePrekeys: keys(from, to) }, max,
    )

    it('hands each key out exactly once, however many ask at once', async () => {
      expect(await publish(1, 100)).toEqual({ status: 'published', oneTimeRemaining: 100 })
      const taken = await Promise.all(Array.from({ length: 300 }, () => setup.store.take(account, phone, 0)))
      const ids = taken.flatMap((one) => (one?.oneTimePrekey === undefined ? [] : [one.oneTimePrekey.id]))
      expect(ids).toHaveLength(100)
      expect(new Set(ids).size).toBe(100)
      for (const one of taken) expect(one?.signedPrekey).toEqual(signed(1))
    })

    it('never hands a key out again after a restart, and takes them in order', async () => {
      await publish(1, 3)
      expect((await setup.store.take(account, phone, 0))?.oneTimePrekey).toEqual(key(1))
      setup = await setup.reopen()
      expect((await setup.store.take(account, phone, 0))?.oneTimePrekey).toEqual(key(2))
      expect(await setup.store.status(account, phone)).toEqual({ signedPrekey: signed(1), oneTimeRemaining: 1 })
    })

    it('leaves the keys that are to be kept', async () => {
      await publish(1, 3)
      expect((await setup.store.take(account, phone, 2))?.oneTimePrekey?.id).toBe(1)
      expect(await setup.store.take(account, phone, 2)).toEqual({ signedPrekey: signed(1), oneTimePrekey: undefined, oneTimeRemaining: 2 })
      expect((await setup.store.take(account, phone, 0))?.oneTimePrekey?.id).toBe(2)
    })

    it('refuses an id that was ever published, changing nothing', async () => {
      await publish(1, 3)
      await setup.store.take(account, phone, 0)
      expect(await publish(4, 6)).toEqual({ status: 'published', oneTimeRemaining: 5 })
      for (const id of [1, 2, 6]) {
        expect(await publish(id, id, 2)).toEqual({ status: 'id_seen', id })
        expect((await setup.store.status(account, phone))?.signedPrekey.id).toBe(1)
      }
    })

    it('replaces the signed prekey, and refuses more one-time keys than allowed', async () => {
      await publish(1, 8, 1, 10)
      expect(await publish(9, 11, 2, 10)).toEqual({ status: 'too_many', oneTimeRemaining: 8 })
      expect(await publish(9, 10, 2, 10)).toEqual({ status: 'published', oneTimeRemaining: 10 })
      expect(await setup.store.status(account, phone)).toEqual({ signedPrekey: signed(2), oneTimeRemaining: 10 })
    })

    it('removes a device for good and knows devices apart', async () => {
      await publish(1, 3)
      await setup.store.publish(account, laptop, { signedPrekey: signed(7), oneTimePrekeys: keys(1, 1) }, 200)
      await setup.store.remove(account, phone)
      expect(await setup.store.status(account, phone)).toBeUndefined()
      expect(await setup.store.take(account, phone, 0)).toBeUndefined()
      setup = await setup.reopen()
      expect(await publish(4, 6)).toEqual({ status: 'removed' })
      expect((await setup.store.take(account, laptop, 0))?.oneTimePrekey?.id).toBe(1)
    })
  })
}
