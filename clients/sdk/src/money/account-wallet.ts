import {
  EvegramError, hexOf, isEvegramError, LIMITS, paymentTransferId, utf8, type AccountId, type PaymentBody, type PaymentRequestBody,
} from '@evegram/protocol'
import type {
  DepositPlace, StatementLine, WalletAsset, WalletBalance, WallyApi, Withdrawal, WithdrawalQuote, WithdrawalWish,
} from '../api/wally-api.js'
import type { DiscoveredServer } from '../api/discovered-server.js'
import type { Conversation } from '../conversation.js'
import type { SentMessage } from '../core/sent-message.js'
import type { Core } from '../core/context.js'
import type { Message } from '../core/message.js'
import type { Transaction } from '../core/transaction.js'
import { Turns } from '../core/turns.js'
import type { Wallet } from '../wallets/wallet.js'
import { AskedWithdrawals, type UnansweredWithdrawal } from './asked-withdrawals.js'
import { checkAssets } from './check-assets.js'
import { noticeOf, type WalletNotice } from './notice.js'
import { PaymentOutbox } from './payment-outbox.js'
import type { PendingPayment } from './pending-payment.js'
import { requestTransferId } from './request-transfer.js'
import { StatementFollower } from './statement-follower.js'
import { listLines, readShownAs, readTransferLine, writeShownAs } from './statement-row.js'
import { quoteOf, withdrawWith } from './withdraw.js'

/** What to pay. */
export interface PaymentTerms {
  readonly asset: string
  /** In the smallest unit, above 0. */
  readonly amount: bigint
  /** For the other side alone, end-to-end encrypted. At most `LIMITS.paymentNoteBytesMax` bytes. */
  readonly note?: string
  /** The request that this answers. */
  readonly request?: string
}

/** What to ask for. */
export interface PaymentRequestTerms {
  readonly asset: string
  /** In the smallest unit, above 0. */
  readonly amount: bigint
  readonly note?: string
  /** Default 24 hours. */
  readonly expiresInMs?: number
  /** Names the own deposit address and memo too, so that it may be paid on the chain. Default false. */
  readonly onChain?: boolean
}

/** What to withdraw. */
export interface WithdrawalTermsAsked extends WithdrawalWish {
  /**
   * From {@link AccountWallet.newId}, drawn and kept before: after a lost answer ask again under it, never without it, which would be a second withdrawal. 1 to 64
   * letters, digits, `_`, `.` and `-`. Without it one is drawn, and only the answer or the error names it.
   */
  readonly id?: string
}

/** A payment that is durable on this device and on its way. */
export interface SentPayment {
  /** Client id of the transfer. */
  readonly transfer: string
  /** Resolves when the money has moved, whatever becomes of the message; rejects as `done` does. */
  readonly paid: Promise<void>
  /**
   * Resolves when the money has moved and the message that tells of it is on its way; rejects when the server refused the payment, and with `client.closed`: then the
   * next run of this profile goes on with it.
   */
  readonly done: Promise<SentMessage>
}

/** What the own statement says of a payment message. `unproven`: nothing (yet). `contradicted`: something else, or another message showed this transfer before. */
export type PaymentProof = 'paid' | 'unproven' | 'contradicted'

