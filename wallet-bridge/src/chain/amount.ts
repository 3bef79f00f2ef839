import { EvegramError } from '@evegram/protocol'
import { AMOUNT_MAX, amountOf, type Amount } from '../ledger/amount.js'

declare const amountBrand: unique symbol

/**
 * An amount as a chain tells it, in the smallest unit of its asset. Wider than an amount of the ledger: anybody may make a token and send 2^128 - 1 of it to
 * an address of ours, which must be seen and put aside, and must not stop the watching.
 */
export type ChainAmount = bigint & { readonly [amountBrand]: 'ChainAmount' }

/** Bits of the widest amount of any chain (a word of CosmWasm's Uint256). */
export const CHAIN_AMOUNT_BITS_MAX = 256
/** Nothing. */
export const NO_AMOUNT = chainAmountOf(0n)

/** The amount that `value` is. Throws `invalid.argument` when it is negative or has more than {@link CHAIN_AMOUNT_BITS_MAX} bits. */
export function chainAmountOf(value: bigint): ChainAmount {
  if (value < 0n || value >> BigInt(CHAIN_AMOUNT_BITS_MAX) !== 0n) throw new EvegramError('invalid.argument', { operation: 'make chain amount' })
  // Checked above: this is where the brand is given.
  return value as ChainAmount
}

/** The same amount for the ledger, or undefined when it has more digits than the ledger holds. */
export function recordableAmount(amount: ChainAmount): Amount | undefined {
  return amount > AMOUNT_MAX ? undefined : amountOf(amount)
}
