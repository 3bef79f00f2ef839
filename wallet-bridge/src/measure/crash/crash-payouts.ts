import { createHash } from 'node:crypto'
import { parseAccountId, type AccountId } from '@evegram/protocol'
import { amountOf, type Amount } from '../../ledger/amount.js'
import { payoutIdOf, type PayoutId } from '../../flows/payout/payout.js'
import type { CrashChain } from './crash-chain.js'

/** Below what one account may have under way. */
const PAYOUTS_PER_ACCOUNT = 8
/** One in so many asks for more than its account has. */
const TOO_LARGE_EVERY = 20

/** A payout that a run asks for. */
export interface PlannedPayout {
  readonly id: PayoutId
  readonly account: AccountId
  /** A recipient of its own, so that what arrived there is what this payout paid. */
  readonly to: string
  /** Different for each payout. */
  readonly amount: Amount
  /** Whether its account has as much. */
  readonly isAffordable: boolean
}

/** 32 bytes that only `seed` and `name` decide. For play money. */
export function crashKeyOf(seed: number, name: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(`crash run ${String(seed)} ${name}`).digest())
}

/** The payouts of a run, in the order in which they are asked for: the same to every process that knows the seed. */
export function planPayouts(chain: CrashChain, seed: number, count: number): readonly PlannedPayout[] {
  const source = chain.sourceOf('http://127.0.0.1')
  const tooMuch = 2n * BigInt(PAYOUTS_PER_ACCOUNT) * (chain.amountMin + BigInt(count) + chain.feeMax)
  return Array.from({ length: count }, (_, index) => {
    const account = parseAccountId((Math.floor(index / PAYOUTS_PER_ACCOUNT) + 1).toString(16).padStart(32, '0'))
    const isAffordable = index % TOO_LARGE_EVERY !== TOO_LARGE_EVERY - 1
    const amount = chain.amountMin + BigInt(index)
    return {
      id: payoutIdOf(account, `crash-${String(index)}`), account, isAffordable,
      to: source.addressOf(chain.signerOf(crashKeyOf(seed, `recipient ${String(index)}`))),
      amount: amountOf(isAffordable ? amount : tooMuch),
    }
  })
}

/** What each account must hold so that exactly its affordable payouts can be paid, whatever their fees. */
export function fundsOf(chain: CrashChain, planned: readonly PlannedPayout[]): ReadonlyMap<AccountId, Amount> {
  const funds = new Map<AccountId, Amount>()
  for (const { account, amount, isAffordable } of planned) {
    funds.set(account, amountOf((funds.get(account) ?? 0n) + (isAffordable ? amount + chain.feeMax : 0n)))
  }
  return funds
}
