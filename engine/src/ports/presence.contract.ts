import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Presence, PresenceEntry } from './presence.js'
import { sampleAccount, sampleDevice } from './sample-envelope.contract.js'

/** Presence under test. */
export interface PresenceSubject {
  readonly presence: Presence
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const TTL_MS = 1_000

/** The promises of {@link Presence}, run by every adapter. `setup` gives an empty store. */
export function describePresence(adapter: { readonly name: string; readonly setup: () => Promise<PresenceSubject> }): void {
  const entry = (fields: Partial<PresenceEntry> = {}): PresenceEntry =>
    ({ account: sampleAccount(1), device: sampleDevice(1), incarnation: 1, connectionEpoch: 10, ...fields })
  const sorted = (entries: readonly PresenceEntry[]): PresenceEntry[] => [...entries].sort((one, other) => (one.device < other.device ? -1 : 1))

  describe(`Presence: ${adapter.name}`, () => {
    let subject: PresenceSubject
    let presence: Presence
    beforeEach(async () => {
      subject = await adapter.setup()
      presence = subject.presence
    })
    afterEach(async () => {
      await subject.close()
    })

    it('finds what was registered, by account', async () => {
      expect(await presence.register(entry(), TTL_MS)).toEqual({ status: 'registered' })
      expect(await presence.lookup([sampleAccount(1)])).toEqual([entry()])
      expect(await presence.lookup([sampleAccount(2)])).toEqual([])
      expect(await presence.lookup([])).toEqual([])
    })

    it('finds every device of several accounts', async () => {
      const entries = [
        entry(), entry({ device: sampleDevice(2), incarnation: 2 }), entry({ account: sampleAccount(2), device: sampleDevice(3) }),
      ]
      for (const one of entries) await presence.register(one, TTL_MS)
      await presence.register(entry({ account: sampleAccount(9), device: sampleDevice(9) }), TTL_MS)
      expect(sorted(await presence.lookup([sampleAccount(1), sampleAccount(2)]))).toEqual(entries)
    })

    it('replaces a lower epoch and says what was replaced', async () => {
      await presence.register(entry({ incarnation: 1, connectionEpoch: 10 }), TTL_MS)
      const newer = entry({ incarnation: 2, connectionEpoch: 11 })
      expect(await presence.register(newer, TTL_MS)).toEqual({ status: 'registered', replaced: entry() })
      expect(await presence.lookup([sampleAccount(1)])).toEqual([newer])
    })

    it('refuses an entry older than the one that stands, and names that', async () => {
      const newer = entry({ connectionEpoch: 11 })
      await presence.register(newer, TTL_MS)
      expect(await presence.register(entry({ connectionEpoch: 10 }), TTL_MS)).toEqual({ status: 'refused', newer })
      expect(await presence.lookup([sampleAccount(1)])).toEqual([newer])
    })

    it('refreshes exactly what is registered and says what is absent', async () => {
      await presence.register(entry(), TTL_MS)
      expect(await presence.refresh([
        entry(), entry({ connectionEpoch: 9 }), entry({ incarnation: 7 }), entry({ device: sampleDevice(2) }),
      ], TTL_MS)).toEqual(['found', 'absent', 'absent', 'absent'])
    })

    it('forgets an entry that is not refreshed within its time', async () => {
      await presence.register(entry(), TTL_MS)
      await subject.advance(TTL_MS + 100)
      expect(await presence.lookup([sampleAccount(1)])).toEqual([])
      expect(await presence.refresh([entry()], TTL_MS)).toEqual(['absent'])
      expect(await presence.register(entry({ connectionEpoch: 1 }), TTL_MS)).toEqual({ status: 'registered' })
    })

    it('keeps an entry that is refreshed in time', async () => {
      await presence.register(entry(), TTL_MS)
      for (let round = 0; round < 3; round++) {
        await subject.advance(TTL_MS * 0.6)
        expect(await presence.refresh([entry()], TTL_MS)).toEqual(['found'])
      }
      expect(await presence.lookup([sampleAccount(1)])).toEqual([entry()])
    })

    it('removes exactly what is named: a late goodbye never removes the newer connection', async () => {
      const newer = entry({ connectionEpoch: 11 })
      await presence.register(newer, TTL_MS)
      await presence.remove(entry({ connectionEpoch: 10 }))
      await presence.remove(entry({ connectionEpoch: 11, incarnation: 5 }))
      expect(await presence.lookup([sampleAccount(1)])).toEqual([newer])
      await presence.remove(newer)
      expect(await presence.lookup([sampleAccount(1)])).toEqual([])
      await presence.remove(newer)
    })
  })
}