/** The own account at the wallet bridge of the server: play or real money that the server holds. All numbers are the server's word. */
export interface AccountWallet {
  /** What can be held here. Rejects `invalid.response` for wrong decimal places of a native asset. */
  assets(): Promise<readonly WalletAsset[]>
  balances(): Promise<readonly WalletBalance[]>
  /** Lines of the own statement before number `before`, the newest first, up to 100. */
  statement(asset: string, options?: { readonly before?: number; readonly limit?: number }): Promise<readonly StatementLine[]>
  /** Where to pay on a chain so that it arrives here: the address together with the memo. */
  depositPlace(chain: string): Promise<DepositPlace>
  /**
   * Pays the other side of a conversation. Resolves when that is durable on this device, offline too. It is paid once and told once, whatever crashes; a request is paid
   * once, whichever own devices answer it and however often. Rejects `invalid.argument`, also for a request that this device paid, `too_large.payload`, `limited.queue`, `client.closed`.
   */
  pay(conversation: Conversation, terms: PaymentTerms): Promise<SentPayment>
  /** The payments of this device that have no message yet, earlier runs included: those that were refused, then those on their way, in their order. `payment-changed` tells when to ask again. */
  payments(): Promise<readonly PendingPayment[]>
  /** Puts a refused payment away: {@link payments} names it no more. One that is on its way stays. */
  dismissPayment(transfer: string): Promise<void>
  /** Asks the other side of a conversation to pay. Rejects as {@link Conversation.send} does, and as {@link AccountWallet.depositPlace} when it is to name that. */
  request(conversation: Conversation, terms: PaymentRequestTerms): Promise<SentMessage & { readonly request: PaymentRequestBody }>
  /**
   * What the own statement says of a message of kind `payment`: asks the server for news when it says nothing yet and was not asked since the message came; again every
   * quarter of a minute at most, in the first ten minutes of the message. Never believe the message alone. Of two messages that name one transfer the one that was asked about first is paid. Rejects when the server gives no answer; with `ask`
   * false it is not asked, and `unproven` means that this device does not know.
   */
  proofOf(message: Message, options?: { readonly ask?: boolean }): Promise<PaymentProof>
  /** What a withdrawal would cost. Rejects `invalid.response` when the server names another destination than `to`. */
  quote(wish: WithdrawalWish): Promise<WithdrawalQuote>
  /** A new id of a withdrawal: random, of this account alone. */
  newId(): string
  /**
   * Withdraws to an address on a chain: `wallet`, one of this account, signs for exactly this withdrawal. Rejects `invalid.argument`, `proof.*`, `wallet.*`, and
   * `timeout` or `unavailable.*` when no answer came: then it may have been taken, and is in {@link AccountWallet.unansweredWithdrawals}, where it was written before
   * anything left. `details.withdrawal` of every error is its id.
   */
  withdraw(wallet: Wallet, terms: WithdrawalTermsAsked): Promise<Withdrawal>
  /** The newest first, up to 100. */
  withdrawals(limit?: number): Promise<readonly Withdrawal[]>
  /** Rejects `not_found.resource`. */
  withdrawal(id: string): Promise<Withdrawal>
  /**
   * What was withdrawn on this device and has no answer, also of earlier runs, the oldest first: the server may have taken it. Ask for it again under its id, which makes
   * no second one. It is in the list until an answer names it (of {@link AccountWallet.withdraw}, {@link AccountWallet.withdrawals} or {@link AccountWallet.withdrawal}) or refuses it. Works offline.
   */
  unansweredWithdrawals(): Promise<readonly UnansweredWithdrawal[]>
  /**
   * Takes one out of that list that the server does not have: it is asked, and what it has stays as it stands. Rejects `conflict.busy` as long as a request for it may still
   * be under way (a minute), and when the server gives no answer.
   */
  forgetWithdrawal(id: string): Promise<void>
  /**
   * Takes over what is new in the own statement, of one asset or of all that were ever held; tells it as `wallet-notice` events and returns it, the oldest first. What
   * was there at the first time is old; an asset that is held for the first time later is news from its first line.
   */
  refresh(asset?: string): Promise<readonly WalletNotice[]>
  /** The newest `limit` notices of an asset that this device took over, the oldest first: deposits, payments, withdrawals. Works offline. */
  notices(asset: string, limit?: number): Promise<readonly WalletNotice[]>
}

/** What an {@link AccountWallet} is made of. */
export interface AccountWalletPorts {
  readonly core: Core
  readonly api: WallyApi
  readonly server: Pick<DiscoveredServer, 'domain' | 'origin' | 'network'>
  say: ConstructorParameters<typeof PaymentOutbox>[0]['say']
}

const NOTICES_DEFAULT = 100
const REQUEST_MS_DEFAULT = 24 * 3_600_000
const ID_BYTES = 16
/** Assets of which it is known when they were looked at last: messages can name any. */
const LOOKED_ASSETS_MAX = 1_024
/** What the statement does not say is asked again after this time, at the earliest, */
const LOOK_AGAIN_MS = 15_000
/** and until this long after the message came. */
const LOOK_UNTIL_MS = 600_000

