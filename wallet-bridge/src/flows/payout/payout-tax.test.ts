import { beforeEach, describe, expect, it } from 'vitest'
import { amountOf, ZERO } from '../../ledger/amount.js'
import { ledgerAccountIdOf, payoutTransferId, type AssetId } from '../../ledger/ids.js'
import { payoutIdOf, type Payout } from './payout.js'
import { taxReserveOf, type PayoutPolicy } from './payout-policy.js'
import type { PayoutFlow } from './payout-flow.js'
import type { PayoutFlowParts } from './payout-flow-parts.js'
import { alice, FUNDED, PayoutWorld } from './payout-world.contract.js'

describe('PayoutFlow, of an asset that is taxed in itself', () => {
  let world: PayoutWorld
  let coin: AssetId
  beforeEach(async () => {
    world = await PayoutWorld.open('terra')
    coin = world.assets[1]!
  })
  const id = payoutIdOf(alice, 'one')
  const asked = async (amount: bigint, flow: PayoutFlow): Promise<Payout> => {
    const answer = await flow.request(world.ask('one', amount, { asset: coin }))
    if (answer.status !== 'created') throw new Error(answer.status)
    return answer.payout
  }
  const held = async (kind: 'user' | 'fees', owner: string): Promise<{ readonly pending: bigint; readonly posted: bigint }> => {
    const [account] = await world.ledger.accounts([ledgerAccountIdOf(kind, owner, coin)])
    return { pending: account!.debitsPending, posted: account!.debitsPosted }
  }
  const housePays = (): PayoutFlow => {
    const limits = { payoutMin: amountOf(10n), payoutMax: amountOf(FUNDED), accountDayMax: amountOf(FUNDED), approvalAbove: amountOf(FUNDED), topUpBelow: ZERO, taxPpm: 20_000 }
    const policy: PayoutFlowParts['policy'] = {
      assets: new Map([[coin, limits]]), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 0 }, feeFrom: 'house',
    }
    return world.flow({ policy })
  }

  it('reserves the most that the tax may be with the amount, and books what was really taken', async () => {
    const flow = world.flow()
    expect((await asked(1_000_000n, flow)).taxMax).toBe(20_000n)
    await flow.step()
    expect(await held('user', alice)).toEqual({ pending: 1_020_000n, posted: 0n })
    await world.run(flow, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'paid', outcome: { status: 'paid', fee: 5_000n, tax: 5_000n } })
    expect(await held('user', alice)).toEqual({ pending: 0n, posted: 1_005_000n })
    expect((await world.ledger.transfers([payoutTransferId(id, 'taxpost')]))[0]).toMatchObject({ kind: 'post', asset: coin, amount: 5_000n, purpose: 'payout_tax' })
    await world.audit()
  })

  it('books nothing where nothing was taken, and reserves nothing of the native asset twice', async () => {
    world.world.chain.changeRules({ taxPpm: 0 })
    const flow = world.flow()
    await asked(1_000_000n, flow)
    await world.asked('native', 1_000_000n, flow)
    await world.run(flow, 20)
    expect(await held('user', alice)).toEqual({ pending: 0n, posted: 1_000_000n })
    expect((await world.payouts.get(payoutIdOf(alice, 'native')))?.taxMax).toBe(0n)
    expect(await world.ledger.transfers([payoutTransferId(payoutIdOf(alice, 'native'), 'tax')])).toEqual([undefined])
    await world.audit()
  })

  it('takes it from the house where that pays fees', async () => {
    const flow = housePays()
    await asked(1_000_000n, flow)
    await world.run(flow, 20)
    expect([await held('user', alice), await held('fees', 'payouts')]).toEqual([{ pending: 0n, posted: 1_000_000n }, { pending: 0n, posted: 5_000n }])
    await world.audit()
  })

  it('refuses who has the amount and not what is reserved for the tax', async () => {
    const flow = world.flow()
    await asked(FUNDED, flow)
    await world.run(flow, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'refused', reason: 'balance_too_low' })
    expect(await held('user', alice)).toEqual({ pending: 0n, posted: 0n })
  })

  it('waits while the tax is above what is reserved', async () => {
    const flow = world.flow()
    world.world.chain.changeRules({ taxPpm: 20_001 })
    await asked(1_000_000n, flow)
    await world.run(flow, 5)
    expect(await flow.step()).toMatchObject([{ state: 'reserved', wait: 'fee_above_reserve' }])
    world.world.chain.changeRules({ taxPpm: 20_000 })
    await world.run(flow, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'paid', outcome: { tax: 20_000n } })
    await world.audit()
  })

  it('books the tax that a payment took which failed', async () => {
    const flow = world.flow()
    await asked(1_000_000n, flow)
    await flow.step()
    // Enough for the tax and not for what is sent.
    const left = world.world.held(world.hot.address, coin) - 10_000n
    world.world.chain.script({ changes: [{ address: world.hot.address, asset: coin, delta: -left }] })
    await world.run(flow, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'failed', reason: 'transaction_failed', outcome: { fee: 5_000n, tax: 5_000n } })
    expect(await held('user', alice)).toEqual({ pending: 0n, posted: 5_000n })
  })

  it('lets a person book no more of it than was reserved', async () => {
    const flow = world.flow()
    await asked(1_000_000n, flow)
    const faults = world.world.network.endpoints.map(({ rpc }) => rpc.faults)
    for (const fault of faults) fault.broadcast = 'lose'
    await flow.step()
    world.world.chain.changeRules({ taxPpm: 8_000 })
    for (const fault of faults) fault.broadcast = 'forward'
    await world.run(flow, 20)
    // What was offered is kept, and the recipient pays the tax as it is now.
    expect(await world.payouts.get(id)).toMatchObject({ state: 'needs_operator', reason: 'received_differs' })
    const said = { status: 'paid', fee: amountOf(5_000n) } as const
    await expect(flow.decide(id, { ...said, tax: amountOf(20_001n) })).rejects.toMatchObject({ code: 'invalid.argument' })
    expect(await flow.decide(id, { ...said, tax: amountOf(5_000n) })).toBe('done')
    await world.run(flow, 20)
    expect(await held('user', alice)).toEqual({ pending: 0n, posted: 1_005_000n })
  })

  it('rounds what is reserved up', () => {
    const limits = { payoutMin: amountOf(1n), payoutMax: amountOf(1n), accountDayMax: amountOf(1n), approvalAbove: amountOf(1n), topUpBelow: ZERO, taxPpm: 5_000 }
    const policy: PayoutPolicy = { assets: new Map([[coin, limits]]), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(1n), ppm: 0 }, feeFrom: 'account' }
    expect([1n, 200n, 201n].map((amount) => taxReserveOf(policy, world.native, coin, amountOf(amount)))).toEqual([1n, 1n, 2n])
    expect(taxReserveOf(policy, coin, coin, amountOf(1_000n))).toBe(0n)
    expect(() => world.flow({ policy: { ...policy, assets: new Map([[coin, { ...limits, taxPpm: 1_000_001 }]]) } })).toThrow(expect.objectContaining({ code: 'invalid.config' }))
  })
})
