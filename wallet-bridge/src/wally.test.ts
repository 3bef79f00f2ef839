import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { somebody } from './chain/simulated/simulated-world.contract.js'
import { payoutIdOf } from './flows/payout/payout.js'
import { ReconcileFlow } from './flows/reconcile/reconcile-flow.js'
import { amountOf } from './ledger/amount.js'
import { LocalChainLeases } from './local-chain-leases.js'
import { WallyWorld } from './wally-world.contract.js'

describe('the wallet bridge', () => {
  let world: WallyWorld
  beforeEach(async () => {
    world = await WallyWorld.open()
  })
  afterEach(async () => {
    await world.close()
  })

  it('credits a deposit, moves money between people, pays out, and tells them', async () => {
    const [alice, bob] = [await world.member('alice'), await world.member('bob')]
    const wally = world.wally()
    await wally.start()
    await world.deposit(wally, alice.account, 1_000_000n)
    expect(await wally.money.balances(alice.account)).toEqual([{ asset: world.native, held: 1_000_000n, reserved: 0n, available: 1_000_000n, closed: false }])

    const sent = { from: alice.account, to: bob.account, asset: world.native, amount: amountOf(300_000n), clientId: 'lunch' }
    expect((await wally.money.send(sent)).status).toBe('created')
    expect((await wally.money.send(sent)).status).toBe('exists')
    expect((await wally.money.balances(bob.account))[0]?.available).toBe(300_000n)

    const to = somebody('the exchange')
    const terms = { id: 'w-1', chain: 'simulated', asset: world.native, amount: '200000', to }
    const asked = await wally.workOf(world.native).payouts.request({
      id: payoutIdOf(alice.account, 'w-1'), account: alice.account, asset: world.native, amount: amountOf(200_000n), to, requestedBy: alice.account, proof: await world.proof(alice, terms),
    })
    expect(asked.status).toBe('created')
    await world.pass(60)
    expect((await world.payouts.get(payoutIdOf(alice.account, 'w-1')))?.state).toBe('paid')
    expect(world.chain.held(to)).toBe(200_000n)

    const lines = await wally.money.statement(alice.account, world.native, undefined, 100)
    expect(lines.filter(({ kind }) => kind !== 'pending').map(({ purpose, side }) => `${side} ${purpose}`)).toEqual(['debit payout_fee', 'debit payout', 'debit chat', 'credit deposit'])
    expect(world.notices.map(({ kind, account, amount }) => [kind, account, amount])).toEqual([
      ['deposit_credited', alice.account, '1000000'], ['payment_received', bob.account, '300000'], ['payout_reserved', alice.account, '200000'], ['payout_paid', alice.account, '200000'],
    ])
    // Each points to a line of the statement, and to the chain where there is one.
    expect(world.notices.map(({ transfer }) => transfer.replace(/^d:.*/, 'd'))).toEqual(['d', `u:${alice.account}:lunch`, `p:${payoutIdOf(alice.account, 'w-1')}`, `p:${payoutIdOf(alice.account, 'w-1')}:post`])
    expect(world.notices.map(({ transaction }) => transaction)).toEqual([
      expect.any(String), undefined, undefined, (await world.payouts.get(payoutIdOf(alice.account, 'w-1')))?.payment?.txid,
    ])
    const { reconciled, booked, hot } = wally.chains.get(world.chain.rules.chain)!.status
    expect(reconciled?.answer).toMatchObject({ status: 'done', report: { drift: false } })
    expect(booked).toBeGreaterThan(0)
    expect(hot[0]?.held).toBeGreaterThan(0n)
    expect(wally.lags).toEqual({ statements: 0, notices: 0, relay: 0 })
    expect((await wally.alarms.list()).map(({ kind }) => kind)).toEqual(['top_up'])
    expect(await world.metrics.text()).toMatch(/wally_drift\{chain="simulated"\} 0/)
  })

  it('compares for one person at a time, behind a comparison that it makes by itself', async () => {
    const begun: (() => void)[] = []
    const runs = vi.spyOn(ReconcileFlow.prototype, 'run').mockImplementation(async () => {
      await new Promise<void>((resolve) => { begun.push(resolve) })
      return { status: 'too_different' }
    })
    onTestFinished(() => { runs.mockRestore() })
    const wally = world.wally()
    await wally.start()
    await world.pass(3)
    expect(begun).toHaveLength(1)
    const work = wally.workOf(world.native)
    const answer = work.reconcile()
    await expect(work.reconcile()).rejects.toMatchObject({ code: 'conflict.busy' })
    expect(begun).toHaveLength(1)
    begun[0]?.()
    await vi.waitFor(() => { expect(begun).toHaveLength(2) }, 20_000)
    begun[1]?.()
    expect(await answer).toEqual({ status: 'too_different' })
  })

  it('works on a chain in one process, and in the next one when that ends', async () => {
    const alice = await world.member('alice')
    const leases = new LocalChainLeases()
    const [one, other] = [world.wally(leases), world.wally(leases)]
    await one.start()
    await world.pass(3)
    await other.start()
    await world.pass(3)
    const working = (): readonly (boolean | undefined)[] => [one, other].map((wally) => wally.chains.get(world.chain.rules.chain)?.status.working)
    expect(working()).toEqual([true, false])
    await one.stop()
    await world.pass(6)
    expect(working()).toEqual([false, true])
    await world.deposit(other, alice.account, 5_000n)
    expect((await other.money.balances(alice.account))[0]?.held).toBe(5_000n)
  })

  it('stops working when its lease is gone, and says so', async () => {
    let isLost = false
    const wally = world.wally({ acquire: async () => (isLost ? undefined : { isHeld: async () => !isLost, release: async () => undefined }) })
    await wally.start()
    await world.pass(3)
    const status = () => wally.chains.get(world.chain.rules.chain)!.status
    expect(status().working).toBe(true)
    isLost = true
    await world.pass(5)
    expect(status().working).toBe(false)
    expect((await wally.alarms.list()).map(({ kind }) => kind)).toContain('lease_lost')
    const alice = await world.member('alice')
    await world.deposit(wally, alice.account, 5_000n)
    expect(await wally.money.balances(alice.account)).toEqual([])
  })

  it('alarms when chain and ledger differ', async () => {
    const wally = world.wally()
    await wally.start()
    await world.pass(5)
    // Money leaves the hot wallet behind the back of the ledger.
    const alice = await world.member('alice')
    await world.deposit(wally, alice.account, 1_000_000n)
    world.chain.chain.script({ changes: [{ address: world.hot.address, asset: world.native, delta: -7n }] })
    await world.pass(130)
    expect((await wally.alarms.list()).map(({ kind }) => kind)).toContain('drift')
    expect(await world.metrics.text()).toMatch(/wally_drift\{chain="simulated"\} 1/)
  })

  it('gives an account the same code for ever, and another account another one', async () => {
    const [alice, bob] = [await world.member('alice'), await world.member('bob')]
    const [one, other] = [world.wally(), world.wally()]
    const code = await one.places.codeOf(alice.account)
    expect(await other.places.codeOf(alice.account)).toBe(code)
    expect(await other.places.codeOf(bob.account)).not.toBe(code)
    expect(await world.routes.accountsOf([code])).toEqual([alice.account])
  })

  it('is refused with a hot wallet whose address leads to somebody', async () => {
    const alice = await world.member('alice')
    await world.routes.giveAddress(world.chain.rules.chain, world.hot.address, { to: 'account', account: alice.account })
    await expect(world.wally().start()).rejects.toMatchObject({ code: 'invalid.config' })
  })
})
