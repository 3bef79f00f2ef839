import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { somebody } from './chain/simulated/simulated-world.contract.js'
import type { PayoutId, PayoutOutcome } from './flows/payout/payout.js'
import { payoutIdOf } from './flows/payout/payout.js'
import { moved } from './flows/payout/payout-flow.js'
import { amountOf, ZERO } from './ledger/amount.js'
import { decodeLedgerEvent } from './ledger/event.js'
import { LocalChainLeases } from './local-chain-leases.js'
import type { Wally } from './wally-parts.js'
import { WallyWorld } from './wally-world.contract.js'

const FAILED: PayoutOutcome = { status: 'failed', fee: ZERO, tax: ZERO, reason: 'not_sent' }

describe('the desk of operators, in several processes', () => {
  let world: WallyWorld
  let leases: LocalChainLeases
  beforeEach(async () => {
    world = await WallyWorld.open()
    leases = new LocalChainLeases()
  })
  afterEach(async () => {
    await world.close()
  })

  /** A payout that needs a person, by a process that has ended then. */
  async function puzzling(): Promise<PayoutId> {
    const alice = await world.member('alice')
    const wally = world.wally(leases)
    await wally.start()
    await world.deposit(wally, alice.account, 1_000_000n)
    const to = somebody('the exchange')
    const id = payoutIdOf(alice.account, 'rent')
    const terms = { id: 'rent', chain: 'simulated', asset: world.native, amount: '1000', to }
    await wally.workOf(world.native).payouts.request({
      id, account: alice.account, asset: world.native, amount: amountOf(1_000n), to, requestedBy: alice.account, proof: await world.proof(alice, terms),
    })
    for (let step = 0; step < 20; step++) {
      const payout = await world.payouts.get(id)
      const next = payout?.payment === undefined ? undefined : moved(payout, 'puzzle', { reason: 'received_differs' })
      if (next !== undefined && await world.payouts.replace(next)) break
      await world.pass(1)
    }
    await wally.stop()
    expect((await world.payouts.get(id))?.state).toBe('needs_operator')
    return id
  }

  const acts = (): readonly string[] => world.ledger.events.map(({ bytes }) => decodeLedgerEvent(bytes).change).flatMap((change) => change.kind === 'operator_act' ? [`${change.act} ${change.person}`] : [])
  const bookings = (id: PayoutId): readonly string[] => [...world.ledger.transfers.keys()].filter((transfer) => transfer.startsWith(`p:${id}:`)).sort()

  it('makes a decision of two words that were said to different processes, also behind a restart', async () => {
    const id = await puzzling()
    expect((await world.wally(leases).desk.decide(id, FAILED, 'olga')).status).toBe('proposed')
    const second = world.wally(leases)
    await expect(second.desk.decide(id, FAILED, 'olga')).rejects.toMatchObject({ code: 'denied.same_person' })
    expect(await second.desk.decide(id, FAILED, 'oleg')).toMatchObject({ status: 'decided', payout: { state: 'settling' } })
    expect(acts()).toEqual(['proposed olga', 'approved oleg'])
    await expect(second.desk.decide(id, FAILED, 'otto')).rejects.toMatchObject({ code: 'conflict.payout_state' })
    expect(await world.decisions.approved(10)).toEqual([])
  })

  it('does once what was approved when a process ended before it was done', async () => {
    const id = await puzzling()
    const dying = world.wally(leases)
    const { payouts } = dying.desk.work(world.chain.rules.chain)
    payouts.decide = async () => { throw new Error('kill -9') }
    await dying.desk.decide(id, FAILED, 'olga')
    await expect(dying.desk.decide(id, FAILED, 'oleg')).rejects.toThrow('kill -9')
    expect((await world.payouts.get(id))?.state).toBe('needs_operator')

    const others: readonly Wally[] = [world.wally(leases), world.wally(leases)]
    for (const wally of others) await wally.start()
    await world.pass(20)
    expect(await world.payouts.get(id)).toMatchObject({ state: 'failed', reason: 'not_sent' })
    expect(await world.decisions.approved(10)).toEqual([])
    expect(acts()).toEqual(['proposed olga', 'approved oleg'])
    expect(bookings(id)).toEqual([`p:${id}:fee`, `p:${id}:feevoid`, `p:${id}:void`])
  })

  it('does not do again what was done, when the payout needs a person a second time', async () => {
    const id = await puzzling()
    const wally = world.wally(leases)
    const done = world.decisions.done.bind(world.decisions)
    // A process that ends between the act and the note that it was done.
    world.decisions.done = async () => { throw new Error('kill -9') }
    await wally.desk.decide(id, FAILED, 'olga')
    await expect(wally.desk.decide(id, FAILED, 'oleg')).rejects.toThrow('kill -9')
    world.decisions.done = done
    const settling = await world.payouts.get(id)
    expect(settling?.state).toBe('settling')
    expect(await world.payouts.replace(moved(settling!, 'puzzle', { reason: 'ledger_disagrees' })!)).toBe(true)
    expect(await wally.desk.doApproved()).toBe(1)
    expect((await world.payouts.get(id))?.state).toBe('needs_operator')
    expect(await world.decisions.approved(10)).toEqual([])
    // It is decided anew, by two.
    expect((await wally.desk.decide(id, FAILED, 'olga')).status).toBe('proposed')
  })

  it('shows a proposal to every process until it is decided, or the payout goes on', async () => {
    const id = await puzzling()
    const [one, other] = [world.wally(leases), world.wally(leases)]
    await one.desk.decide(id, FAILED, 'olga')
    const [proposal, ...others] = await other.desk.proposals()
    expect([proposal, others]).toMatchObject([{ payout: { id }, outcome: FAILED, proposedBy: 'olga' }, []])
    expect(proposal!.untilMs - proposal!.proposedMs).toBe(86_400_000)
    const stands = (await world.payouts.get(id))!
    expect(await world.payouts.replace({ ...stands, version: stands.version + 1 })).toBe(true)
    expect(await other.desk.proposals()).toEqual([])
    await one.desk.decide(id, FAILED, 'olga')
    await other.desk.decide(id, FAILED, 'oleg')
    expect(await one.desk.proposals()).toEqual([])
  })

  it('writes into the audit trail what one person did, once', async () => {
    const alice = await world.member('alice')
    const wally = world.wally(leases)
    await wally.start()
    await world.deposit(wally, alice.account, 5_000_000n)
    const { desk } = wally
    const awaiting = async (name: string): Promise<PayoutId> => {
      const to = somebody('the exchange')
      const terms = { id: name, chain: 'simulated', asset: world.native, amount: '600000', to }
      const id = payoutIdOf(alice.account, name)
      await wally.workOf(world.native).payouts.request({
        id, account: alice.account, asset: world.native, amount: amountOf(600_000n), to, requestedBy: alice.account, proof: await world.proof(alice, terms),
      })
      await world.pass(4)
      expect((await world.payouts.get(id))?.state).toBe('awaiting_approval')
      return id
    }
    const [one, two] = [await awaiting('one'), await awaiting('two')]
    await desk.approve(one, 'olga')
    await expect(desk.approve(one, 'oleg')).rejects.toMatchObject({ code: 'conflict.payout_state' })
    await expect(desk.approve(two, alice.account)).rejects.toMatchObject({ code: 'denied.same_person' })
    await expect(desk.refuse(two, 'no person')).rejects.toMatchObject({ code: 'invalid.argument' })
    await desk.refuse(two, 'oleg')
    await expect(desk.refuse(two, 'olga')).rejects.toMatchObject({ code: 'conflict.payout_state' })
    const work = desk.work(world.chain.rules.chain)
    for (const [isPaused, person] of [[true, 'olga'], [true, 'oleg'], [false, 'oleg']] as const) await work.setPaused(isPaused, person)
    expect(acts()).toEqual(['payout_approved olga', 'payout_refused oleg', 'chain_paused olga', 'chain_resumed oleg'])
    expect((await desk.verify()).status).toBe('sound')
  })

  it('takes no proposal that could not be booked', async () => {
    const id = await puzzling()
    const { desk } = world.wally(leases)
    await expect(desk.decide(id, { status: 'paid', fee: amountOf(10n ** 9n), tax: ZERO }, 'olga')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(desk.decide(id, FAILED, 'no person')).rejects.toMatchObject({ code: 'invalid.argument' })
    expect(acts()).toEqual([])
  })
})
