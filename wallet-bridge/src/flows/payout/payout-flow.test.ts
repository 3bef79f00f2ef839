import { EvegramError, parseAccountId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { AgreedChain } from '../../chain/agreed-chain.js'
import { amountOf, ZERO } from '../../ledger/amount.js'
import { assetIdOf, ledgerAccountIdOf } from '../../ledger/ids.js'
import type { Submission } from '../../ledger/transfer.js'
import { payoutIdOf, SIGNATURES_PER_PAYOUT_MAX } from './payout.js'
import { moved, type PayoutFlow } from './payout-flow.js'
import type { PayoutFlowParts } from './payout-flow-parts.js'
import { alice, FUNDED, PayoutWorld, recipientOf } from './payout-world.contract.js'

describe('PayoutFlow', () => {
  let world: PayoutWorld
  let base: PayoutFlowParts['policy']
  beforeEach(async () => {
    world = await PayoutWorld.open('solana')
    const limits = { payoutMin: amountOf(10n), payoutMax: amountOf(5_000_000n), accountDayMax: amountOf(6_000_000n), approvalAbove: amountOf(4_000_000n), topUpBelow: amountOf(0n) }
    base = { assets: new Map([[world.native, limits]]), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 0 }, feeFrom: 'account' }
  })
  const flow = (policy: Partial<PayoutFlowParts['policy']> = {}): PayoutFlow => world.flow({ policy: { ...base, ...policy } })
  const id = payoutIdOf(alice, 'one')
  const user = async (): Promise<{ readonly pending: bigint; readonly posted: bigint }> => {
    const [account] = await world.ledger.accounts([ledgerAccountIdOf('user', alice, world.native)])
    return { pending: account!.debitsPending, posted: account!.debitsPosted }
  }

  it('refuses what the policy does not allow, and writes nothing down', async () => {
    const one = flow({ denied: new Set([recipientOf('denied')]) })
    const refused = async (changes: Parameters<PayoutWorld['ask']>[2], by = one): Promise<unknown> => {
      const answer = await by.request({ ...world.ask('one', 1_000n), ...changes })
      return answer.status === 'refused' ? answer.reason : answer.status
    }
    expect(await refused({ asset: assetIdOf('simulated', 'other') })).toBe('asset_unknown')
    expect(await refused({ amount: amountOf(9n) })).toBe('amount_too_small')
    expect(await refused({ amount: amountOf(5_000_001n) })).toBe('amount_too_large')
    expect(await refused({ to: 'sim123' })).toBe('destination_invalid')
    expect(await refused({ to: world.hot.address })).toBe('destination_ours')
    await world.routes.giveAddress(world.world.rules.chain, recipientOf('ours'), { to: 'account', account: alice })
    expect(await refused({ to: recipientOf('ours') })).toBe('destination_ours')
    expect(await refused({ to: recipientOf('denied') })).toBe('destination_denied')
    expect(await refused({}, flow({ allowed: new Set() }))).toBe('destination_not_allowed')
    expect(await refused({ memo: new Uint8Array(257) })).toBe('memo_too_long')
    expect(await refused({ proof: new Uint8Array(2) })).toBe('proof_invalid')
    expect(await refused({ proof: new Uint8Array(5_000) })).toBe('proof_invalid')
    expect(await world.all()).toEqual([])
    await expect(one.request({ ...world.ask('one', 1_000n), account: parseAccountId('b'.repeat(32)) })).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('answers a second ask with the first payout, also when the policy has changed', async () => {
    expect((await flow().request(world.ask('one', 1_000n))).status).toBe('created')
    expect((await flow({ allowed: new Set() }).request(world.ask('one', 1_000n))).status).toBe('exists')
    expect((await flow().request(world.ask('one', 1_001n))).status).toBe('exists_with_different_fields')
  })

  it('counts what an account asked for within 24 hours', async () => {
    expect((await flow().request(world.ask('one', 3_000_000n))).status).toBe('created')
    expect(await flow().request(world.ask('two', 3_000_001n))).toEqual({ status: 'refused', reason: 'day_limit' })
    world.world.clock.advance(86_400_001)
    expect((await flow().request(world.ask('two', 3_000_001n))).status).toBe('created')
  })

  it('waits for somebody else above the threshold', async () => {
    const one = flow()
    await world.asked('one', 4_000_001n, one)
    await world.run(one, 20)
    expect(await world.state('one')).toBe('awaiting_approval')
    expect(await one.approve(id, alice)).toBe('same_person')
    expect(await one.approve(payoutIdOf(alice, 'none'), 'olga')).toBe('not_found')
    expect(await one.approve(id, 'olga')).toBe('done')
    expect(await one.approve(id, 'oleg')).toBe('too_late')
    await world.run(one, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'paid', approvedBy: 'olga' })
    await world.audit()
  })

  it('does not let an operator approve what the operator asked for', async () => {
    const one = flow()
    expect((await one.request(world.ask('one', 4_000_001n, { requestedBy: 'olga' }))).status).toBe('created')
    await one.step()
    expect(await one.approve(id, 'olga')).toBe('same_person')
    // Nor whose money it is, whoever asked.
    expect(await one.approve(id, alice)).toBe('same_person')
    expect(await one.approve(id, 'oleg')).toBe('done')
  })

  it('holds what is asked for after a device was added, also one that was added after the ask', async () => {
    const one = flow({ holdMs: 60_000 })
    await world.asked('one', 1_000n, one)
    world.lastAddedMs = world.world.clock.now() + 1_000
    expect(await one.step()).toEqual([{ payout: id, state: 'held', wait: 'hold' }])
    world.world.clock.advance(60_999)
    expect(await one.step()).toEqual([{ payout: id, state: 'held', wait: 'hold' }])
    expect(await user()).toEqual({ pending: 0n, posted: 0n })
    world.world.clock.advance(1)
    await world.run(one, 20)
    expect(await world.state('one')).toBe('paid')
  })

  it('sends nothing while the chain is paused, watches what is out, and goes on', async () => {
    const { chain } = world.world.rules
    const one = flow()
    await world.asked('one', 1_000n, one)
    await world.payouts.setPaused(chain, true, 'olga')
    expect(await one.step()).toEqual([{ payout: id, state: 'held', wait: 'paused' }])
    await world.payouts.setPaused(chain, false, 'olga')
    await one.step()
    await world.payouts.setPaused(chain, true, 'olga')
    await world.asked('two', 1_000n, one)
    for (let round = 0; round < 10; round++) {
      await one.step()
      await world.world.blocks()
    }
    expect([await world.state('one'), await world.state('two')]).toEqual(['paid', 'held'])
    await world.payouts.setPaused(chain, false, 'olga')
    await world.run(one, 20)
    await world.audit()
  })

  it('waits for money in the hot wallet, alarms once, and then pays', async () => {
    const policy = { assets: new Map([...base.assets].map(([asset, limits]) => [asset, { ...limits, topUpBelow: amountOf(FUNDED) }])) }
    const one = flow(policy)
    world.drained = world.world.held(world.hot.address)
    world.world.chain.script({ changes: [{ address: world.hot.address, asset: world.native, delta: 0n - world.drained }] })
    await world.world.makeFinal()
    await world.asked('one', 1_000n, one)
    for (let round = 0; round < 5; round++) expect(await one.step()).toEqual([{ payout: id, state: 'reserved', wait: 'top_up' }])
    // Below its bound, and not enough for this payout: once each.
    expect(world.alarms).toEqual([{ kind: 'top_up', asset: world.native }, { kind: 'top_up', asset: world.native }])
    expect(await user()).toEqual({ pending: 21_000n, posted: 0n })
    world.world.fund(world.hot.address, world.drained)
    world.drained = 0n
    await world.run(one, 20)
    expect(await world.state('one')).toBe('paid')
    await world.audit()
  })

  it('pays from its own fee account where the policy says so', async () => {
    const one = flow({ feeFrom: 'house' })
    await world.asked('one', 1_000n, one)
    await world.run(one, 20)
    const [fees] = await world.ledger.accounts([ledgerAccountIdOf('fees', 'payouts', world.native)])
    expect(fees!.debitsPosted).toBe(5_000n)
    expect(await user()).toEqual({ pending: 0n, posted: 1_000n })
    await world.audit()
  })

  it('releases what a person refuses before anything is signed, and refuses to afterwards', async () => {
    const one = flow({ feeReserve: { fixed: amountOf(1_000n), ppm: 0 } })
    await world.asked('one', 1_000n, one)
    // The network costs more than was reserved: reserved, and nothing is signed.
    expect(await one.step()).toEqual([{ payout: id, state: 'reserved', wait: 'fee_above_reserve' }])
    expect(world.alarms).toEqual([{ kind: 'fee_above_reserve', payout: id }])
    expect(await user()).toEqual({ pending: 2_000n, posted: 0n })
    expect(await one.refuse(id, 'olga')).toBe('done')
    await one.step()
    expect(await world.payouts.get(id)).toMatchObject({ state: 'refused', reason: 'rejected' })
    expect(await user()).toEqual({ pending: 0n, posted: 0n })
    const other = flow()
    await world.asked('two', 1_000n, other)
    await other.step()
    expect(await other.refuse(payoutIdOf(alice, 'two'), 'olga')).toBe('too_late')
    await world.run(other, 20)
    await world.audit()
  })

  it('does not send to what was denied since it was asked for', async () => {
    const one = flow({ feeReserve: { fixed: amountOf(1_000n), ppm: 0 } })
    await world.asked('one', 1_000n, one)
    await one.step()
    await world.run(flow({ denied: new Set([recipientOf('one')]) }), 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'refused', reason: 'destination_denied' })
    await world.audit()
  })

  it('refuses what the chain does not pay, and pays what was asked for behind it', async () => {
    const { endpoints } = world.world.network
    const chain = new AgreedChain({ sources: endpoints, alarm: () => undefined })
    const sign = chain.sign.bind(chain)
    chain.sign = async (intent, signer) => intent.outputs[0]!.to === recipientOf('one') ? { status: 'not_payable', problem: 'dust' } : sign(intent, signer)
    const one = world.flow({ policy: base, chain })
    for (const name of ['one', 'two']) await world.asked(name, 1_000n, one)
    await world.run(one, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'refused', reason: 'not_payable' })
    expect([await world.state('two'), await user()]).toEqual(['paid', { pending: 0n, posted: 6_000n }])
    await world.audit()
  })

  it('goes on behind a payout with which something goes wrong, and says so', async () => {
    const broken = (code: 'internal' | 'unavailable.store'): PayoutFlow => {
      let calls = 0
      const lastAddedMs = async (): Promise<undefined> => {
        if (++calls === 1) throw new EvegramError(code, { operation: 'break' })
      }
      return world.flow({ policy: { ...base, holdMs: 1 }, changes: { lastAddedMs } })
    }
    for (const name of ['one', 'two']) await world.asked(name, 1_000n)
    await expect(broken('unavailable.store').step()).rejects.toMatchObject({ code: 'unavailable.store' })
    expect([await world.state('one'), await world.state('two')]).toEqual(['held', 'requested'])
    await expect(broken('internal').step()).rejects.toMatchObject({ code: 'internal' })
    expect([await world.state('one'), await world.state('two')]).toEqual(['held', 'broadcast'])
    await world.run(flow(), 20)
    await world.audit()
  })

  it('keeps money reserved that did not arrive as meant, until a person says what happened', async () => {
    world = await PayoutWorld.open('terra')
    const one = world.flow()
    const endpoint = world.world.network.endpoints[0]!.rpc.faults
    await world.asked('one', 1_000_000n, one)
    endpoint.broadcast = 'lose'
    world.world.network.endpoints[1]!.rpc.faults.broadcast = 'lose'
    await one.step()
    world.world.chain.changeRules({ taxPpm: 8_000 })
    for (const { rpc } of world.world.network.endpoints) rpc.faults.broadcast = 'forward'
    await world.run(one, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'needs_operator', reason: 'received_differs' })
    expect(world.alarms).toEqual([{ kind: 'needs_operator', payout: id, reason: 'received_differs' }])
    expect((await user()).pending).toBeGreaterThan(0n)
    await expect(one.decide(id, { status: 'paid', fee: amountOf(10n ** 9n), tax: ZERO })).rejects.toMatchObject({ code: 'invalid.argument' })
    expect(await one.decide(id, { status: 'paid', fee: amountOf(10_000n), tax: ZERO })).toBe('done')
    await world.run(one, 20)
    expect(await world.state('one')).toBe('paid')
    expect(await user()).toEqual({ pending: 0n, posted: 1_010_000n })
  })

  it('signs each of several payouts once, beside those that are in flight', async () => {
    for (const profile of ['solana', 'ton', 'terra'] as const) {
      world = await PayoutWorld.open(profile)
      const one = world.flow()
      for (const name of ['one', 'two', 'three']) await world.asked(name, 1_000_000n, one)
      await world.run(one, 40)
      expect((await world.all()).map(({ state, expired }) => [state, expired]), profile).toEqual([['paid', []], ['paid', []], ['paid', []]])
      await world.audit()
    }
  })

  it('hands the same bytes over again when their block went away', async () => {
    const one = flow()
    await world.asked('one', 1_000n, one)
    await one.step()
    await world.world.blocks()
    expect(await one.step()).toEqual([{ payout: id, state: 'confirmed', wait: 'under_way' }])
    expect(world.world.chain.reorganise(2, 'forget')).toBe(2)
    await world.run(one, 20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'paid', expired: [] })
    await world.audit()
  })

  it('gives up when it was signed five times and nothing ever landed, and releases everything', async () => {
    world = await PayoutWorld.open('ton')
    const one = world.flow()
    for (const { rpc } of world.world.network.endpoints) rpc.faults.broadcast = 'lose'
    await world.asked('one', 1_000n, one)
    await world.run(one, 200)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'failed', reason: 'never_landed', payment: undefined })
    expect((await world.payouts.get(id))?.expired).toHaveLength(SIGNATURES_PER_PAYOUT_MAX)
    expect(await user()).toEqual({ pending: 0n, posted: 0n })
    await world.audit()
  })

  it('releases what it reserved while another process refused the payout', async () => {
    await world.asked('one', 1_000n)
    const refusing = new Proxy(world.ledger, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        if (name !== 'submit') return (...args: unknown[]): unknown => Reflect.apply(value, target, args)
        return async (submission: Submission) => {
          const results = await target.submit(submission)
          const payout = (await world.payouts.get(id))!
          if (payout.state !== 'reserving') return results
          const releasing = moved(payout, 'ledger_refuses', { reason: 'balance_too_low' })!
          await world.payouts.replace(releasing)
          await world.payouts.replace(moved(releasing, 'release', {})!)
          return results
        }
      },
    })
    expect(await world.flow({ ledger: refusing }).step()).toEqual([{ payout: id, state: 'reserving', wait: 'changed_elsewhere' }])
    expect([await world.state('one'), await user()]).toEqual(['refused', { pending: 0n, posted: 0n }])
    await world.audit()
  })

  it('refuses a policy that contradicts itself', () => {
    expect(() => flow({ holdMs: -1 })).toThrow(expect.objectContaining({ code: 'invalid.config' }))
    expect(() => flow({ feeReserve: { fixed: amountOf(0n), ppm: 0 } })).toThrow(expect.objectContaining({ code: 'invalid.config' }))
  })

  it('works by itself between start and stop', async () => {
    const one = flow()
    const failures: unknown[] = []
    await world.asked('one', 1_000n, one)
    one.start((error) => failures.push(error))
    for (let second = 0; second < 30 && await world.state('one') !== 'paid'; second++) {
      world.world.clock.advance(1_000)
      for (let turn = 0; turn < 200; turn++) await Promise.resolve()
      await world.world.blocks()
    }
    await one.stop()
    expect([await world.state('one'), failures]).toEqual(['paid', []])
  })
})
