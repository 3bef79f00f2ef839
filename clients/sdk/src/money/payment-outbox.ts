import { EvegramError, unitInterval, type AccountId, type ConversationId, type PaymentBody, type Timer } from '@evegram/protocol'
import type { WallyApi } from '../api/wally-api.js'
import { asEvegramError } from '../core/background.js'
import type { Core } from '../core/context.js'
import { Deferred } from '../core/deferred.js'
import type { MessageContent } from '../core/message.js'
import type { Transaction } from '../core/transaction.js'
import type { SentMessage } from '../core/sent-message.js'
import { listPayments, listRefused, moveToRefused, paymentKey, readAnswered, removeRefused, takePaymentPlace, writeAnswered, writePayment, type PaymentRow } from './payment-row.js'
import { pendingOf, refusedOf, type PendingPayment } from './pending-payment.js'

/** Bounds of payments that wait, units last. */
export const PAYMENT_LIMITS = {
  /** Payments whose money has not moved; past it `pay` rejects with `limited.queue`. */
  waitingMax: 64,
  /** Payments that are made and could not be told yet; past it `pay` rejects with `limited.queue`. */
  untoldMax: 512,
  /** Payments that were refused and that nobody has put away: the oldest are forgotten. */
  refusedMax: 64,
  /** First wait after a failure that time may heal; doubles, with full jitter. */
  backoffMs: 1_000,
  backoffMsMax: 60_000,
  /** A refusal is believed this long after an attempt without an answer: by then the server has done that one, or never will. */
  settleMs: 60_000,
} as const

const ROWS_MAX = PAYMENT_LIMITS.waitingMax + PAYMENT_LIMITS.untoldMax

/** Answers that are about the payment itself: it was not made, and will not be however often it is asked for. Any other may be about the session, the way or the moment. */
const REFUSALS = /^(?:wallet\..*|denied\..*|invalid\.(?:argument|request)|conflict\.request_differs|account\.(?:not_found|closed))$/

/** What a {@link PaymentOutbox} works with. */
export interface PaymentOutboxPorts {
  readonly core: Core
  readonly api: Pick<WallyApi, 'send'>
  /** Sends a message in a conversation, together with what `also` stages. */
  say(conversation: ConversationId, content: MessageContent, also: (tx: Transaction) => void): Promise<SentMessage>
}

/** How a payment goes on, for who decided on it. */
export interface PaymentProgress {
  /** Resolves when the money has moved; rejects when the server refused it (nothing moved), or with `client.closed`: then the next run goes on. */
  readonly paid: Promise<void>
  /** Resolves when the message that tells of it is on its way too; rejects as `paid` does. */
  readonly done: Promise<SentMessage>
}

interface Waiter {
  readonly paid: Deferred<void>
  readonly done: Deferred<SentMessage>
}

/**
 * Payments that were decided on: durable before anything leaves, then the transfer under an id that was chosen before, then the message that tells of it, staged
 * in one transaction with the end of the row. A crash anywhere sends the money once and the message once: the server knows the id for ever, and answers `exists`.
 * One after the other, so that what was decided on first has the money first. What is paid and could not be told is only told again.
 */
export class PaymentOutbox {
  readonly #ports: PaymentOutboxPorts
  readonly #waiters = new Map<number, Waiter>()
  readonly #release: () => void
  #busy = false
  #again = false
  #failures = 0
  #wait: Timer | undefined
  #size = 0
  #closed = false

