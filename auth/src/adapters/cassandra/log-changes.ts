import { equalBytes, sleep, type AccountId } from '@evegram/protocol'
import type { CassandraRow, CassandraStatement } from '@evegram/platform/cassandra'
import type { LogChange } from './claim.js'
import type { ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'

/** Statements on the partition of an account. */
export const ACCOUNT_CQL = {
  // DISTINCT: an account has static columns before it has entries.
  head: 'SELECT DISTINCT account, head_seq, head, snapshot, round, pending FROM auth_accounts WHERE account = ?',
  change: 'SELECT change FROM auth_accounts WHERE account = ? AND seq = ?',
  entries: 'SELECT seq, entry FROM auth_accounts WHERE account = ? AND seq > ? LIMIT ?',
  begin: 'UPDATE auth_accounts SET round = ?, pending = ? WHERE account = ? IF round = ? AND pending = null',
  abort: 'UPDATE auth_accounts SET round = ?, pending = null WHERE account = ? IF round = ? AND pending = ?',
  moveHead: 'UPDATE auth_accounts SET round = ?, pending = null, head_seq = ?, head = ?, snapshot = ? WHERE account = ? IF round = ? AND pending = ?',
  insertEntry: 'INSERT INTO auth_accounts (account, seq, entry, change) VALUES (?, ?, ?, ?)',
} as const

/** How long a change that is neither made nor void is waited for before it is made void. Only patience: no promise rests on it. */
export const PATIENCE_MS = 3_000
const POLL_FIRST_MS = 5
const POLL_MAX_MS = 100

/** Where an account stands. */
export interface AccountHead {
  /** 0 without entries. */
  readonly seq: number
  /** Undefined without entries. */
  readonly head: Uint8Array | undefined
  readonly snapshot: Uint8Array | undefined
  /** Raised by every write to the head; null before the first. */
  readonly round: number | null
  /** The one change that may become entry `seq` + 1. */
  readonly pending: Uint8Array | undefined
}

/**
 * Changes of account logs: begun, made, or void. Only the change named in `pending` of its account can be made, in the step that moves the
 * head; every write raises `round` and asks for the round before, so none can be applied twice or late. A change that is not pending and not in
 * the log is void for ever.
 */
export class LogChanges {
  readonly #parts: ConditionalWriteParts
  readonly #writes: ConditionalWrites

  constructor(parts: ConditionalWriteParts, writes: ConditionalWrites) {
    this.#parts = parts
    this.#writes = writes
  }

  /** Where the account stands, with all that resolved before. */
  async head(account: AccountId): Promise<AccountHead> {
    return headOf(await this.#parts.session.read(ACCOUNT_CQL.head, [account]))
  }

  /** As {@link head}, linearizable: what it says of a round stays true. */
  async headSerial(account: AccountId): Promise<AccountHead> {
    return headOf(await this.#writes.readSerial(ACCOUNT_CQL.head, [account]))
  }

  /** Makes `change` the one that may follow `head`; false when the account has moved on. */
  async begin({ account, change }: LogChange, head: AccountHead): Promise<boolean> {
    const round = roundAfter(head)
    const result = await this.#writes.one(ACCOUNT_CQL.begin, [round, change, account, head.round])
    return result.applied || isPending(result.row, round, change)
  }

  /** Makes a begun change: moves the head and writes the entry. False when the change was made void before. */
  async make(begun: LogChange, before: AccountHead, after: { readonly head: Uint8Array; readonly snapshot: Uint8Array; readonly entry: Uint8Array }): Promise<boolean> {
    const { account, seq, change } = begun
    const round = roundAfter(before)
    const statements: CassandraStatement[] = [
      { cql: ACCOUNT_CQL.moveHead, values: [round + 1, seq, after.head, after.snapshot, account, round, change] },
      { cql: ACCOUNT_CQL.insertEntry, values: [account, seq, after.entry, change] },
    ]
    const result = await this.#writes.batch(statements)
    // Refused: by a try of ours that was applied, or because somebody lost patience.
    return result.applied || await this.fate(begun) === 'made'
  }

  /** Whether the change is in the log, as far as a plain read knows: true stays true. */
  async isMade({ account, seq, change }: LogChange): Promise<boolean> {
    const [row] = await this.#parts.session.read(ACCOUNT_CQL.change, [account, seq])
    return row !== undefined && equalBytes(row.bytes('change'), change)
  }

  /**
   * What became of a change, now and for good. One that nobody finishes is made void after {@link PATIENCE_MS}. Rejects with
   * `unavailable.store`.
   */
  async fate(named: LogChange): Promise<'made' | 'void'> {
    const { clock, log } = this.#parts
    const endMs = clock.monotonicMs() + PATIENCE_MS
    for (let pauseMs = POLL_FIRST_MS; ; pauseMs = Math.min(POLL_MAX_MS, pauseMs * 2)) {
      const patient = clock.monotonicMs() < endMs
      // Plain reads while it is undecided: serial ones would get in the way of the writer that is waited for.
      if (!patient || !isOpen(await this.head(named.account), named)) {
        const fate = await this.#fateOfDecided(named)
        if (fate !== undefined) return fate
      }
      if (!patient && await this.abort(named)) log.warn({ seq: named.seq }, 'made void what a writer of an account log had left undecided')
      else await sleep(clock, pauseMs)
    }
  }

  /** Makes a change void unless it is made; true when this call did it. */
  async abort(named: LogChange): Promise<boolean> {
    const head = await this.headSerial(named.account)
    if (!isOpen(head, named)) return false
    const round = roundAfter(head)
    // Refused: decided by somebody else, or by an earlier try of this one.
    return (await this.#writes.one(ACCOUNT_CQL.abort, [round, named.account, head.round, named.change])).applied
  }

  async #fateOfDecided(named: LogChange): Promise<'made' | 'void' | undefined> {
    const head = await this.headSerial(named.account)
    if (isOpen(head, named)) return undefined
    // Not pending: nothing can make it so again (a round is begun once), so it is in the log or never will be.
    if (head.seq < named.seq) return 'void'
    const [row] = await this.#writes.readSerial(ACCOUNT_CQL.change, [named.account, named.seq])
    return row !== undefined && equalBytes(row.bytes('change'), named.change) ? 'made' : 'void'
  }
}

/** Whether the change can still be made. */
function isOpen(head: AccountHead, { seq, change }: LogChange): boolean {
  return head.seq < seq && head.pending !== undefined && equalBytes(head.pending, change)
}

function isPending(row: CassandraRow | undefined, round: number, change: Uint8Array): boolean {
  return row?.has('round') === true && row.integer('round') === round && row.has('pending') && equalBytes(row.bytes('pending'), change)
}

function roundAfter(head: AccountHead): number {
  return (head.round ?? 0) + 1
}

function headOf([row]: readonly CassandraRow[]): AccountHead {
  const bytes = (column: string): Uint8Array | undefined => (row?.has(column) === true ? row.bytes(column).slice() : undefined)
  return {
    seq: row?.has('head_seq') === true ? row.integer('head_seq') : 0,
    head: bytes('head'), snapshot: bytes('snapshot'), pending: bytes('pending'),
    round: row?.has('round') === true ? row.integer('round') : null,
  }
}
