import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { Withdrawal, WithdrawalWish } from '../api/wally-api.js'
import type { Core } from '../core/context.js'
import type { Transaction } from '../core/transaction.js'
import { listUnanswered, readWithdrawal, withdrawalKey, writeWithdrawal } from './withdrawal-row.js'

/** Bounds of withdrawals without an answer, units last. */
export const WITHDRAWAL_LIMITS = {
  /** How many a device keeps; past it a new one rejects with `limited.queue`. */
  unansweredMax: 16,
  /** A refusal is believed, and a withdrawal may be forgotten, this long after a request without an answer: by then the server has done that one, or never will. */
  settleMs: 60_000,
} as const

/** A withdrawal that was asked for on this device, and of which no answer came: the server may have taken it. */
export interface UnansweredWithdrawal extends WithdrawalWish {
  readonly id: string
  /** When it was asked for last, in ms since 1970, server time. */
  readonly askedAtMs: number
}

/** Characters of ids, assets, destinations and memos that are kept; what is longer no server takes. */
const TEXT_CHARACTERS_MAX = 256
const ID = /^[A-Za-z0-9_.-]{1,64}$/

/** Answers that are about the withdrawal itself: it was not taken. Any other may be about the way or the moment. */
const REFUSALS = /^(?:wallet\..*|proof\..*|auth\..*|denied\..*|limited\..*|account\..*|too_large\..*|invalid\.(?:argument|request|address|proof)|conflict\.(?:request_differs|log_head))$/

interface RequestTimes {
  readonly askedAtMs: number
  /** Of a request before, which has no answer either; 0 where there was none. */
  readonly earlierAtMs: number
}

/** The withdrawals that this device asked for and does not know the fate of, durable before anything leaves: so that whoever asks again asks for the same one. */
export class AskedWithdrawals {
  readonly #core: Pick<Core, 'local' | 'store' | 'time'>

  constructor(core: Pick<Core, 'local' | 'store' | 'time'>) {
    this.#core = core
  }

  /**
   * Runs `ask`, which asks for `wish` under `id`, when it is durable that it does; forgets it with the answer. Rejects as `ask` does, `invalid.argument` for an id or a
   * text that no server takes, `conflict.request_differs` where another withdrawal was asked for under this id, and `limited.queue`.
   */
  async asking(id: string, wish: WithdrawalWish, ask: () => Promise<Withdrawal>): Promise<Withdrawal> {
    const times = await this.#begin(id, wish)
    try {
      const withdrawal = await ask()
      await this.answered([withdrawal])
      return withdrawal
    } catch (error) {
      if (isEvegramError(error) && REFUSALS.test(error.code)) await this.#refused(id, times)
      throw error
    }
  }

  /** What was asked for and not answered, the oldest first. */
  async list(): Promise<readonly UnansweredWithdrawal[]> {
    const rows = await listUnanswered(this.#core.store, WITHDRAWAL_LIMITS.unansweredMax)
    return rows.map(({ id, asset, amount, to, memo, askedAtMs }) => ({ id, asset, amount, to, askedAtMs, ...(memo === undefined ? {} : { memo }) }))
  }

  /** The server has these: their fate is known. */
  async answered(withdrawals: readonly Pick<Withdrawal, 'id'>[]): Promise<void> {
    const rows = await listUnanswered(this.#core.store, WITHDRAWAL_LIMITS.unansweredMax)
    const known = rows.filter(({ id }) => withdrawals.some((one) => one.id === id))
    if (known.length > 0) await this.#write((tx) => { for (const { id } of known) tx.remove('payments', withdrawalKey(id)) })
  }

  /** Forgets one that the server does not have. Rejects `conflict.busy` as long as a request for it may still arrive there. */
  async forget(id: string): Promise<void> {
    const row = await readWithdrawal(this.#core.store, id)
    if (row === undefined) return
    const leftMs = row.askedAtMs + WITHDRAWAL_LIMITS.settleMs - this.#core.time.now()
    if (leftMs > 0) throw new EvegramError('conflict.busy', { operation: 'forget withdrawal', retryAfterMs: leftMs, advice: 'A request for it may still be on its way: wait a minute, and look again.' })
    await this.#write((tx) => { tx.remove('payments', withdrawalKey(id)) })
  }

  #begin(id: string, { asset, amount, to, memo }: WithdrawalWish): Promise<RequestTimes> {
    if (!ID.test(id) || [asset, to, memo ?? ''].some(({ length }) => length > TEXT_CHARACTERS_MAX)) throw new EvegramError('invalid.argument', { operation: 'withdraw' })
    return this.#core.local.write(async (tx) => {
      const known = await readWithdrawal(tx, id)
      if (known === undefined) {
        const rows = await listUnanswered(this.#core.store, WITHDRAWAL_LIMITS.unansweredMax)
        if (rows.length >= WITHDRAWAL_LIMITS.unansweredMax) throw new EvegramError('limited.queue', { operation: 'withdraw', details: { unansweredMax: WITHDRAWAL_LIMITS.unansweredMax } })
      } else if (known.asset !== asset || known.amount !== amount || known.to !== to || known.memo !== memo) {
        throw new EvegramError('conflict.request_differs', { operation: 'withdraw' })
      }
      const askedAtMs = this.#core.time.now()
      writeWithdrawal(tx, { id, asset, amount, to, askedAtMs, ...(memo === undefined ? {} : { memo }) })
      return { askedAtMs, earlierAtMs: known?.askedAtMs ?? 0 }
    })
  }

  /** This request was answered. One before it, or beside it, may still be under way: its refusal would be no proof that nothing was taken. */
  async #refused(id: string, { askedAtMs, earlierAtMs }: RequestTimes): Promise<void> {
    const isSettled = earlierAtMs === 0 || this.#core.time.now() - earlierAtMs >= WITHDRAWAL_LIMITS.settleMs
    await this.#core.local.write(async (tx) => {
      const row = await readWithdrawal(tx, id)
      if (row?.askedAtMs !== askedAtMs) return
      if (isSettled) tx.remove('payments', withdrawalKey(id))
      else writeWithdrawal(tx, { ...row, askedAtMs: earlierAtMs })
    })
  }

  async #write(change: (tx: Transaction) => void): Promise<void> {
    await this.#core.local.write((tx) => {
      change(tx)
      return Promise.resolve()
    })
  }
}
