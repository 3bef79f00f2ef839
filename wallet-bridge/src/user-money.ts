import { EvegramError, type AccountId } from '@evegram/protocol'
import { openingOf, type LedgerAccount } from './ledger/account.js'
import type { Amount } from './ledger/amount.js'
import { parsePurpose, userTransferId, type AssetId, type TransferId } from './ledger/ids.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import type { StatementLine, StatementProjector, StatementStore } from './ledger/statement.js'
import { isDone, type TransferResult } from './ledger/transfer-status.js'
import type { MovingRequest, Transfer } from './ledger/transfer.js'
import type { WallyAuth } from './ports/auth.js'

const CHAT = parsePurpose('chat')

/** What an account holds of one asset. */
export interface UserBalance {
  readonly asset: AssetId
  /** All of it, what is reserved included. */
  readonly held: bigint
  /** Reserved for payouts under way. */
  readonly reserved: bigint
  /** What can be sent or withdrawn now. */
  readonly available: bigint
  readonly closed: boolean
}

/** Money that one account sends to another. */
export interface SendRequest {
  readonly from: AccountId
  readonly to: AccountId
  readonly asset: AssetId
  readonly amount: Amount
  /** Chosen by the sender: the same again is the same transfer. */
  readonly clientId: string
}

/** Parts of {@link UserMoney}. */
export interface UserMoneyParts {
  readonly ledger: Pick<LedgerStore, 'accounts' | 'openAccounts' | 'submit' | 'transfers'>
  readonly statements: Pick<StatementStore, 'lines'>
  readonly projector: Pick<StatementProjector, 'reach'>
  readonly auth: Pick<WallyAuth, 'owner'>
  /** Assets that are held here. */
  readonly assets: ReadonlySet<AssetId>
}

/** What people do with money inside the ledger: see it, and send it to each other. */
export class UserMoney {
  readonly #parts: UserMoneyParts

  constructor(parts: UserMoneyParts) {
    this.#parts = parts
  }

  /** What `account` holds of each asset that it ever held. Rejects `unavailable.store`. */
  async balances(account: AccountId): Promise<readonly UserBalance[]> {
    const assets = [...this.#parts.assets]
    const found = await this.#parts.ledger.accounts(assets.map((asset) => openingOf('user', account, asset).id))
    return found.flatMap((one) => (one === undefined ? [] : [balanceOf(one)]))
  }

  /**
   * Lines of the statement of one asset before event `before`, the newest first. Without `before` nothing is missing that had moved when it was asked for: a device that
   * is told of a payment looks once. Rejects `wallet.asset_unknown`, `unavailable.store`.
   */
  async statement(account: AccountId, asset: AssetId, before: number | undefined, limit: number): Promise<readonly StatementLine[]> {
    this.#requireAsset(asset)
    // Older pages are behind what was reached for the first one.
    if (before === undefined) await this.#parts.projector.reach()
    return this.#parts.statements.lines(openingOf('user', account, asset).id, before, limit)
  }

  /** A transfer that `account` asked for under `clientId`. Rejects `not_found.resource`, `unavailable.store`. */
  async transfer(account: AccountId, clientId: string): Promise<Transfer> {
    const [found] = await this.#parts.ledger.transfers([userTransferId(account, clientId)])
    if (found === undefined) throw new EvegramError('not_found.resource', { operation: 'read transfer' })
    return found
  }

  /**
   * Moves money at once. Rejects `wallet.asset_unknown`, `account.not_found` and `account.closed` (the recipient), `wallet.insufficient_funds`,
   * `wallet.account_closed`, `wallet.transfer_refused`, `conflict.request_differs`, and `unavailable.*`: ask the same again.
   */
  async send(request: SendRequest): Promise<{ readonly status: 'created' | 'exists'; readonly transfer: Transfer }> {
    const { ledger } = this.#parts
    this.#requireAsset(request.asset)
    const moving = movingOf(request)
    const [known] = await ledger.transfers([moving.id])
    // What was done stays done, whatever became of the recipient since.
    if (known === undefined) await this.#prepare(request, moving)
    const [result] = await ledger.submit({ linked: false, transfers: [moving] })
    if (result === undefined || !isDone(result)) throw refusalOf(result)
    return { status: known === undefined && result.status === 'created' ? 'created' : 'exists', transfer: await this.#done(moving.id) }
  }

  async #done(id: TransferId): Promise<Transfer> {
    const [transfer] = await this.#parts.ledger.transfers([id])
    if (transfer === undefined) throw new EvegramError('internal', { operation: 'read transfer' })
    return transfer
  }

  /** An account is opened for somebody who exists, by somebody who can pay: so that nobody fills the ledger with empty ones. */
  async #prepare({ to, asset, amount }: SendRequest, { debit }: MovingRequest): Promise<void> {
    const { ledger, auth } = this.#parts
    const [sender] = await ledger.accounts([debit])
    if (sender === undefined || balanceOf(sender).available < amount) throw new EvegramError('wallet.insufficient_funds', { operation: 'send' })
    const owner = await auth.owner(to)
    if (owner === undefined) throw new EvegramError('account.not_found', { operation: 'send', advice: 'Nobody has an account of this id.' })
    if (owner.closed) throw new EvegramError('account.closed', { operation: 'send' })
    const [opened] = await ledger.openAccounts([openingOf('user', to, asset)])
    if (opened === 'exists_with_different_fields') throw new EvegramError('internal', { operation: 'open account' })
  }

  #requireAsset(asset: AssetId): void {
    if (!this.#parts.assets.has(asset)) throw new EvegramError('wallet.asset_unknown', { operation: 'find asset' })
  }
}

/** What a ledger account of a user holds. */
export function balanceOf({ asset, creditsPosted, debitsPosted, debitsPending, closed }: LedgerAccount): UserBalance {
  const held = creditsPosted - debitsPosted
  return { asset, held, reserved: debitsPending, available: held - debitsPending, closed }
}

function movingOf({ from, to, asset, amount, clientId }: SendRequest): MovingRequest {
  return {
    kind: 'transfer', id: userTransferId(from, clientId), debit: openingOf('user', from, asset).id, credit: openingOf('user', to, asset).id, amount, purpose: CHAT,
  }
}

function refusalOf(result: TransferResult | undefined): EvegramError {
  const operation = 'send'
  switch (result?.status) {
    case 'exists_with_different_fields':
      return new EvegramError('conflict.request_differs', { operation })
    case 'exceeds_credits':
      return new EvegramError('wallet.insufficient_funds', { operation })
    case 'debit_account_closed':
    case 'credit_account_closed':
      return new EvegramError('wallet.account_closed', { operation })
    default:
      return new EvegramError('wallet.transfer_refused', { operation, details: { reason: result?.status } })
  }
}
