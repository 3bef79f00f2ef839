import { emptyHead, equalBytes, type AccountId, type AccountState, type WalletId } from '@evegram/protocol'
import type { AppendOutcome, AppendRequest, EntriesPage } from '../../ports/account-store.js'
import type { MemoryNonces } from './nonces.js'

interface Log {
  readonly entries: Uint8Array[]
  state: AccountState
}

/** Account logs in memory, with the nonces that they use up. Every method is one step that nothing can come between. */
export class MemoryAccounts {
  readonly #logs = new Map<AccountId, Log>()
  readonly #owners = new Map<WalletId, AccountId>()
  readonly #nonces: MemoryNonces

  constructor(nonces: MemoryNonces) {
    this.#nonces = nonces
  }

  /** The newest state, undefined for an account without entries. */
  read(account: AccountId): AccountState | undefined {
    return this.#logs.get(account)?.state
  }

  /** The account to which the wallet is bound now. */
  accountOfWallet(wallet: WalletId): AccountId | undefined {
    return this.#owners.get(wallet)
  }

  /** Entries with seq > `after`, oldest first. */
  entries(account: AccountId, after: number, limits: { readonly entriesMax: number; readonly bytesMax: number }): EntriesPage {
    const entries: Uint8Array[] = []
    let bytes = 0
    for (const entry of this.#logs.get(account)?.entries.slice(after) ?? []) {
      if (entries.length >= limits.entriesMax || bytes >= limits.bytesMax) return { entries, more: true }
      entries.push(entry.slice())
      bytes += entry.length
    }
    return { entries, more: false }
  }

  /** Appends an entry with all that changes together with it, or changes nothing. */
  append(request: AppendRequest): AppendOutcome {
    const { before, after } = request
    // A nonce that is used says more than a head that moved, so it is asked first.
    if (request.nonces.some(({ key }) => this.#nonces.isUsed(key))) return { status: 'nonce_used' }
    const log = this.#logs.get(before.account)
    const [seq, head] = [log?.state.seq ?? 0, log?.state.head ?? emptyHead()]
    if (seq !== before.seq || !equalBytes(head, before.head)) return { status: 'conflict', seq, head }
    if (request.bind.some((wallet) => (this.#owners.get(wallet) ?? before.account) !== before.account)) return { status: 'wallet_taken' }
    // Two proofs of one entry may share a nonce: it is used up once, with both.
    for (const nonce of request.nonces) this.#nonces.consume(nonce)
    if (log === undefined) this.#logs.set(after.account, { entries: [request.entry.slice()], state: after })
    else {
      log.entries.push(request.entry.slice())
      log.state = after
    }
    for (const wallet of request.release) this.#owners.delete(wallet)
    for (const wallet of request.bind) this.#owners.set(wallet, after.account)
    return { status: 'appended' }
  }
}
