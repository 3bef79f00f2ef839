import { emptyHead, EvegramError, equalBytes, parseAccountId, type AccountId, type AccountState, type WalletId } from '@evegram/protocol'
import type { Database, RootDatabase } from 'lmdb'
import { decodeSnapshot, encodeSnapshot } from '../../account-snapshot.js'
import type { AccountStore, AppendOutcome, AppendRequest, EntriesPage } from '../../ports/account-store.js'
import { commit } from './commit.js'
import type { NonceTable } from './nonce-store.js'

/** Decoded states kept in memory. One process owns the environment, so what it wrote is what is true. */
export const STATES_CACHED_MAX = 20_000

/** A wallet row: `null` once the wallet was released. */
interface WalletRow {
  readonly account: string | null
}

/**
 * {@link AccountStore} on LMDB: `auth-log` [account, seq] -> entry, `auth-accounts` account -> snapshot, `auth-wallets` wallet ->
 * account.
 */
export class LmdbAccountStore implements AccountStore {
  readonly #log: Database<Buffer>
  readonly #accounts: Database<Buffer>
  readonly #wallets: Database<WalletRow>
  readonly #nonces: NonceTable
  readonly #states = new Map<AccountId, AccountState>()

  constructor(environment: RootDatabase, nonces: NonceTable) {
    this.#log = environment.openDB<Buffer>({ name: 'auth-log', encoding: 'binary' })
    this.#accounts = environment.openDB<Buffer>({ name: 'auth-accounts', encoding: 'binary' })
    this.#wallets = environment.openDB<WalletRow>({ name: 'auth-wallets', encoding: 'msgpack' })
    this.#nonces = nonces
  }

  async read(account: AccountId): Promise<AccountState | undefined> {
    return this.#readNow(account)
  }

  async accountOfWallet(wallet: WalletId): Promise<AccountId | undefined> {
    const account = this.#wallets.get(wallet)?.account ?? undefined
    return account === undefined ? undefined : parseAccountId(account)
  }

  async entries(
    account: AccountId, after: number, limits: { readonly entriesMax: number; readonly bytesMax: number },
  ): Promise<EntriesPage> {
    const entries: Uint8Array[] = []
    let bytes = 0
    const rows = this.#log.getRange({ start: [account, after + 1], end: [account, Number.MAX_SAFE_INTEGER], limit: limits.entriesMax + 1 })
    for (const { value } of rows) {
      if (entries.length >= limits.entriesMax || bytes >= limits.bytesMax) return { entries, more: true }
      entries.push(Uint8Array.from(value))
      bytes += value.length
    }
    return { entries, more: false }
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const { before, after } = request
    const snapshot = Buffer.from(encodeSnapshot(after))
    const outcome = await commit(this.#log, 'append entry', (): AppendOutcome => {
      // Everything is decided before the first write. A nonce that is used says more than a head that moved, so it is asked first.
      if (request.nonces.some(({ key }) => this.#nonces.has(key))) return { status: 'nonce_used' }
      const current = this.#storedNow(before.account)
      const [seq, head] = [current?.seq ?? 0, current?.head ?? emptyHead()]
      if (seq !== before.seq || !equalBytes(head, before.head)) return { status: 'conflict', seq, head }
      if (request.bind.some((wallet) => !this.#isFree(wallet, before.account))) return { status: 'wallet_taken' }
      for (const nonce of distinct(request.nonces)) this.#nonces.use(nonce)
      this.#log.putSync([after.account, after.seq], Buffer.from(request.entry))
      this.#accounts.putSync(after.account, snapshot)
      for (const wallet of request.release) this.#wallets.putSync(wallet, { account: null })
      for (const wallet of request.bind) this.#wallets.putSync(wallet, { account: after.account })
      return { status: 'appended' }
    }).catch((failure: unknown) => {
      // An append that fails may have been written all the same: only the store knows.
      this.#states.delete(before.account)
      throw failure
    })
    if (outcome.status === 'appended') this.#remember(after)
    return outcome
  }

  #isFree(wallet: WalletId, account: AccountId): boolean {
    const owner = this.#wallets.get(wallet)?.account ?? undefined
    return owner === undefined || owner === account
  }

  #readNow(account: AccountId): AccountState | undefined {
    const cached = this.#states.get(account)
    if (cached !== undefined) return cached
    const stored = this.#storedNow(account)
    if (stored !== undefined) this.#remember(stored)
    return stored
  }

  #storedNow(account: AccountId): AccountState | undefined {
    const snapshot = this.#accounts.get(account)
    if (snapshot === undefined) return undefined
    const state = decodeSnapshot(Uint8Array.from(snapshot))
    if (state === undefined) throw new EvegramError('incompatible.schema', { operation: 'read account' })
    return state
  }

  #remember(state: AccountState): void {
    const known = this.#states.get(state.account)
    // A slower reader must not put an older state over a newer one.
    if (known !== undefined && known.seq > state.seq) return
    this.#states.delete(state.account)
    this.#states.set(state.account, state)
    const [oldest] = this.#states.size > STATES_CACHED_MAX ? this.#states.keys() : []
    if (oldest !== undefined) this.#states.delete(oldest)
  }
}

/** Two proofs of one entry may share a nonce: it is used up once, with both. */
function distinct(nonces: AppendRequest['nonces']): AppendRequest['nonces'] {
  return nonces.filter((nonce, index) => nonces.findIndex((other) => equalBytes(other.key, nonce.key)) === index)
}
