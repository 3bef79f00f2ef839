import { EvegramError, type AccountId } from '@evegram/protocol'
import type { StatementKind, StatementLine, TransferTerms, WallyApi, Withdrawal, WithdrawalRequest } from '../../api/wally-api.js'

/** The one asset of a {@link FakeWally}. */
export const FAKE_ASSET = 'solana/sol'

type Line = Omit<StatementLine, 'asset' | 'heldAfter' | 'availableAfter'>

/** A wallet bridge in memory: idempotent transfers, statements, and the ways in which answers get lost. The real one is what the CLI's process tests run against. */
export class FakeWally {
  readonly sends: TransferTerms[] = []
  readonly withdrawals: WithdrawalRequest[] = []
  readonly #balances = new Map<AccountId, bigint>()
  readonly #lines = new Map<AccountId, StatementLine[]>()
  readonly #transfers = new Map<string, string>()
  #number = 0
  /** What becomes of the next requests to send: each is taken once. `lost_request`: never arrived; `lost_answer`: done, and nobody hears of it. */
  readonly fates: ('lost_request' | 'lost_answer' | 'late' | 'pass')[] = []
  /** Likewise of requests to withdraw. */
  readonly withdrawalFates: ('lost_request' | 'lost_answer' | 'refused' | 'pass')[] = []
  /** Requests that arrived and are done later. */
  readonly late: (() => void)[] = []
  /** Questions for a statement that arrived. */
  looks = 0
  /** Whether it leaves those without an answer. */
  isAway = false
  /** What it says of its asset. */
  decimals = 9
  /** What it names as destination. */
  destination: (to: string) => string = (to) => to
  /** Changes what a statement says. */
  lie: (lines: readonly StatementLine[]) => readonly StatementLine[] = (lines) => lines

  balance(account: AccountId): bigint {
    return this.#balances.get(account) ?? 0n
  }

  deposit(account: AccountId, amount: bigint): void {
    this.#book(account, { transfer: `d:solana:tx${String(this.#number)}:0`, kind: 'transfer', side: 'credit', amount })
  }

  /** Any line of a statement. */
  book(account: AccountId, transfer: string, kind: StatementKind, side: 'debit' | 'credit', amount: bigint): void {
    this.#book(account, { transfer, kind, side, amount })
  }

  api(account: AccountId): WallyApi {
    return {
      assets: () => Promise.resolve([{ asset: FAKE_ASSET, chain: 'solana', symbol: 'SOL', decimals: this.decimals, native: true, depositMin: 1n }]),
      // As the server does: what was ever held, and nothing else.
      balances: () => Promise.resolve(this.#balances.has(account) ? [{ asset: FAKE_ASSET, held: this.balance(account), reserved: 0n, available: this.balance(account) }] : []),
      statement: (asset, before, limit) => {
        this.looks += 1
        if (this.isAway) return Promise.reject(new EvegramError('timeout', { operation: 'read statement' }))
        const lines = (this.#lines.get(account) ?? []).filter((line) => line.asset === asset && (before === undefined || line.number < before))
        return Promise.resolve(this.lie(lines.slice(-limit).reverse()))
      },
      depositPlace: (chain) => Promise.resolve({ chain, address: '7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv', memo: `evg1${account.slice(0, 16)}` }),
      send: async (terms) => {
        await Promise.resolve()
        this.sends.push(terms)
        const fate = this.fates.shift() ?? 'pass'
        if (fate === 'lost_request') throw new EvegramError('unavailable.server', { operation: 'send money' })
        if (fate === 'late') {
          this.late.push(() => { try { this.#send(account, terms) } catch { /* refused, and nobody hears of it */ } })
          throw new EvegramError('timeout', { operation: 'send money' })
        }
        this.#send(account, terms)
        if (fate === 'lost_answer') throw new EvegramError('timeout', { operation: 'send money' })
      },
      quote: ({ to }) => Promise.resolve({
        chain: 'solana', to: this.destination(to), feeAsset: FAKE_ASSET, feeMax: 1n, taxMax: 0n, feeFrom: 'account', holdMs: 0, needsApproval: false,
      }),
      withdraw: async (request) => {
        await Promise.resolve()
        const fate = this.withdrawalFates.shift() ?? 'pass'
        if (fate === 'lost_request') throw new EvegramError('unavailable.server', { operation: 'withdraw' })
        if (fate === 'refused') throw new EvegramError('wallet.payout_refused', { operation: 'withdraw' })
        const known = this.withdrawals.find(({ id }) => id === request.id)
        if (known === undefined) this.withdrawals.push(request)
        if (fate === 'lost_answer') throw new EvegramError('timeout', { operation: 'withdraw' })
        return withdrawalOf(known ?? request)
      },
      withdrawals: () => Promise.resolve(this.withdrawals.map(withdrawalOf)),
      withdrawal: (id) => {
        const found = this.withdrawals.find((request) => request.id === id)
        return found === undefined ? Promise.reject(new EvegramError('not_found.resource', { operation: 'read withdrawal' })) : Promise.resolve(withdrawalOf(found))
      },
    }
  }

  #send(from: AccountId, { id, to, asset, amount }: TransferTerms): void {
    const transfer = `u:${from}:${id}`
    const fields = JSON.stringify([to, asset, amount.toString()])
    const known = this.#transfers.get(transfer)
    if (known === fields) return
    if (known !== undefined) throw new EvegramError('conflict.request_differs', { operation: 'send money' })
    if (this.balance(from) < amount) throw new EvegramError('wallet.insufficient_funds', { operation: 'send money' })
    this.#transfers.set(transfer, fields)
    this.#book(from, { transfer, kind: 'transfer', side: 'debit', amount, other: to })
    this.#book(to, { transfer, kind: 'transfer', side: 'credit', amount, other: from })
  }

  #book(account: AccountId, line: Omit<Line, 'number' | 'atMs'>): void {
    const moved = line.kind === 'transfer' || line.kind === 'post' ? line.amount : 0n
    const after = this.balance(account) + (line.side === 'credit' ? moved : -moved)
    this.#balances.set(account, after)
    const lines = this.#lines.get(account) ?? []
    this.#number += 1
    lines.push({ ...line, asset: FAKE_ASSET, number: this.#number, atMs: this.#number, heldAfter: after, availableAfter: after })
    this.#lines.set(account, lines)
  }
}

function withdrawalOf({ id, asset, amount, to }: WithdrawalRequest): Withdrawal {
  return { id, chain: asset.slice(0, asset.indexOf('/')), asset, amount, to, feeMax: 1n, taxMax: 0n, feeFrom: 'account', state: 'requested', createdAtMs: 0 }
}
