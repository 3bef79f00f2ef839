import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseChainName } from '../chain/chain-adapter.js'
import type { ChainLeases } from './chain-leases.js'

/** Leases under test, as two workers see them. */
export interface LeasesSubject {
  readonly one: ChainLeases
  readonly other: ChainLeases
  close(): Promise<void>
}

/** The promises of {@link ChainLeases}, run by every adapter. `setup` gives two workers on one store. */
export function describeChainLeases(adapter: { readonly name: string; readonly setup: () => Promise<LeasesSubject> }): void {
  const [ton, terra] = ['ton', 'terra'].map(parseChainName) as [ReturnType<typeof parseChainName>, ReturnType<typeof parseChainName>]

  describe(`ChainLeases: ${adapter.name}`, () => {
    let subject: LeasesSubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    it('gives a chain to one of several that ask at once, and to the next when it is given up', async () => {
      const { one, other } = subject
      const asked = await Promise.all([one, other, one, other].map((leases) => leases.acquire(ton)))
      const [held, ...more] = asked.filter((lease) => lease !== undefined)
      expect(more).toEqual([])
      expect(await held?.isHeld()).toBe(true)
      await held?.release()
      expect(await held?.isHeld()).toBe(false)
      const next = await other.acquire(ton)
      expect(await next?.isHeld()).toBe(true)
      expect(await held?.isHeld()).toBe(false)
      await next?.release()
    })

    it('keeps chains apart', async () => {
      const leases = await Promise.all([subject.one.acquire(ton), subject.other.acquire(terra)])
      expect(leases.every((lease) => lease !== undefined)).toBe(true)
      for (const lease of leases) await lease?.release()
    })

    it('may be given up twice', async () => {
      const lease = await subject.one.acquire(ton)
      await lease?.release()
      await lease?.release()
      const next = await subject.other.acquire(ton)
      expect(await next?.isHeld()).toBe(true)
      await next?.release()
    })
  })
}