  constructor(ports: PaymentOutboxPorts) {
    this.#ports = ports
    this.#release = ports.core.events.on('state', ({ state }) => {
      if (state === 'live') this.#wake()
    })
    this.#wake()
  }

  /** Payments that wait, as far as they were counted. */
  get size(): number {
    return this.#size
  }

  /** What has no message yet: first what was refused, the oldest first, then what waits, in its order. */
  async list(): Promise<readonly PendingPayment[]> {
    const { store } = this.#ports.core
    return [...(await listRefused(store, PAYMENT_LIMITS.refusedMax)).map(refusedOf), ...(await listPayments(store, ROWS_MAX)).map(pendingOf)]
  }

  /** Puts refused payments of this transfer away; durable when resolved. What is not refused stays. */
  async dismiss(transfer: string): Promise<void> {
    const { core } = this.#ports
    await core.local.write(async (tx) => {
      for (const row of await listRefused(core.store, PAYMENT_LIMITS.refusedMax)) {
        if (row.payment.transfer !== transfer) continue
        removeRefused(tx, row)
        this.#changed(tx, row)
      }
    })
  }

  /**
   * Decides on a payment. Resolves when that is durable; of a transfer that waits already nothing is decided again, and that one is followed. Rejects `limited.queue`, `client.closed`, and
   * `invalid.argument` for a request that this device paid, or is paying with other terms.
   */
  async add(conversation: ConversationId, to: AccountId, payment: PaymentBody): Promise<PaymentProgress> {
    if (this.#closed) throw new EvegramError('client.closed', { operation: 'pay' })
    const { core } = this.#ports
    let waiter: Waiter = { paid: new Deferred<void>(), done: new Deferred<SentMessage>() }
    await core.local.write(async (tx) => {
      const rows = await listPayments(core.store, ROWS_MAX)
      if (payment.request !== undefined && await readAnswered(tx, payment.transfer)) throw new EvegramError('invalid.argument', { operation: 'pay', advice: 'This request was paid already.' })
      const known = rows.find((row) => row.payment.transfer === payment.transfer)
      if (known !== undefined) {
        const { asset, amount } = known.payment
        if (asset !== payment.asset || amount !== payment.amount) throw new EvegramError('invalid.argument', { operation: 'pay', advice: 'This request is being paid with other terms.' })
        waiter = this.#waiters.get(known.place) ?? waiter
        if (known.paid) waiter.paid.resolve()
        tx.afterCommit(() => { this.#follow(known, waiter) })
        return
      }
      // Asked for once more: what became of it is told anew.
      for (const row of await listRefused(core.store, PAYMENT_LIMITS.refusedMax)) if (row.payment.transfer === payment.transfer) removeRefused(tx, row)
      const unpaid = rows.filter(({ paid }) => !paid).length
      const { waitingMax, untoldMax } = PAYMENT_LIMITS
      if (unpaid >= waitingMax || rows.length - unpaid >= untoldMax) throw new EvegramError('limited.queue', { operation: 'pay', details: { waitingMax, untoldMax } })
      const row: PaymentRow = { place: await takePaymentPlace(tx), conversation, to, payment, unansweredAtMs: 0, paid: false, decidedAtMs: core.time.now() }
      writePayment(tx, row)
      this.#changed(tx, row)
      tx.afterCommit(() => {
        this.#size += 1
        this.#follow(row, waiter)
      })
    })
    this.#wake()
    return { paid: waiter.paid.promise, done: waiter.done.promise }
  }

  #follow({ place }: PaymentRow, waiter: Waiter): void {
    // Closed while it was written: nobody would ever settle it.
    if (this.#closed) rejectBoth(waiter, new EvegramError('client.closed', { operation: 'pay' }))
    else this.#waiters.set(place, waiter)
  }

  /** Nothing more is begun; who waits is told `client.closed`, the rows stay for the next run. */
  close(): void {
    this.#closed = true
    this.#release()
    this.#wait?.cancel()
    for (const waiter of this.#waiters.values()) rejectBoth(waiter, new EvegramError('client.closed', { operation: 'pay' }))
    this.#waiters.clear()
  }

  #wake(): void {
    if (this.#closed) return
    this.#wait?.cancel()
    this.#wait = undefined
    if (this.#busy) {
      this.#again = true
      return
    }
    this.#busy = true
    this.#ports.core.background.run('pay', async () => {
      try {
        await this.#drain()
      } finally {
        this.#busy = false
        if (this.#again) {
          this.#again = false
          this.#wake()
        }
      }
    })
  }

  async #drain(): Promise<void> {
    try {
      // Each once: what could not be told must not hold up what can be paid.
      for (let after = 0; !this.#closed;) {
        const rows = await listPayments(this.#ports.core.store, ROWS_MAX)
        this.#size = rows.length
        const next = rows.find(({ place }) => place > after)
        if (next === undefined || !(await this.#attempt(next))) return
        after = next.place
      }
    } catch (cause) {
      this.#backOff(0)
      throw asEvegramError(cause, 'pay')
    }
  }

  /** Whether the next one may go at once. */
  async #attempt(row: PaymentRow): Promise<boolean> {
    const { core, api } = this.#ports
    if (!row.paid) {
      // Durable before it leaves: a row without this mark has certainly not left.
      await this.#mark({ ...row, unansweredAtMs: core.time.now() })
      try {
        await api.send({ id: row.payment.transfer, to: row.to, asset: row.payment.asset, amount: BigInt(row.payment.amount) })
      } catch (error) {
        return this.#refused(row, asEvegramError(error, 'pay'))
      }
      this.#waiters.get(row.place)?.paid.resolve()
    }
    try {
      await this.#tell(row)
      this.#failures = 0
    } catch (cause) {
      this.#backOff(0)
      core.events.emit('fault', { operation: 'tell of payment', error: asEvegramError(cause, 'tell of payment') })
      // The money has moved, only the message goes with a later attempt. A crash before this is durable asks once more, and is answered `exists`.
      if (!row.paid) await this.#mark({ ...row, paid: true })
    }
    return true
  }

  async #refused(row: PaymentRow, error: EvegramError): Promise<boolean> {
    if (!REFUSALS.test(error.code)) {
      this.#backOff(error.retryAfterMs ?? 0)
      return false
    }
    const sinceMs = this.#ports.core.time.now() - row.unansweredAtMs
    if (row.unansweredAtMs > 0 && sinceMs < PAYMENT_LIMITS.settleMs) {
      // An attempt before this one may still be under way: its refusal would be no proof that nothing moved.
      await this.#mark(row)
      this.#backOff(PAYMENT_LIMITS.settleMs - Math.max(0, sinceMs))
      return false
    }
    await this.#fail(row, error)
    return true
  }

  async #tell(row: PaymentRow): Promise<void> {
    const sent = await this.#ports.say(row.conversation, { kind: 'payment', body: row.payment }, (tx) => {
      tx.remove('payments', paymentKey(row.place))
      writeAnswered(tx, row.payment)
      this.#changed(tx, row)
    })
    this.#settle(row, ({ done }) => { done.resolve(sent) })
  }

  async #fail(row: PaymentRow, error: EvegramError): Promise<void> {
    const { core } = this.#ports
    await core.local.write(async (tx) => {
      moveToRefused(tx, row, error.code, await listRefused(core.store, PAYMENT_LIMITS.refusedMax), PAYMENT_LIMITS.refusedMax)
      this.#changed(tx, row)
      tx.afterCommit(() => {
        const { transfer, asset, amount } = row.payment
        core.events.emit('payment-failed', { conversation: row.conversation, transfer, asset, amount: BigInt(amount), error })
      })
    })
    this.#settle(row, (waiter) => { rejectBoth(waiter, error) })
  }

  #settle({ place }: PaymentRow, settle: (waiter: Waiter) => void): void {
    this.#size = Math.max(0, this.#size - 1)
    const waiter = this.#waiters.get(place)
    this.#waiters.delete(place)
    if (waiter !== undefined) settle(waiter)
  }

  async #mark(row: PaymentRow): Promise<void> {
    await this.#ports.core.local.write((tx) => {
      writePayment(tx, row)
      if (row.paid) this.#changed(tx, row)
      return Promise.resolve()
    })
  }

  /** Tells, once the transaction is durable, that {@link list} gives something else. */
  #changed(tx: Transaction, { conversation, payment: { transfer } }: PaymentRow): void {
    tx.afterCommit(() => { this.#ports.core.events.emit('payment-changed', { conversation, transfer }) })
  }

  #backOff(atLeastMs: number): void {
    if (this.#closed) return
    const capMs = Math.min(PAYMENT_LIMITS.backoffMsMax, PAYMENT_LIMITS.backoffMs * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 16)
    const { clock, random } = this.#ports.core
    this.#wait?.cancel()
    this.#wait = clock.after(atLeastMs + unitInterval(random) * capMs, () => { this.#wake() })
  }
}

function rejectBoth({ paid, done }: Waiter, error: EvegramError): void {
  paid.reject(error)
  done.reject(error)
}
