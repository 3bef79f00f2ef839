import { hexOf } from '@evegram/protocol'
import type { NonceStore } from '../../ports/nonce-store.js'
import type { SerialByKey } from '../../serial-by-key.js'
import type { NonceClaims } from './nonce-claims.js'

/** {@link NonceStore} on Cassandra: one conditional write for each nonce; rows expire by themselves. */
export function cassandraNonceStore(claims: NonceClaims, turns: SerialByKey): NonceStore {
  return {
    consume: (nonce) => turns.run(nonceTurn(nonce.key), async (waited) => (
      // Behind another use of this process it is most likely used: a read is cheaper than a conditional write.
      waited && await claims.isUsed(nonce.key) ? 'used' : claims.consume(nonce)
    )),
    isUsed: (key) => claims.isUsed(key),
    sweep: () => Promise.resolve(0),
  }
}

/** In which turn uses of one nonce run. */
export function nonceTurn(key: Uint8Array): string {
  return `nonce ${hexOf(key)}`
}
