import { accountIdOf, parseDeviceId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestWallet } from '../testing/actors.js'
import type { Forgetting, StoreSetup } from './nonce-store.contract.js'
import type { SessionRecord, SessionStore } from './session-store.js'

const account = accountIdOf(new TestWallet('alice').walletId)
const phone = parseDeviceId('aa'.repeat(16))
const laptop = parseDeviceId('bb'.repeat(16))
const familyOf = (index: number): string => index.toString(16).padStart(32, '0')

function record(index: number, device = phone): SessionRecord {
  return { family: familyOf(index), account, device, createdAtMs: index, generation: 1, rotatedAtMs: index, expiresAtMs: 1_000 + index }
}

/** The promises of {@link SessionStore}, for one adapter. */
export function describeSessionStore(name: string, create: () => Promise<StoreSetup<SessionStore>>, forgets: Forgetting = 'when_swept'): void {
  describe(`SessionStore contract: ${name}`, () => {
    let setup: StoreSetup<SessionStore>
    beforeEach(async () => { setup = await create() })
    afterEach(async () => { await setup.close() })

    it('keeps a session over a restart', async () => {
      await setup.store.create(record(1), 8)
      setup = await setup.reopen()
      expect(await setup.store.read(familyOf(1))).toEqual(record(1))
      expect(await setup.store.read(familyOf(2))).toBeUndefined()
    })

    it('rotates a generation exactly once, however many try', async () => {
      await setup.store.create(record(1), 8)
      const outcomes = await Promise.all(Array.from({ length: 100 }, () => setup.store.rotate(familyOf(1), 1, 50, 2_000)))
      expect(outcomes.filter(({ status }) => status === 'rotated')).toHaveLength(1)
      const next = { ...record(1), generation: 2, rotatedAtMs: 50, expiresAtMs: 2_000 }
      for (const outcome of outcomes) expect(outcome).toMatchObject({ record: next })
      expect(await setup.store.rotate(familyOf(9), 1, 50, 2_000)).toEqual({ status: 'unknown' })
    })

    it('ends a session for good', async () => {
      await setup.store.create(record(1), 8)
      expect(await setup.store.revoke(familyOf(1), 'logout', 70)).toBe(true)
      expect(await setup.store.revoke(familyOf(1), 'refresh_reused', 80)).toBe(false)
      expect((await setup.store.rotate(familyOf(1), 1, 90, 2_000)).status).toBe('refused')
      setup = await setup.reopen()
      expect(await setup.store.read(familyOf(1))).toEqual({ ...record(1), revoked: { atMs: 70, reason: 'logout' } })
    })

    it('ends the oldest session of a device when there would be too many, and leaves other devices alone', async () => {
      await setup.store.create(record(1, laptop), 2)
      expect(await setup.store.create(record(2), 2)).toEqual([])
      expect(await setup.store.create(record(3), 2)).toEqual([])
      const displaced = await setup.store.create(record(4), 2)
      expect(displaced.map(({ family }) => family)).toEqual([familyOf(2)])
      expect((await setup.store.read(familyOf(2)))?.revoked?.reason).toBe('displaced')
      expect((await setup.store.read(familyOf(1)))?.revoked).toBeUndefined()
    })

    it('ends all sessions of a device, or of the account', async () => {
      for (const one of [record(1), record(2), record(3, laptop)]) await setup.store.create(one, 8)
      await setup.store.revoke(familyOf(1), 'logout', 5)
      expect((await setup.store.revokeAll(account, phone, 'device_revoked', 6)).map(({ family }) => family)).toEqual([familyOf(2)])
      expect((await setup.store.read(familyOf(3)))?.revoked).toBeUndefined()
      expect((await setup.store.revokeAll(account, undefined, 'account_closed', 7)).map(({ family }) => family)).toEqual([familyOf(3)])
    })

    if (forgets === 'by_itself') {
      it('declared: forgets by itself, so a sweep forgets nothing, whatever the time given', async () => {
        await setup.store.create(record(1), 8)
        expect(await setup.store.sweep(Number.MAX_SAFE_INTEGER, 100, undefined)).toEqual({ removed: 0, next: undefined })
        expect(await setup.store.read(familyOf(1))).toEqual(record(1))
      })
    } else {
      it('forgets only sessions that ran out, step by step to the end', async () => {
        for (let index = 1; index <= 9; index++) await setup.store.create(record(index, index % 2 === 0 ? phone : laptop), 100)
        let [removed, steps] = [0, 0]
        let from: string | undefined
        do {
          const step = await setup.store.sweep(1_005, 4, from)
          removed += step.removed
          from = step.next
          steps++
        } while (from !== undefined && steps < 10)
        expect([removed, steps]).toEqual([4, 3])
        expect(await setup.store.read(familyOf(4))).toBeUndefined()
        expect(await setup.store.read(familyOf(5))).toEqual(record(5, laptop))
        expect(await setup.store.revokeAll(account, undefined, 'account_closed', 7)).toHaveLength(5)
      })
    }
  })
}
