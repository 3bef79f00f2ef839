import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NonceStore, NonceUse } from './nonce-store.js'

/** What an adapter gives its contract suites: a store, a restart on the same data, and the end. */
export interface StoreSetup<Store> {
  readonly store: Store
  /** Closes and opens again. */
  reopen(): Promise<StoreSetup<Store>>
  close(): Promise<void>
}

const nonce = (name: string, expiresAtMs = 1_000): NonceUse => (
  { key: Uint8Array.from(createHash('sha256').update(name).digest()), expiresAtMs }
)

/** How a store forgets what ran out, as its adapter declares: when a sweep says so, or by itself once it may. */
export type Forgetting = 'when_swept' | 'by_itself'

/** The promises of {@link NonceStore}, for one adapter. */
export function describeNonceStore(name: string, create: () => Promise<StoreSetup<NonceStore>>, forgets: Forgetting = 'when_swept'): void {
  describe(`NonceStore contract: ${name}`, () => {
    let setup: StoreSetup<NonceStore>
    beforeEach(async () => { setup = await create() })
    afterEach(async () => { await setup.close() })

    it('lets exactly one of many concurrent uses through', async () => {
      const answers = await Promise.all(Array.from({ length: 1_000 }, () => setup.store.consume(nonce('a'))))
      expect(answers.filter((answer) => answer === 'consumed')).toHaveLength(1)
      expect(await setup.store.isUsed(nonce('a').key)).toBe(true)
      expect(await setup.store.isUsed(nonce('b').key)).toBe(false)
    })

    it('remembers over a restart', async () => {
      await setup.store.consume(nonce('a'))
      setup = await setup.reopen()
      expect(await setup.store.consume(nonce('a'))).toBe('used')
      expect(await setup.store.consume(nonce('b'))).toBe('consumed')
    })

    if (forgets === 'by_itself') {
      it('declared: forgets by itself, so a sweep forgets nothing, whatever the time given', async () => {
        await setup.store.consume(nonce('old', 100))
        expect(await setup.store.sweep(Number.MAX_SAFE_INTEGER, 100)).toBe(0)
        expect(await setup.store.isUsed(nonce('old').key)).toBe(true)
        expect(await setup.store.consume(nonce('old', 100))).toBe('used')
      })
    } else {
      it('forgets only what ran out before the time given, in steps', async () => {
        for (let index = 0; index < 10; index++) await setup.store.consume(nonce(`old ${String(index)}`, 100 + index))
        await setup.store.consume(nonce('new', 200))
        expect(await setup.store.sweep(105, 3)).toBe(3)
        expect(await setup.store.sweep(105, 100)).toBe(2)
        expect(await setup.store.sweep(105, 100)).toBe(0)
        expect(await setup.store.isUsed(nonce('old 0').key)).toBe(false)
        for (const kept of ['old 5', 'old 9', 'new']) expect([kept, await setup.store.isUsed(nonce(kept).key)]).toEqual([kept, true])
      })
    }
  })
}
