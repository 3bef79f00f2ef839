import type { AccountId, DeviceId } from '@evegram/protocol'
import type { RevocationReason, RotateOutcome, SessionRecord, SweepOutcome } from '../../ports/session-store.js'

/** Sessions in memory. Every method is one step that nothing can come between. */
export class MemorySessions {
  readonly #records = new Map<string, SessionRecord>()

  /** Adds a session and ends the oldest ones of the device beyond `activeMax`, which it returns. */
  create(record: SessionRecord, activeMax: number): readonly SessionRecord[] {
    const active = this.#active(record.account, record.device).sort(byAge)
    const displaced = active.slice(0, Math.max(0, active.length + 1 - activeMax))
    this.#records.set(record.family, record)
    return displaced.map((old) => this.#end(old, 'displaced', record.createdAtMs))
  }

  /** The session, undefined when there is none of that name. */
  read(family: string): SessionRecord | undefined {
    return this.#records.get(family)
  }

  /** Makes `generation` + 1 current if the session is not revoked and `generation` is current. */
  rotate(family: string, generation: number, atMs: number, expiresAtMs: number): RotateOutcome {
    const record = this.#records.get(family)
    if (record === undefined) return { status: 'unknown' }
    if (record.revoked !== undefined || record.generation !== generation) return { status: 'refused', record }
    const next = { ...record, generation: generation + 1, rotatedAtMs: atMs, expiresAtMs }
    this.#records.set(family, next)
    return { status: 'rotated', record: next }
  }

  /** Revokes one session; false when it was revoked before or is unknown. */
  revoke(family: string, reason: RevocationReason, atMs: number): boolean {
    const record = this.#records.get(family)
    if (record === undefined || record.revoked !== undefined) return false
    this.#end(record, reason, atMs)
    return true
  }

  /** Revokes all sessions of a device, or of the whole account; returns those that were not revoked before. */
  revokeAll(account: AccountId, device: DeviceId | undefined, reason: RevocationReason, atMs: number): readonly SessionRecord[] {
    return this.#active(account, device).map((record) => this.#end(record, reason, atMs))
  }

  /** Forgets sessions that ran out before `beforeMs`, looking at no more than `limit` from `from` on. */
  sweep(beforeMs: number, limit: number, from: string | undefined): SweepOutcome {
    const families = [...this.#records.keys()].filter((family) => family >= (from ?? '')).sort()
    const step = families.slice(0, limit)
    const expired = step.filter((family) => (this.#records.get(family)?.expiresAtMs ?? 0) < beforeMs)
    for (const family of expired) this.#records.delete(family)
    return { removed: expired.length, next: families[limit] }
  }

  #active(account: AccountId, device: DeviceId | undefined): SessionRecord[] {
    return [...this.#records.values()].filter((record) => (
      record.account === account && (device === undefined || record.device === device) && record.revoked === undefined
    ))
  }

  #end(record: SessionRecord, reason: RevocationReason, atMs: number): SessionRecord {
    const ended = { ...record, revoked: { atMs, reason } }
    this.#records.set(record.family, ended)
    return ended
  }
}

function byAge(one: SessionRecord, other: SessionRecord): number {
  return one.createdAtMs - other.createdAtMs || (one.family < other.family ? -1 : 1)
}
