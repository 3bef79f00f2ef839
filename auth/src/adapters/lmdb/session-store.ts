import type { AccountId, DeviceId } from '@evegram/protocol'
import type { Database, RootDatabase } from 'lmdb'
import type { RevocationReason, RotateOutcome, SessionRecord, SessionStore, SweepOutcome } from '../../ports/session-store.js'
import { commit } from './commit.js'

/**
 * {@link SessionStore} on LMDB: `['f', family]` -> record, `['d', account, device, createdAtMs, family]` -> family for those not revoked.
 */
export class LmdbSessionStore implements SessionStore {
  readonly #rows: Database<SessionRecord | string>

  constructor(environment: RootDatabase) {
    this.#rows = environment.openDB<SessionRecord | string>({ name: 'auth-sessions', encoding: 'msgpack' })
  }

  create(record: SessionRecord, activeMax: number): Promise<readonly SessionRecord[]> {
    return commit(this.#rows, 'create session', () => {
      const active = this.#active(record.account, record.device)
      const displaced = active.slice(0, Math.max(0, active.length + 1 - activeMax))
      this.#rows.putSync(['f', record.family], record)
      this.#rows.putSync(indexKey(record), record.family)
      return displaced.map((old) => this.#end(old, 'displaced', record.createdAtMs))
    })
  }

  async read(family: string): Promise<SessionRecord | undefined> {
    return this.#get(family)
  }

  rotate(family: string, generation: number, atMs: number, expiresAtMs: number): Promise<RotateOutcome> {
    return commit(this.#rows, 'rotate session', (): RotateOutcome => {
      const record = this.#get(family)
      if (record === undefined) return { status: 'unknown' }
      if (record.revoked !== undefined || record.generation !== generation) return { status: 'refused', record }
      const next = { ...record, generation: generation + 1, rotatedAtMs: atMs, expiresAtMs }
      this.#rows.putSync(['f', family], next)
      return { status: 'rotated', record: next }
    })
  }

  revoke(family: string, reason: RevocationReason, atMs: number): Promise<boolean> {
    return commit(this.#rows, 'revoke session', () => {
      const record = this.#get(family)
      if (record === undefined || record.revoked !== undefined) return false
      this.#end(record, reason, atMs)
      return true
    })
  }

  revokeAll(account: AccountId, device: DeviceId | undefined, reason: RevocationReason, atMs: number): Promise<readonly SessionRecord[]> {
    return commit(this.#rows, 'revoke sessions', () => this.#active(account, device).map((record) => this.#end(record, reason, atMs)))
  }

  sweep(beforeMs: number, limit: number, from: string | undefined): Promise<SweepOutcome> {
    return commit(this.#rows, 'sweep sessions', () => {
      const records = [...this.#rows.getRange({ start: ['f', from ?? ''], end: ['f', '\uffff'], limit })].map(({ value }) => value)
      let removed = 0
      let last: string | undefined
      for (const record of records) {
        if (typeof record === 'string') continue
        last = record.family
        if (record.expiresAtMs >= beforeMs) continue
        this.#rows.removeSync(['f', record.family])
        this.#rows.removeSync(indexKey(record))
        removed++
      }
      // `from` is inclusive: the space behind a family starts with its name and any character.
      return { removed, next: records.length < limit || last === undefined ? undefined : `${last} ` }
    })
  }

  #get(family: string): SessionRecord | undefined {
    const row = this.#rows.get(['f', family])
    return typeof row === 'object' ? row : undefined
  }

  #active(account: AccountId, device: DeviceId | undefined): SessionRecord[] {
    const range = device === undefined
      ? { start: ['d', account], end: ['d', account, '\uffff'] }
      : { start: ['d', account, device], end: ['d', account, device, Number.MAX_SAFE_INTEGER] }
    return [...this.#rows.getRange(range)].map(({ value }) => (typeof value === 'string' ? this.#get(value) : undefined))
      .filter((record) => record !== undefined)
  }

  #end(record: SessionRecord, reason: RevocationReason, atMs: number): SessionRecord {
    const ended = { ...record, revoked: { atMs, reason } }
    this.#rows.putSync(['f', record.family], ended)
    this.#rows.removeSync(indexKey(record))
    return ended
  }
}

function indexKey(record: SessionRecord): [string, string, string, number, string] {
  return ['d', record.account, record.device, record.createdAtMs, record.family]
}
