import { equalBytes, hexOf, type Clock } from '@evegram/protocol'
import type { NonceUse } from '../../ports/nonce-store.js'
import { decodeClaim, encodeClaim, STAMP_BYTES, type LogChange } from './claim.js'
import type { AuthQueries, ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'
import type { LogChanges } from './log-changes.js'

/** Statements on used nonces. */
export const NONCE_CQL = {
  read: 'SELECT claim FROM auth_nonces WHERE nonce = ?',
  claim: 'UPDATE auth_nonces USING TTL ? SET claim = ? WHERE nonce = ? IF claim = ?',
} as const

/** Nonces known to be used that a process keeps in memory: whoever races for one of them need not ask. */
export const USED_NONCES_CACHED_MAX = 10_000

/**
 * Which nonces are used: outright, or by a change of an account log, then exactly if the log holds it. Rows expire `marginMs` after the nonce
 * ran out, not before.
 */
export class NonceClaims {
  readonly #session: AuthQueries
  readonly #clock: Clock
  readonly #parts: ConditionalWriteParts
  readonly #writes: ConditionalWrites
  readonly #changes: LogChanges
  readonly #marginMs: number
  readonly #known = new Set<string>()

  constructor(parts: ConditionalWriteParts, writes: ConditionalWrites, changes: LogChanges, marginMs: number) {
    this.#session = parts.session
    this.#clock = parts.clock
    this.#parts = parts
    this.#writes = writes
    this.#changes = changes
    this.#marginMs = marginMs
  }

  /** Whether the nonce is used, as far as a plain read knows: true stays true. */
  async isUsed(key: Uint8Array): Promise<boolean> {
    if (this.#known.has(hexOf(key))) return true
    const [row] = await this.#session.read(NONCE_CQL.read, [key])
    if (row === undefined) return false
    const claim = decodeClaim(row.bytes('claim'))
    const isUsed = claim.kind === 'outright' || await this.#changes.isMade(claim)
    if (isUsed) this.#remember(key)
    return isUsed
  }

  /** Uses the nonce up at once. */
  async consume(nonce: NonceUse): Promise<'consumed' | 'used'> {
    const change = this.#writes.change()
    const consumed = await this.#claim(nonce, change, (stamp) => encodeClaim({ kind: 'outright', stamp, change }))
    this.#remember(nonce.key)
    return consumed ? 'consumed' : 'used'
  }

  /** Has the nonce used up once `by` is made; false when it is used already. */
  async claimFor(nonce: NonceUse, by: LogChange): Promise<boolean> {
    const claimed = await this.#claim(nonce, by.change, (stamp) => encodeClaim({ kind: 'use', stamp, ...by }))
    if (!claimed) this.#remember(nonce.key)
    return claimed
  }

  #claim(nonce: NonceUse, change: Uint8Array, claimed: (stamp: Uint8Array) => Uint8Array): Promise<boolean> {
    let standing: Uint8Array | null = null
    return this.#writes.until('claim nonce', async () => {
      const mine = claimed(this.#parts.random.bytes(STAMP_BYTES))
      const result = await this.#writes.one(NONCE_CQL.claim, [this.#lifeS(nonce), mine, nonce.key, standing])
      if (result.applied) return true
      standing = result.row?.has('claim') === true ? result.row.bytes('claim') : null
      if (standing === null) return undefined
      const other = decodeClaim(standing)
      if (equalBytes(other.change, change)) return true
      if (other.kind === 'outright') return false
      // A void claim is replaced, by a write that asks for exactly this one.
      return await this.#changes.fate(other) === 'made' ? false : undefined
    })
  }

  #remember(key: Uint8Array): void {
    this.#known.add(hexOf(key))
    const [oldest] = this.#known.size > USED_NONCES_CACHED_MAX ? this.#known : []
    if (oldest !== undefined) this.#known.delete(oldest)
  }

  /** From a nonce that ran out long ago on, all live at least for the margin. */
  #lifeS(nonce: NonceUse): number {
    return Math.ceil((this.#marginMs + Math.max(0, nonce.expiresAtMs - this.#clock.now())) / 1_000)
  }
}
