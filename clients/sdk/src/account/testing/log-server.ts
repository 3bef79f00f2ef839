import { EvegramError, headOf, type AccountId, type WalletId } from '@evegram/protocol'
import type { AuthApi, ClaimedHead, LogPage } from '../../api/auth-api.js'

/** A server for account logs that shows what a test tells it to show. */
export class LogServer implements Pick<AuthApi, 'accountOfWallet' | 'logPage'> {
  readonly logs = new Map<AccountId, readonly Uint8Array[]>()
  readonly wallets = new Map<WalletId, AccountId>()
  /** Claims of the directory that differ from the logs. */
  readonly claims = new Map<AccountId, ClaimedHead>()
  pageEntries = 256
  requests = 0
  /** Awaited before each page is answered. */
  gate: Promise<void> = Promise.resolve()

  async accountOfWallet(wallet: WalletId): Promise<ClaimedHead | undefined> {
    const account = this.wallets.get(wallet)
    return account === undefined ? undefined : this.#headOf(account)
  }

  async logPage(account: AccountId, after: number): Promise<LogPage> {
    this.requests++
    // As it is when the request arrives, however long the answer takes.
    const entries = this.logs.get(account)
    const claimed = this.#headOf(account)
    await this.gate
    if (entries === undefined) throw new EvegramError('account.not_found')
    const page = entries.slice(after, after + this.pageEntries)
    return { ...claimed, entries: page, more: after + page.length < entries.length }
  }

  #headOf(account: AccountId): ClaimedHead {
    const claim = this.claims.get(account)
    if (claim !== undefined) return claim
    const entries = this.logs.get(account) ?? []
    const last = entries.at(-1)
    return { account, seq: entries.length, head: last === undefined ? new Uint8Array(32) : headOf(last) }
  }
}
