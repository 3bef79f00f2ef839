import type { LedgerAccountId } from '../../ledger/ids.js'
import type { Transfer } from '../../ledger/transfer.js'
import { custodyOf } from '../deposit/deposit-flow.js'

/** What the ledger says of one asset, from its events up to one of them. */
export interface LedgerSums {
  /** What our addresses on the chain hold. */
  custody: bigint
  /** What people have: their accounts, what is locked between them, campaigns. Of it `pending` is reserved to leave. */
  users: bigint
  /** What belongs to nobody yet. */
  suspense: bigint
  /** Reserved against custody: payouts whose end the ledger was not told. */
  pending: bigint
}

/** Sums of nothing. */
export function noSums(): LedgerSums {
  return { custody: 0n, users: 0n, suspense: 0n, pending: 0n }
}

/** Adds one transfer of the ledger, of the asset of `sums`. */
export function addToSums(sums: LedgerSums, { kind, debit, credit, asset, amount, ends }: Transfer): void {
  const custody = custodyOf(asset).id
  if (credit === custody) sums.pending += kind === 'pending' ? amount : 0n - (ends?.reserved ?? 0n)
  if (kind === 'pending') return
  move(sums, debit, custody, 0n - amount)
  move(sums, credit, custody, amount)
}

/** `owed`: what a credit adds to what we owe. */
function move(sums: LedgerSums, account: LedgerAccountId, custody: LedgerAccountId, owed: bigint): void {
  if (account === custody) {
    sums.custody -= owed
    return
  }
  switch (account.slice(0, account.indexOf(':'))) {
    case 'user':
    case 'escrow':
    case 'campaign':
      sums.users += owed
      return
    case 'suspense':
      sums.suspense += owed
      return
    default:
      // Fees and equity are ours: neither held on the chain nor owed.
  }
}
