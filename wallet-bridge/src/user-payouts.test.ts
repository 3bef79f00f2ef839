import { parseAccountId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { parseChainName } from './chain/chain-adapter.js'
import type { ChainWork } from './chain-work.js'
import type { AssetPolicy, PayoutPolicy } from './flows/payout/payout-policy.js'
import { amountOf, ZERO } from './ledger/amount.js'
import { assetIdOf } from './ledger/ids.js'
import { UserPayouts } from './user-payouts.js'

const chain = parseChainName('terra')
const [luna, usd] = [assetIdOf(chain, 'uluna'), assetIdOf(chain, 'uusd')]
const alice = parseAccountId('a'.repeat(32))
const limits = { payoutMin: amountOf(1n), payoutMax: amountOf(10_000n), accountDayMax: amountOf(10_000n), approvalAbove: amountOf(10_000n), topUpBelow: ZERO }

/** Payouts of an account that holds so much, and how many of them reach the flow. */
function payoutsOf(held: { readonly luna: bigint; readonly usd: bigint }, feeFrom: PayoutPolicy['feeFrom'] = 'account'): { readonly payouts: UserPayouts; readonly reached: () => number } {
  let asked = 0
  const policy: PayoutPolicy = {
    assets: new Map<typeof luna, AssetPolicy>([[luna, limits], [usd, { ...limits, taxPpm: 20_000 }]]), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(30n), ppm: 0 }, feeFrom,
  }
  const work = { chain: { nativeAsset: luna }, policy, payouts: { request: async () => { asked += 1; return { status: 'refused', reason: 'proof_invalid' } } } }
  const balances = [[luna, held.luna], [usd, held.usd]] as const
  const payouts = new UserPayouts({
    payouts: { get: async () => undefined, ofAccount: async () => [] },
    money: { balances: async () => balances.map(([asset, available]) => ({ asset, held: available, reserved: 0n, available, closed: false })) },
    // Of the work on a chain nothing else is asked for here.
    workOf: () => work as unknown as ChainWork,
  })
  return { payouts, reached: () => asked }
}

describe('a payout that an account asks for', () => {
  it.each([
    ['the amount and the fee of the native asset', luna, { luna: 1_030n, usd: 0n }, { luna: 1_029n, usd: 0n }],
    ['the amount and its tax', usd, { luna: 30n, usd: 1_020n }, { luna: 30n, usd: 1_019n }],
    ['the fee beside another asset', usd, { luna: 30n, usd: 1_020n }, { luna: 29n, usd: 1_020n }],
  ])('is refused at once without %s', async (_what, asset, enough, tooLittle) => {
    const wish = { asset, amount: amountOf(1_000n), to: 'somewhere', memo: undefined, proof: new Uint8Array(1) }
    const [rich, poor] = [payoutsOf(enough), payoutsOf(tooLittle)]
    await expect(rich.payouts.request(alice, 'one', wish)).rejects.toMatchObject({ code: 'wallet.payout_refused' })
    await expect(poor.payouts.request(alice, 'one', wish)).rejects.toMatchObject({ code: 'wallet.insufficient_funds' })
    expect([rich.reached(), poor.reached()]).toEqual([1, 0])
  })

  it('needs the amount alone where the house pays fee and tax', async () => {
    const { payouts, reached } = payoutsOf({ luna: 0n, usd: 1_000n }, 'house')
    await expect(payouts.request(alice, 'one', { asset: usd, amount: amountOf(1_000n), to: 'somewhere', memo: undefined, proof: new Uint8Array(1) })).rejects.toMatchObject({ code: 'wallet.payout_refused' })
    expect(reached()).toBe(1)
  })
})
