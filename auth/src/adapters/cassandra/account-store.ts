import { emptyHead, equalBytes, EvegramError, hexOf, type AccountId, type AccountState, type WalletId } from '@evegram/protocol'
import { decodeSnapshot, encodeSnapshot } from '../../account-snapshot.js'
import type { AccountStore, AppendOutcome, AppendRequest, EntriesPage } from '../../ports/account-store.js'
import type { NonceUse } from '../../ports/nonce-store.js'
import type { SerialByKey } from '../../serial-by-key.js'
import type { LogChange } from './claim.js'
import type { ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'
import { ACCOUNT_CQL, type AccountHead, type LogChanges } from './log-changes.js'
import type { NonceClaims } from './nonce-claims.js'
import { nonceTurn } from './nonce-store.js'
import type { WalletClaims } from './wallet-claims.js'

/** What {@link CassandraAccountStore} is made of. */
export interface AccountStoreParts extends ConditionalWriteParts {
  readonly writes: ConditionalWrites
  readonly changes: LogChanges
  readonly nonces: NonceClaims
  readonly wallets: WalletClaims
  /** Keeps appends of this process out of each other's way; no promise rests on it. */
  readonly turns: SerialByKey
}

/**
 * {@link AccountStore} on Cassandra. An append begins a change in the partition of its account, claims nonces and wallets for it, and makes it
 * by one conditional batch that moves the head: until then nothing has happened, from then on all of it has. Anyone may make a begun change
 * void that nobody finishes. docs/adr/0009-account-appends-on-cassandra.md has the proof.
 */
export class CassandraAccountStore implements AccountStore {
  readonly #parts: AccountStoreParts

  constructor(parts: AccountStoreParts) {
    this.#parts = parts
  }

  async read(account: AccountId): Promise<AccountState | undefined> {
    const { snapshot } = await this.#parts.changes.head(account)
    if (snapshot === undefined) return undefined
    const state = decodeSnapshot(snapshot)
    if (state === undefined) throw new EvegramError('incompatible.schema', { operation: 'read account' })
    return state
  }

  accountOfWallet(wallet: WalletId): Promise<AccountId | undefined> {
    return this.#parts.wallets.owner(wallet)
  }

  async entries(
    account: AccountId, after: number, limits: { readonly entriesMax: number; readonly bytesMax: number },
  ): Promise<EntriesPage> {
    const rows = await this.#parts.session.read(ACCOUNT_CQL.entries, [account, after, limits.entriesMax + 1])
    const entries: Uint8Array[] = []
    let bytes = 0
    for (const row of rows) {
      if (entries.length >= limits.entriesMax || bytes >= limits.bytesMax) return { entries, more: true }
      const entry = row.bytes('entry').slice()
      entries.push(entry)
      bytes += entry.length
    }
    return { entries, more: false }
  }

  append(request: AppendRequest): Promise<AppendOutcome> {
    const { turns, writes } = this.#parts
    const nonces = distinct(request.nonces)
    const keys = [
      `account ${request.before.account}`, ...nonces.map(({ key }) => nonceTurn(key)),
      ...[...request.bind, ...request.release].map((wallet) => `wallet ${wallet}`),
    ]
    return turns.run(keys, () => writes.until('append entry', () => this.#attempt({ ...request, nonces })))
  }

  /** One try under a change of its own; undefined when it was made void or came too late, which says nothing about the next. */
  async #attempt(request: AppendRequest): Promise<AppendOutcome | undefined> {
    const { changes, writes } = this.#parts
    const { before, after } = request
    // A nonce that is used says more than a head that moved, so it is asked first.
    const [anyUsed, head] = await Promise.all([this.#anyUsed(request.nonces), changes.head(before.account)])
    if (anyUsed) return { status: 'nonce_used' }
    if (!isHeadOf(before, head)) return this.#conflict(before, head)
    if (head.pending !== undefined) {
      // Somebody else appends: by the end of it the head has moved, or the way is free.
      await changes.fate({ account: before.account, seq: head.seq + 1, change: head.pending })
      return undefined
    }
    const begun: LogChange = { account: before.account, seq: after.seq, change: writes.change() }
    if (!await changes.begin(begun, head)) return undefined
    const refusal = await this.#claim(request, begun)
    if (refusal !== undefined) {
      await this.#leave(begun)
      return refusal
    }
    const made = await changes.make(begun, head, { head: after.head, snapshot: encodeSnapshot(after), entry: request.entry })
    return made ? { status: 'appended' } : undefined
  }

  /** Claims all that the change needs, one after the other and in one order for everybody, so that nobody waits in a circle. */
  async #claim(request: AppendRequest, begun: LogChange): Promise<AppendOutcome | undefined> {
    const { nonces, wallets } = this.#parts
    const ordered = [...request.nonces].sort((one, other) => (hexOf(one.key) < hexOf(other.key) ? -1 : 1))
    for (const nonce of ordered) if (!await nonces.claimFor(nonce, begun)) return { status: 'nonce_used' }
    const bound = new Set(request.bind)
    for (const wallet of [...new Set([...request.release, ...bound])].sort()) {
      if (!bound.has(wallet)) await wallets.release(wallet, begun)
      else if (!await wallets.bind(wallet, begun)) return { status: 'wallet_taken' }
    }
    return undefined
  }

  /** Gives up a change that was refused, so that nobody has to wait for it. */
  async #leave(begun: LogChange): Promise<void> {
    try {
      await this.#parts.changes.abort(begun)
    } catch (failure) {
      // The answer stands all the same: nobody makes this change any more. The next writer loses patience with it.
      this.#parts.log.warn({ err: failure }, 'a refused change of an account log could not be ended')
    }
  }

  async #conflict(before: AccountState, known: AccountHead): Promise<AppendOutcome | undefined> {
    // A head behind `before` may be an old one: ask for the newest.
    const head = known.seq > before.seq ? known : await this.#parts.changes.headSerial(before.account)
    return isHeadOf(before, head) ? undefined : { status: 'conflict', seq: head.seq, head: head.head ?? emptyHead() }
  }

  async #anyUsed(nonces: readonly NonceUse[]): Promise<boolean> {
    return (await Promise.all(nonces.map(({ key }) => this.#parts.nonces.isUsed(key)))).includes(true)
  }
}

function isHeadOf(state: AccountState, head: AccountHead): boolean {
  return head.seq === state.seq && equalBytes(head.head ?? emptyHead(), state.head)
}

/** Two proofs of one entry may share a nonce: it is used up once, with both. */
function distinct(nonces: readonly NonceUse[]): NonceUse[] {
  return nonces.filter((nonce, index) => nonces.findIndex((other) => equalBytes(other.key, nonce.key)) === index)
}
