import { EvegramError } from '@evegram/protocol'
import type { ChainName } from './chain-adapter.js'

/** Networks that are shared: by the hash of the first block (Solana), and by that of the first state of the masterchain (TON). Main networks first. */
const SHARED_NETWORKS: Readonly<Record<string, ReadonlySet<string>>> = {
  solana: new Set(['5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d', '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY', 'EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG']),
  ton: new Set(['F6OpKZKqvqeFp6CQmFomXNMfMj2EnaUSOXN+Mh+wVWk=', 'gj+B8wb/AmlPk1z1AhVI484rhrUpgSr2oSFIh56VoSg=']),
}
const TON = 'ton'
const HEX_HASH = /^[0-9a-f]{64}$/i
/** Chain ids of Cosmos are free to choose; local ones are called so. */
const LOCAL_CHAIN_ID = /^local[a-z0-9-]{0,40}$/

/**
 * Throws `invalid.config` for a network that is not one of this machine, however it is reached: a tunnel gives the real one an address of this machine too.
 * `identity`: the hash that names it (Solana, TON) or its chain id (Terra).
 */
export function requireLocalNetwork(chain: ChainName, identity: string): void {
  const shared = SHARED_NETWORKS[chain]
  const isLocal = shared === undefined ? LOCAL_CHAIN_ID.test(identity) : !shared.has(chain === TON ? plainHash(identity) : identity)
  if (isLocal) return
  throw new EvegramError('invalid.config', {
    operation: 'open local chain', details: { chain },
    advice: `What answers there is a shared network of ${chain}, not a local chain of play money: npm run services -- up --chains starts one.`,
  })
}

/** A hash in the base64 of toncenter: other endpoints write it in the alphabet of URLs, without its padding, or in hex. */
function plainHash(text: string): string {
  return Buffer.from(text, HEX_HASH.test(text) ? 'hex' : 'base64').toString('base64')
}
