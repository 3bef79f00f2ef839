import type { Chain } from '@evegram/protocol/proof'

const ENDS = 5

/** The chain whose way of writing addresses this is. For showing alone: what an address is, the SDK checks. */
export function looksLike(address: string): Chain {
  if (address.startsWith('terra1')) return 'terra'
  return /^[UE]Q[\w-]{46}$/.test(address) ? 'ton' : 'solana'
}

/** Beginning and end of an address, for places where it need not be compared. */
export function shortAddress(address: string): string {
  if (address.length <= 2 * ENDS + 2) return address
  const start = looksLike(address) === 'terra' ? 'terra1'.length + ENDS - 1 : ENDS
  return `${address.slice(0, start)}…${address.slice(-ENDS)}`
}

/** Two characters for a picture: the first ones that differ between addresses. */
export function lettersOf(address: string): string {
  const skipped = { terra: 'terra1'.length, ton: 2, solana: 0 }[looksLike(address)]
  return address.slice(skipped, skipped + 2)
}
