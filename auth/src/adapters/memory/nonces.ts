import { hexOf } from '@evegram/protocol'
import type { NonceUse } from '../../ports/nonce-store.js'

/** Used nonces in memory. Every method is one step that nothing can come between. */
export class MemoryNonces {
  readonly #expiresAtMs = new Map<string, number>()

  /** Uses the nonce up if nobody did. */
  consume(nonce: NonceUse): 'consumed' | 'used' {
    const key = hexOf(nonce.key)
    if (this.#expiresAtMs.has(key)) return 'used'
    this.#expiresAtMs.set(key, nonce.expiresAtMs)
    return 'consumed'
  }

  /** Whether the nonce is used. */
  isUsed(key: Uint8Array): boolean {
    return this.#expiresAtMs.has(hexOf(key))
  }

  /** Forgets at most `limit` nonces that ran out before `beforeMs`; returns how many. */
  sweep(beforeMs: number, limit: number): number {
    let removed = 0
    for (const [key, expiresAtMs] of this.#expiresAtMs) {
      if (removed >= limit) break
      if (expiresAtMs >= beforeMs) continue
      this.#expiresAtMs.delete(key)
      removed++
    }
    return removed
  }
}
