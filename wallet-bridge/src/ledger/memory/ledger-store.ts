import { EvegramError, type Clock } from '@evegram/protocol'
import { balancesAfter } from '../post-transfer.js'
import { decideClosing, decideExpiries, decideOpenings, decideTransfers, type LedgerView } from '../decide.js'
import { emptyLedgerHead, sealEvents, type LedgerChange, type LedgerEvent, type LedgerHead } from '../event.js'
import { checkCursorName, checkPage, EXPIRIES_MAX, type AccountPage, type LedgerStore } from '../ledger-store.js'
import { checkSubmission, type Submission, type Transfer } from '../transfer.js'
import { NO_BALANCES, type AccountOpening, type LedgerAccount } from '../account.js'
import type { LedgerAccountId, TransferId } from '../ids.js'
import type { CloseAccountResult, OpenAccountResult, TransferResult } from '../transfer-status.js'

/** What stores of one ledger share in memory: for the simulator and tests, nobody else. Grows without bound. */
export class MemoryLedger implements LedgerView {
  readonly clock: Clock
  head: LedgerHead
  readonly events: LedgerEvent[] = []
  readonly accounts = new Map<LedgerAccountId, LedgerAccount>()
  readonly transfers = new Map<TransferId, Transfer>()
  /** Pending transfers that nothing ended, by id. */
  readonly open = new Map<TransferId, Transfer>()
  readonly cursors = new Map<string, number>()
  readonly #endings = new Map<TransferId, Transfer>()

  /** `ledger`: 16 bytes in lower-case hex. */
  constructor(options: { readonly clock: Clock; readonly ledger: string }) {
    this.clock = options.clock
    this.head = emptyLedgerHead(options.ledger)
  }

  /** A store on it, as a process would have. */
  connect(): LedgerStore {
    return new MemoryLedgerStore(this)
  }

  account(id: LedgerAccountId): LedgerAccount | undefined {
    return this.accounts.get(id)
  }

  transfer(id: TransferId): Transfer | undefined {
    return this.transfers.get(id)
  }

  ending(pending: TransferId): Transfer | undefined {
    return this.#endings.get(pending)
  }

  /** Time of the ledger: never before its newest event. */
  nowMs(): number {
    return Math.max(this.clock.now(), this.head.atMs)
  }

  /** Stores changes and their events: all in one step that nothing can come between. */
  commit(changes: readonly LedgerChange[], atMs: number): void {
    const { events, head } = sealEvents(this.head, changes, atMs)
    for (const change of changes) this.#apply(change)
    this.events.push(...events)
    this.head = head
  }

  #apply(change: LedgerChange): void {
    if (change.kind === 'account_opened') {
      this.accounts.set(change.account.id, { ...change.account, closed: false, ...NO_BALANCES })
      return
    }
    if (change.kind === 'account_closed') {
      this.#set(change.account, (account) => ({ ...account, closed: true }))
      return
    }
    if (change.kind === 'operator_act') return
    this.transfers.set(change.id, change)
    if (change.kind === 'pending') this.open.set(change.id, change)
    if (change.ends !== undefined) {
      this.#endings.set(change.ends.pending, change)
      this.open.delete(change.ends.pending)
    }
    for (const side of ['debit', 'credit'] as const) this.#set(change[side], (account) => ({ ...account, ...balancesAfter(account, side, change) }))
  }

  #set(id: LedgerAccountId, change: (account: LedgerAccount) => LedgerAccount): void {
    const account = this.accounts.get(id)
    if (account === undefined) throw new EvegramError('internal', { operation: 'commit to ledger' })
    this.accounts.set(id, change(account))
  }
}

class MemoryLedgerStore implements LedgerStore {
  readonly #ledger: MemoryLedger
  #closed = false

  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger
  }

  async openAccounts(openings: readonly AccountOpening[]): Promise<readonly OpenAccountResult[]> {
    this.#refuseWhenClosed()
    checkPage(openings.length)
    const ledger = this.#ledger
    const { results, opened } = decideOpenings(ledger, openings)
    ledger.commit(opened.map((account) => ({ kind: 'account_opened', account })), ledger.nowMs())
    return results
  }

  async closeAccount(id: LedgerAccountId): Promise<CloseAccountResult> {
    this.#refuseWhenClosed()
    const ledger = this.#ledger
    const result = decideClosing(ledger.account(id))
    if (result === 'closed') ledger.commit([{ kind: 'account_closed', account: id }], ledger.nowMs())
    return result
  }

  async submit(submission: Submission): Promise<readonly TransferResult[]> {
    this.#refuseWhenClosed()
    checkSubmission(submission)
    const ledger = this.#ledger
    const place = { number: ledger.head.number + 1, nowMs: ledger.nowMs() }
    const { results, transfers } = decideTransfers(ledger, [submission], place)
    ledger.commit(transfers, place.nowMs)
    return results[0] ?? []
  }

  async expire(limit: number): Promise<number> {
    this.#refuseWhenClosed()
    checkPage(limit, EXPIRIES_MAX)
    const ledger = this.#ledger
    const place = { number: ledger.head.number + 1, nowMs: ledger.nowMs() }
    const due = [...ledger.open.values()].filter(({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs <= place.nowMs)
      .sort((left, right) => (left.expiresAtMs ?? 0) - (right.expiresAtMs ?? 0) || compare(left.id, right.id)).slice(0, limit)
    const transfers = decideExpiries(ledger, due.map(({ id }) => id), place)
    ledger.commit(transfers, place.nowMs)
    return transfers.length
  }

  async accounts(ids: readonly LedgerAccountId[]): Promise<readonly (LedgerAccount | undefined)[]> {
    this.#refuseWhenClosed()
    checkPage(ids.length)
    return ids.map((id) => this.#ledger.account(id))
  }

  async accountsAfter(after: LedgerAccountId | undefined, limit: number): Promise<AccountPage> {
    this.#refuseWhenClosed()
    checkPage(limit)
    const ids = [...this.#ledger.accounts.keys()].filter((id) => after === undefined || id > after).sort(compare).slice(0, limit)
    return { accounts: ids.flatMap((id) => this.#ledger.account(id) ?? []), number: this.#ledger.head.number }
  }

  async transfers(ids: readonly TransferId[]): Promise<readonly (Transfer | undefined)[]> {
    this.#refuseWhenClosed()
    checkPage(ids.length)
    return ids.map((id) => this.#ledger.transfer(id))
  }

  async openPendings(after: TransferId | undefined, limit: number): Promise<readonly TransferId[]> {
    this.#refuseWhenClosed()
    checkPage(limit)
    return [...this.#ledger.open.keys()].filter((id) => after === undefined || id > after).sort(compare).slice(0, limit)
  }

  async head(): Promise<LedgerHead> {
    this.#refuseWhenClosed()
    return this.#ledger.head
  }

  async events(after: number, limit: number): Promise<readonly LedgerEvent[]> {
    this.#refuseWhenClosed()
    checkPage(limit)
    return this.#ledger.events.slice(after, after + limit)
  }

  async cursor(name: string): Promise<number> {
    this.#refuseWhenClosed()
    checkCursorName(name)
    return this.#ledger.cursors.get(name) ?? 0
  }

  async moveCursor(name: string, from: number, to: number): Promise<boolean> {
    this.#refuseWhenClosed()
    checkCursorName(name)
    if ((this.#ledger.cursors.get(name) ?? 0) !== from) return false
    this.#ledger.cursors.set(name, to)
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new EvegramError('unavailable.store', { operation: 'use ledger', advice: 'The ledger was closed.' })
  }
}

/** As the database compares: ids are ASCII. */
function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
