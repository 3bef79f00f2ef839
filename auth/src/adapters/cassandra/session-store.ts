import { equalBytes, EvegramError, parseAccountId, type AccountId, type DeviceId } from '@evegram/protocol'
import type { CassandraRow, CassandraStatement } from '@evegram/platform/cassandra'
import type { RevocationReason, RotateOutcome, SessionRecord, SessionStore, SweepOutcome } from '../../ports/session-store.js'
import type { SerialByKey } from '../../serial-by-key.js'
import type { ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'
import { ACTIVE_MAX, decodeActive, decodeSession, encodeActive, encodeSession, type ActiveSession } from './session-records.js'

const CQL = {
  head: 'SELECT DISTINCT account, version, active FROM auth_sessions WHERE account = ?',
  record: 'SELECT family, record, change FROM auth_sessions WHERE account = ? AND family = ?',
  records: 'SELECT family, record, change FROM auth_sessions WHERE account = ? AND family IN ?',
  setHead: 'UPDATE auth_sessions SET version = ?, active = ? WHERE account = ? IF version = ?',
  add: 'UPDATE auth_sessions USING TTL ? SET record = ?, change = ? WHERE account = ? AND family = ? IF change = null',
  change: 'UPDATE auth_sessions USING TTL ? SET record = ?, change = ? WHERE account = ? AND family = ? IF change = ?',
  setFamily: 'INSERT INTO auth_session_families (family, account) VALUES (?, ?) USING TTL ?',
  family: 'SELECT account FROM auth_session_families WHERE family = ?',
} as const

/** Families whose account is kept in memory: it never changes. */
export const FAMILIES_CACHED_MAX = 50_000

interface Stored {
  readonly record: SessionRecord
  /** The change that wrote the row. */
  readonly change: Uint8Array
}

/** What a step changes in one partition, decided from its head. */
interface Step<Result> {
  readonly active: readonly ActiveSession[]
  readonly add?: SessionRecord
  readonly end: readonly { readonly was: Stored; readonly now: SessionRecord }[]
  readonly result: Result
}

/**
 * {@link SessionStore} on Cassandra: one partition for each account, with the list of its open sessions and a row for each session; beside it
 * family -> account, written first. Rows expire `keptMs` after their session ran out.
 */
export class CassandraSessionStore implements SessionStore {
  readonly #parts: ConditionalWriteParts
  readonly #writes: ConditionalWrites
  readonly #turns: SerialByKey
  readonly #keptMs: number
  readonly #accounts = new Map<string, AccountId>()

  /** `turns` keeps changes of this process out of each other's way; no promise rests on it. */
  constructor(parts: ConditionalWriteParts, writes: ConditionalWrites, turns: SerialByKey, keptMs: number) {
    this.#parts = parts
    this.#writes = writes
    this.#turns = turns
    this.#keptMs = keptMs
  }

  async create(record: SessionRecord, activeMax: number): Promise<readonly SessionRecord[]> {
    await this.#setFamily(record)
    return this.#step('create session', record.account, async (active) => {
      const ofDevice = active.filter(({ device }) => device === record.device)
      const open = await this.#open(record.account, ofDevice)
      const displaced = open.sort(byAge).slice(0, Math.max(0, open.length + 1 - activeMax))
      const ended = displaced.map((was) => ending(was, 'displaced', record.createdAtMs))
      const added = { family: record.family, device: record.device, createdAtMs: record.createdAtMs }
      // What expired leaves the list here: a device has few.
      const left = active.filter(({ family, device }) => device !== record.device || isIn(family, open) && !isIn(family, displaced))
      if (left.length >= ACTIVE_MAX) throw new EvegramError('limited.queue', { operation: 'create session', details: { activeMax: ACTIVE_MAX } })
      return { active: [...left, added], add: record, end: ended, result: ended.map(({ now }) => now) }
    })
  }

  async read(family: string): Promise<SessionRecord | undefined> {
    return (await this.#stored(family))?.record
  }

  rotate(family: string, generation: number, atMs: number, expiresAtMs: number): Promise<RotateOutcome> {
    return this.#turns.run(`session ${family}`, () => this.#writes.until('rotate session', async (): Promise<RotateOutcome | undefined> => {
      const stored = await this.#stored(family)
      if (stored === undefined) return { status: 'unknown' }
      const { record } = stored
      if (record.revoked !== undefined || record.generation !== generation) return { status: 'refused', record }
      const next = { ...record, generation: generation + 1, rotatedAtMs: atMs, expiresAtMs }
      // First, so that it outlives the row.
      await this.#setFamily(next)
      const change = this.#writes.change()
      const { cql, values } = this.#changing(stored, next, change)
      const result = await this.#writes.one(cql, values)
      return result.applied || isOf(result.row, change) ? { status: 'rotated', record: next } : undefined
    }))
  }

  async revoke(family: string, reason: RevocationReason, atMs: number): Promise<boolean> {
    const account = await this.#accountOf(family)
    if (account === undefined) return false
    return this.#step('revoke session', account, async (active) => {
      const stored = await this.#stored(family)
      if (stored === undefined || stored.record.revoked !== undefined) return { active, end: [], result: false }
      return { active: active.filter((one) => one.family !== family), end: [ending(stored, reason, atMs)], result: true }
    })
  }

  revokeAll(account: AccountId, device: DeviceId | undefined, reason: RevocationReason, atMs: number): Promise<readonly SessionRecord[]> {
    return this.#step('revoke sessions', account, async (active) => {
      const meant = active.filter((one) => device === undefined || one.device === device)
      const end = (await this.#open(account, meant)).sort(byAge).map((was) => ending(was, reason, atMs))
      return { active: active.filter((one) => !meant.includes(one)), end, result: end.map(({ now }) => now) }
    })
  }

  sweep(): Promise<SweepOutcome> {
    return Promise.resolve({ removed: 0, next: undefined })
  }

  /** Decides on the head of a partition and writes what follows, unless the head or a row changed meanwhile: then again. */
  #step<Result>(operation: string, account: AccountId, decide: (active: readonly ActiveSession[]) => Promise<Step<Result>>): Promise<Result> {
    return this.#turns.run(`sessions ${account}`, () => this.#writes.until(operation, async () => {
      const [head] = await this.#parts.session.read(CQL.head, [account])
      const version = head?.has('version') === true ? head.bytes('version') : null
      const step = await decide(head?.has('active') === true ? decodeActive(head.bytes('active')) : [])
      if (step.add === undefined && step.end.length === 0) return { result: step.result }
      const change = this.#writes.change()
      const statements: CassandraStatement[] = [
        { cql: CQL.setHead, values: [change, encodeActive(step.active), account, version] },
        ...step.end.map(({ was, now }) => this.#changing(was, now, change)),
      ]
      if (step.add !== undefined) statements.push({ cql: CQL.add, values: [this.#lifeS(step.add), encodeSession(step.add), change, account, step.add.family] })
      const { applied } = await this.#writes.batch(statements)
      return applied || await this.#wrote(change, step) ? { result: step.result } : undefined
    })).then(({ result }) => result)
  }

  /** Whether a step that was refused had been written by its own first try: nobody changes a row that it added or ended before it is answered. */
  async #wrote(change: Uint8Array, { add, end: [first] }: Step<unknown>): Promise<boolean> {
    const touched = add ?? first?.now
    if (touched === undefined) return false
    const [row] = await this.#writes.readSerial(CQL.record, [touched.account, touched.family])
    return isOf(row, change)
  }

  #changing(was: Stored, now: SessionRecord, change: Uint8Array): CassandraStatement {
    return { cql: CQL.change, values: [this.#lifeS(now), encodeSession(now), change, now.account, now.family, was.change] }
  }

  /** The sessions of a list that are not revoked and have not expired. */
  async #open(account: AccountId, listed: readonly ActiveSession[]): Promise<Stored[]> {
    if (listed.length === 0) return []
    const rows = await this.#parts.session.read(CQL.records, [account, listed.map(({ family }) => family)])
    return rows.map(storedOf).filter(({ record }) => record.revoked === undefined)
  }

  async #stored(family: string): Promise<Stored | undefined> {
    const account = await this.#accountOf(family)
    if (account === undefined) return undefined
    const [row] = await this.#parts.session.read(CQL.record, [account, family])
    return row === undefined ? undefined : storedOf(row)
  }

  async #accountOf(family: string): Promise<AccountId | undefined> {
    const known = this.#accounts.get(family)
    if (known !== undefined) return known
    const [row] = await this.#parts.session.read(CQL.family, [family])
    if (row === undefined) return undefined
    const account = parseAccountId(row.text('account'))
    this.#remember(family, account)
    return account
  }

  async #setFamily(record: SessionRecord): Promise<void> {
    await this.#parts.session.write(CQL.setFamily, [record.family, record.account, this.#lifeS(record)])
    this.#remember(record.family, record.account)
  }

  #remember(family: string, account: AccountId): void {
    this.#accounts.delete(family)
    this.#accounts.set(family, account)
    const [oldest] = this.#accounts.size > FAMILIES_CACHED_MAX ? this.#accounts.keys() : []
    if (oldest !== undefined) this.#accounts.delete(oldest)
  }

  /** All cells of a row are written together, so they expire together. */
  #lifeS(record: SessionRecord): number {
    return Math.ceil((this.#keptMs + Math.max(0, record.expiresAtMs - this.#parts.clock.now())) / 1_000)
  }
}

function storedOf(row: CassandraRow): Stored {
  return { record: decodeSession(row.bytes('record')), change: row.bytes('change') }
}

function isOf(row: CassandraRow | undefined, change: Uint8Array): boolean {
  return row?.has('change') === true && equalBytes(row.bytes('change'), change)
}

function isIn(family: string, stored: readonly Stored[]): boolean {
  return stored.some(({ record }) => record.family === family)
}

function ending(was: Stored, reason: RevocationReason, atMs: number): { readonly was: Stored; readonly now: SessionRecord } {
  return { was, now: { ...was.record, revoked: { atMs, reason } } }
}

function byAge({ record: one }: Stored, { record: other }: Stored): number {
  return one.createdAtMs - other.createdAtMs || (one.family < other.family ? -1 : 1)
}