/** An {@link AccountWallet} on the core of a client. */
export class ServerWallet implements AccountWallet {
  readonly #ports: AccountWalletPorts
  readonly #outbox: PaymentOutbox
  readonly #asked: AskedWithdrawals
  readonly #follower: StatementFollower
  readonly #refreshes = new Turns()
  /** When the statement of an asset was followed for a message, in ms since 1970, server time. */
  readonly #lookedAtMs = new Map<string, number>()

  constructor(ports: AccountWalletPorts) {
    this.#ports = ports
    this.#outbox = new PaymentOutbox(ports)
    this.#asked = new AskedWithdrawals(ports.core)
    this.#follower = new StatementFollower(ports.core, ports.api)
  }

  /** Payments that wait. */
  get waiting(): number {
    return this.#outbox.size
  }

  /** Begins nothing more. */
  close(): void {
    this.#outbox.close()
  }

  async assets(): Promise<readonly WalletAsset[]> {
    return checkAssets(await this.#ports.api.assets())
  }

  balances(): Promise<readonly WalletBalance[]> {
    return this.#ports.api.balances()
  }

  statement(asset: string, options: { readonly before?: number; readonly limit?: number } = {}): Promise<readonly StatementLine[]> {
    return this.#ports.api.statement(asset, options.before, options.limit ?? NOTICES_DEFAULT)
  }

  depositPlace(chain: string): Promise<DepositPlace> {
    return this.#ports.api.depositPlace(chain)
  }

  async pay(conversation: Conversation, { asset, amount, note = '', request }: PaymentTerms): Promise<SentPayment> {
    const to: AccountId = conversation.peer.account
    checkMoney(amount, note)
    if (to === this.#ports.core.account) throw new EvegramError('invalid.argument', { operation: 'pay', advice: 'This is your own account.' })
    const payment: PaymentBody = { transfer: request === undefined ? this.newId() : requestTransferId(to, request), asset, amount: amount.toString(), note, ...(request === undefined ? {} : { request }) }
    return { transfer: payment.transfer, ...await this.#outbox.add(conversation.id, to, payment) }
  }

  payments(): Promise<readonly PendingPayment[]> {
    return this.#outbox.list()
  }

  dismissPayment(transfer: string): Promise<void> {
    return this.#outbox.dismiss(transfer)
  }

  async request(conversation: Conversation, terms: PaymentRequestTerms): Promise<SentMessage & { readonly request: PaymentRequestBody }> {
    const { asset, amount, note = '', expiresInMs = REQUEST_MS_DEFAULT, onChain = false } = terms
    checkMoney(amount, note)
    const place = onChain ? await this.depositPlace(chainOf(asset)) : undefined
    const request: PaymentRequestBody = {
      request: this.newId(), asset, amount: amount.toString(), note, expiresAtMs: this.#ports.core.time.now() + expiresInMs,
      ...(place === undefined ? {} : { deposit: { address: place.address, memo: place.memo } }),
    }
    return { ...await this.#ports.say(conversation.id, { kind: 'payment_request', body: request }, () => undefined), request }
  }

  async proofOf(message: Message, { ask = true }: { readonly ask?: boolean } = {}): Promise<PaymentProof> {
    const { payment } = message
    if (payment === undefined) return 'unproven'
    const known = await this.#look(message, payment)
    if (known !== 'unproven' || !ask || !this.#isLookDue(payment.asset, message.receivedAtMs)) return known
    await this.#lookAt(payment.asset)
    return this.#look(message, payment)
  }

  newId(): string {
    return hexOf(this.#ports.core.random.bytes(ID_BYTES))
  }

  async withdraw(wallet: Wallet, { id = this.newId(), ...wish }: WithdrawalTermsAsked): Promise<Withdrawal> {
    checkMoney(wish.amount, '')
    try {
      return await withdrawWith({ ...this.#ports, asked: this.#asked }, wallet, id, wish)
    } catch (cause) {
      throw isEvegramError(cause) ? withDetail(cause, { withdrawal: id }) : cause
    }
  }

  quote(wish: WithdrawalWish): Promise<WithdrawalQuote> {
    return quoteOf(this.#ports, wish)
  }

  async withdrawals(limit: number = NOTICES_DEFAULT): Promise<readonly Withdrawal[]> {
    const withdrawals = await this.#ports.api.withdrawals(limit)
    await this.#asked.answered(withdrawals)
    return withdrawals
  }

  async withdrawal(id: string): Promise<Withdrawal> {
    const withdrawal = await this.#ports.api.withdrawal(id)
    await this.#asked.answered([withdrawal])
    return withdrawal
  }

  unansweredWithdrawals(): Promise<readonly UnansweredWithdrawal[]> {
    return this.#asked.list()
  }

  async forgetWithdrawal(id: string): Promise<void> {
    try {
      await this.withdrawal(id)
    } catch (error) {
      if (!isEvegramError(error, 'not_found.resource')) throw error
      await this.#asked.forget(id)
    }
  }

  async refresh(asset?: string): Promise<readonly WalletNotice[]> {
    if (asset !== undefined) return this.#follower.news(asset)
    return this.#refreshes.run(async () => {
      const news: WalletNotice[] = []
      for (const held of await this.#ports.api.balances()) news.push(...await this.#follower.news(held.asset))
      await this.#follower.begin()
      return news.sort((left, right) => left.number - right.number)
    })
  }

  async notices(asset: string, limit: number = NOTICES_DEFAULT): Promise<readonly WalletNotice[]> {
    return (await listLines(this.#ports.core.store, asset, limit)).map(noticeOf).reverse()
  }

  /** Money moves before a message tells of it, so one look behind the message would do; but what answers may be behind the books for a while. */
  #isLookDue(asset: string, receivedAtMs: number): boolean {
    const lookedAtMs = this.#lookedAtMs.get(asset) ?? 0
    if (lookedAtMs <= receivedAtMs) return true
    return lookedAtMs - receivedAtMs < LOOK_UNTIL_MS && this.#ports.core.time.now() - lookedAtMs >= LOOK_AGAIN_MS
  }

  /** Takes over the statement of an asset that a message names, which may be none of the server. */
  async #lookAt(asset: string): Promise<void> {
    const nowMs = this.#ports.core.time.now()
    try {
      await this.#follower.follow(asset)
    } catch (error) {
      if (!isEvegramError(error, 'wallet.asset_unknown')) throw error
    }
    this.#lookedAtMs.delete(asset)
    const [oldest] = this.#lookedAtMs.keys()
    if (oldest !== undefined && this.#lookedAtMs.size >= LOOKED_ASSETS_MAX) this.#lookedAtMs.delete(oldest)
    this.#lookedAtMs.set(asset, nowMs)
  }

  /** Asks the local copy of the statement, and binds the transfer to the message that it is shown with. */
  async #look({ fromAccount, messageId }: Message, payment: PaymentBody): Promise<PaymentProof> {
    const { core } = this.#ports
    const transfer = paymentTransferId(fromAccount, payment.transfer)
    const line = await readTransferLine(core.store, transfer)
    if (line === undefined) return 'unproven'
    const side = fromAccount === core.account ? 'debit' : 'credit'
    if (line.asset !== payment.asset || line.amount !== BigInt(payment.amount) || line.side !== side) return 'contradicted'
    return core.local.write(async (tx: Transaction): Promise<PaymentProof> => {
      const shown = await readShownAs(tx, transfer)
      if (shown === undefined) writeShownAs(tx, transfer, messageId)
      return shown === undefined || shown === messageId ? 'paid' : 'contradicted'
    })
  }

}

function chainOf(asset: string): string {
  return asset.slice(0, Math.max(0, asset.indexOf('/')))
}

/** The same error, which names more. */
function withDetail(cause: EvegramError, detail: Readonly<Record<string, string>>): EvegramError {
  const { code, advice, operation, retryAfterMs, details } = cause
  return new EvegramError(code, { advice, details: { ...details, ...detail }, cause, ...(operation === undefined ? {} : { operation }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

function checkMoney(amount: bigint, note: string): void {
  if (amount <= 0n) throw new EvegramError('invalid.argument', { operation: 'read amount', advice: 'An amount is above 0.' })
  if (utf8(note).length > LIMITS.paymentNoteBytesMax) throw new EvegramError('too_large.payload', { operation: 'read note' })
}
