import { amountOf } from './amount.js'
import type { Balances } from './account.js'
import type { Transfer } from './transfer.js'

/** How the two sides of a transfer move. Every change of a balance goes through here, when it is decided and when events are replayed. */
export type TransferSide = 'debit' | 'credit'

/** The fields of a transfer that move balances. */
export type Movement = Pick<Transfer, 'kind' | 'amount' | 'ends'>

/**
 * The balances of the account on `side` after a transfer. Throws `invalid.argument` when one would fall below zero or outgrow its digits: what was
 * decided never does, what is replayed may be damaged.
 */
export function balancesAfter({ debitsPending, debitsPosted, creditsPending, creditsPosted }: Balances, side: TransferSide, { kind, amount, ends }: Movement): Balances {
  const reserved = kind === 'pending' ? amount : 0n - (ends?.reserved ?? 0n)
  const moved = kind === 'pending' ? 0n : amount
  return side === 'debit'
    ? { debitsPending: amountOf(debitsPending + reserved), debitsPosted: amountOf(debitsPosted + moved), creditsPending, creditsPosted }
    : { debitsPending, debitsPosted, creditsPending: amountOf(creditsPending + reserved), creditsPosted: amountOf(creditsPosted + moved) }
}
