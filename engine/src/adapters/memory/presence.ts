import type { AccountId, Clock, DeviceId } from '@evegram/protocol'
import type { Presence, PresenceEntry } from '../../ports/presence.js'

interface Held {
  readonly entry: PresenceEntry
  expiresAtMs: number
}

/** Presence in memory, shared by every node of a test cluster; the presence of a standalone server. */
export class MemoryPresence implements Presence {
  readonly #clock: Clock
  readonly #accounts = new Map<AccountId, Map<DeviceId, Held>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async register(entry: PresenceEntry, ttlMs: number): ReturnType<Presence['register']> {
    const standing = this.#held(entry)
    if (standing !== undefined && standing.entry.connectionEpoch > entry.connectionEpoch) {
      return { status: 'refused', newer: standing.entry }
    }
    const devices = this.#accounts.get(entry.account) ?? new Map<DeviceId, Held>()
    this.#accounts.set(entry.account, devices)
    devices.set(entry.device, { entry, expiresAtMs: this.#clock.monotonicMs() + ttlMs })
    return standing === undefined || same(standing.entry, entry) ? { status: 'registered' } : { status: 'registered', replaced: standing.entry }
  }

  async refresh(entries: readonly PresenceEntry[], ttlMs: number): Promise<readonly ('found' | 'absent')[]> {
    const expiresAtMs = this.#clock.monotonicMs() + ttlMs
    return entries.map((entry) => {
      const held = this.#held(entry)
      if (held === undefined || !same(held.entry, entry)) return 'absent'
      held.expiresAtMs = expiresAtMs
      return 'found'
    })
  }

  async remove(entry: PresenceEntry): Promise<void> {
    const held = this.#held(entry)
    if (held !== undefined && same(held.entry, entry)) this.#drop(entry)
  }

  async lookup(accounts: readonly AccountId[]): Promise<readonly PresenceEntry[]> {
    const nowMs = this.#clock.monotonicMs()
    const found: PresenceEntry[] = []
    for (const account of accounts) {
      const devices = this.#accounts.get(account)
      if (devices === undefined) continue
      for (const { entry, expiresAtMs } of devices.values()) if (expiresAtMs > nowMs) found.push(entry)
    }
    return found
  }

  /** Loses everything, as a restarted Redis does: for tests and the simulator. */
  forget(): void {
    this.#accounts.clear()
  }

  /** What stands for the device; an entry whose time ran out is removed on the way. */
  #held(entry: PresenceEntry): Held | undefined {
    const held = this.#accounts.get(entry.account)?.get(entry.device)
    if (held === undefined || held.expiresAtMs > this.#clock.monotonicMs()) return held
    this.#drop(entry)
    return undefined
  }

  #drop(entry: PresenceEntry): void {
    const devices = this.#accounts.get(entry.account)
    devices?.delete(entry.device)
    if (devices?.size === 0) this.#accounts.delete(entry.account)
  }
}

function same(one: PresenceEntry, other: PresenceEntry): boolean {
  return one.incarnation === other.incarnation && one.connectionEpoch === other.connectionEpoch
}
