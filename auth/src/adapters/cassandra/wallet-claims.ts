import { equalBytes, type AccountId, type WalletId } from '@evegram/protocol'
import type { CassandraRow } from '@evegram/platform/cassandra'
import { decodeClaim, encodeClaim, STAMP_BYTES, type Claim, type LogChange } from './claim.js'
import type { ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'
import type { LogChanges } from './log-changes.js'

/** Statements on wallets. */
export const WALLET_CQL = {
  read: 'SELECT claim FROM auth_wallets WHERE wallet = ?',
  claim: 'UPDATE auth_wallets SET claim = ? WHERE wallet = ? IF claim = ?',
} as const

/** To which account each wallet belongs: what its row says if the change named there was made, else what it said before. */
export class WalletClaims {
  readonly #parts: ConditionalWriteParts
  readonly #writes: ConditionalWrites
  readonly #changes: LogChanges

  constructor(parts: ConditionalWriteParts, writes: ConditionalWrites, changes: LogChanges) {
    this.#parts = parts
    this.#writes = writes
    this.#changes = changes
  }

  /** The account to which the wallet is bound now. A change that is not made yet has not happened. */
  async owner(wallet: WalletId): Promise<AccountId | undefined> {
    const claim = await this.#read(wallet)
    if (claim === null) return undefined
    const decoded = decodeClaim(claim)
    return decoded.kind === 'outright' || decoded.kind === 'use' ? undefined : ownerAfter(decoded, await this.#changes.isMade(decoded))
  }

  /** Has the wallet bound to the account of `by` once that is made; false when it belongs to another. */
  bind(wallet: WalletId, by: LogChange): Promise<boolean> {
    return this.#claim(wallet, 'bind', by)
  }

  /** Has the wallet freed once `by` is made; one that belongs to another account stays there. */
  async release(wallet: WalletId, by: LogChange): Promise<void> {
    await this.#claim(wallet, 'release', by)
  }

  async #claim(wallet: WalletId, kind: 'bind' | 'release', by: LogChange): Promise<boolean> {
    let standing = await this.#read(wallet)
    return this.#writes.until('claim wallet', async () => {
      const other = standing === null ? undefined : decodeClaim(standing)
      if (other !== undefined && equalBytes(other.change, by.change)) return true
      const before = await this.#ownerForGood(other)
      if (kind === 'bind' && before !== undefined && before !== by.account) return false
      if (kind === 'release' && before !== by.account) return true
      const mine = encodeClaim({ kind, stamp: this.#parts.random.bytes(STAMP_BYTES), ...by, before })
      const result = await this.#writes.one(WALLET_CQL.claim, [mine, wallet, standing])
      if (result.applied) return true
      standing = claimOf(result.row)
      return undefined
    })
  }

  async #ownerForGood(claim: Claim | undefined): Promise<AccountId | undefined> {
    if (claim === undefined || claim.kind === 'outright' || claim.kind === 'use') return undefined
    return ownerAfter(claim, await this.#changes.fate(claim) === 'made')
  }

  async #read(wallet: WalletId): Promise<Uint8Array | null> {
    const [row] = await this.#parts.session.read(WALLET_CQL.read, [wallet])
    return claimOf(row)
  }
}

function ownerAfter(claim: Extract<Claim, { kind: 'bind' | 'release' }>, made: boolean): AccountId | undefined {
  return !made ? claim.before : claim.kind === 'bind' ? claim.account : undefined
}

function claimOf(row: CassandraRow | undefined): Uint8Array | null {
  return row?.has('claim') === true ? row.bytes('claim') : null
}
