import { EvegramError } from '@evegram/protocol'
import { NO_BALANCES, type Balances } from './account.js'
import type { Amount } from './amount.js'
import { decodeLedgerEvent, type LedgerEvent } from './event.js'
import type { LedgerAccountId, Purpose, TransferId } from './ids.js'
import type { LedgerStore } from './ledger-store.js'
import { balancesAfter, type TransferSide } from './post-transfer.js'
import type { Transfer } from './transfer.js'

/** Lines of one read. */
export const STATEMENT_LINES_MAX = 512
/** Events that one step of a {@link StatementProjector} reads. */
const STEP_EVENTS = 512
/** Steps that {@link StatementProjector.reach} waits for: 16,384 events. */
const REACH_STEPS_MAX = 32

/** One transfer as one of its accounts sees it. */
export interface StatementLine {
  readonly account: LedgerAccountId
  /** Number of the event: the order of the lines. */
  readonly number: number
  readonly atMs: number
  readonly transfer: TransferId
  readonly kind: Transfer['kind']
  readonly side: TransferSide
  /** The account on the other side. */
  readonly other: LedgerAccountId
  /** Moved; reserved by `pending`; 0 for what released. */
  readonly amount: Amount
  readonly purpose: Purpose
  /** What the account held after it. */
  readonly after: Balances
}

/**
 * Statements of accounts: made of events alone, behind the ledger by as much as their position says, and made again whenever that is wanted.
 * A line is written once: {@link StatementStore.append} writes lines and position together, or nothing.
 */
export interface StatementStore {
  /** Number of the event up to which the lines are written. */
  position(): Promise<number>
  /** Writes the lines of the events behind `from` up to `to`; false, and nothing is written, when the position is not `from` any more. */
  append(from: number, to: number, lines: readonly StatementLine[]): Promise<boolean>
  /** The newest line of each of `accounts`, up to {@link STATEMENT_LINES_MAX} * 2 of them; none for an account without lines. */
  newest(accounts: readonly LedgerAccountId[]): Promise<ReadonlyMap<LedgerAccountId, StatementLine>>
  /** Lines of an account before event `before`, the newest first, up to `limit`. Rejects `invalid.argument` above {@link STATEMENT_LINES_MAX}. */
  lines(account: LedgerAccountId, before: number | undefined, limit: number): Promise<readonly StatementLine[]>
  /** Forgets all lines, to be made again from the first event. */
  clear(): Promise<void>
}

/** The lines that events add, and what the accounts hold after them. `before`: what they held. */
export function statementLines(events: readonly LedgerEvent[], before: ReadonlyMap<LedgerAccountId, Balances>): readonly StatementLine[] {
  const balances = new Map(before)
  return events.flatMap(({ bytes }) => {
    const { change } = decodeLedgerEvent(bytes)
    if (!('ends' in change)) return []
    return (['debit', 'credit'] as const).map((side): StatementLine => {
      const account = change[side]
      const after = balancesAfter(balances.get(account) ?? NO_BALANCES, side, change)
      balances.set(account, after)
      const { number, atMs, id, kind, amount, purpose } = change
      return { account, number, atMs, transfer: id, kind, side, other: side === 'debit' ? change.credit : change.debit, amount, purpose, after }
    })
  })
}

/** Throws `invalid.argument` unless `limit` lines may be read at once. */
export function checkLines(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 0 || limit > STATEMENT_LINES_MAX) throw new EvegramError('invalid.argument', { operation: 'read statement' })
}

/** Keeps statements up with the ledger. Several may run: what one has written, no other writes again. */
export class StatementProjector {
  readonly #ledger: LedgerStore
  readonly #statements: StatementStore
  /** The step under way that readers wait for together. */
  #shared: Promise<number> | undefined

  constructor(ledger: LedgerStore, statements: StatementStore) {
    this.#ledger = ledger
    this.#statements = statements
  }

  /** Writes the lines of what is next, up to a bound; how many events it read. Rejects as the stores do, and nothing is written then. */
  async step(): Promise<number> {
    const from = await this.#statements.position()
    const events = await this.#ledger.events(from, STEP_EVENTS)
    const last = events.at(-1)
    if (last === undefined) return 0
    const newest = await this.#statements.newest([...accountsOf(events)])
    const before = new Map([...newest].map(([account, { after }]) => [account, after]))
    await this.#statements.append(from, last.number, statementLines(events, before))
    return events.length
  }

  /** Writes everything that the ledger has at the time. */
  async catchUp(): Promise<void> {
    while (await this.step() > 0);
  }

  /**
   * Resolves when the lines of everything that the ledger had when it was called are written: who saw money move, and asks then, finds it. Whoever asks meanwhile shares
   * the work. Rejects `unavailable.store` when the lines are further behind than a bounded number of steps, and as the stores do.
   */
  async reach(): Promise<void> {
    const { number } = await this.#ledger.head()
    for (let step = 0; await this.#statements.position() < number; step++) {
      if (step === REACH_STEPS_MAX) throw new EvegramError('unavailable.store', { operation: 'read statement', advice: 'The statements are far behind the ledger: ask again in a moment.' })
      this.#shared ??= this.step().finally(() => { this.#shared = undefined })
      await this.#shared
    }
  }

  /** Makes all statements again. Readers see few lines until it resolves. */
  async rebuild(): Promise<void> {
    await this.#statements.clear()
    await this.catchUp()
  }
}

function accountsOf(events: readonly LedgerEvent[]): ReadonlySet<LedgerAccountId> {
  const accounts = new Set<LedgerAccountId>()
  for (const { bytes } of events) {
    const { change } = decodeLedgerEvent(bytes)
    if ('ends' in change) accounts.add(change.debit).add(change.credit)
  }
  return accounts
}
