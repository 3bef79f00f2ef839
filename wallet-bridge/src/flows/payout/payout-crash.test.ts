import { describe, expect, it } from 'vitest'
import type { SimulatedProfile } from '../../chain/simulated/rules.js'
import type { RpcFaults } from '../../chain/simulated/rpc.js'
import { recipientOf, runScenario, type KillAt, type PayoutWorld, type Scenario } from './payout-world.contract.js'

const ALL: readonly SimulatedProfile[] = ['solana', 'ton', 'terra']
const PAID = { one: ['paid'] }

function set(world: PayoutWorld, faults: Partial<Pick<RpcFaults, 'broadcast' | 'lagBlocks' | 'searchLagBlocks' | 'finalAheadBlocks' | 'inventedBlocks' | 'referenceBlocksLow' | 'isDown' | 'taxPpm'>>, endpoints: readonly number[] = [0, 1]): void {
  for (const index of endpoints) Object.assign(world.world.network.endpoints[index]!.rpc.faults, faults)
}

/** A block that holds the payment goes away, once. */
function reorganiseOnce(fate: 'return' | 'forget'): Pick<Scenario, 'before' | 'round'> {
  const done = new WeakSet<PayoutWorld>()
  return {
    round: async (world) => {
      if (done.has(world) || (await world.state('one')) !== 'confirmed') return
      done.add(world)
      world.world.chain.reorganise(2, fate)
      if (fate === 'forget') world.world.chain.dropPool()
    },
  }
}

/** Takes nearly everything from the hot wallet in the block that will hold the payment, which then cannot pay. */
async function drainOnce(world: PayoutWorld): Promise<void> {
  if (world.drained > 0n || !['signed', 'broadcast'].includes(await world.state('one') ?? '')) return
  world.drained = world.world.held(world.hot.address) - 30_000n
  world.world.chain.script({ changes: [{ address: world.hot.address, asset: world.native, delta: 0n - world.drained }] })
  set(world, { broadcast: 'forward' })
}

/** What is broadcast gets into no block before that round, and then all of it may, old and new. */
function lateFrom(first: number): Pick<Scenario, 'before' | 'beforeBlock'> {
  return {
    before: (world) => set(world, { broadcast: 'repeat' }),
    beforeBlock: (world, round) => {
      if (round < first) world.world.chain.dropPool()
      else for (const { rpc } of world.world.network.endpoints) rpc.repeatBroadcasts()
    },
  }
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'all goes well, for two at once', profiles: ALL, asks: [['one', 1_000_000n], ['two', 2_000_000n]], ends: { one: ['paid'], two: ['paid'] } },
  { name: 'there is money for one of two', profiles: ['solana'], asks: [['one', 6_000_000n], ['two', 3_950_000n]], ends: { one: ['paid'], two: ['refused'] } },
  { name: 'the transaction fails', profiles: ALL, ends: { one: ['failed'] }, before: (world) => set(world, { broadcast: 'lose' }), round: drainOnce },
  { name: 'the recipient sends it back', profiles: ['ton'], before: (world) => world.world.chain.refuseAt(recipientOf('one')), ends: { one: ['failed'] } },
  {
    name: 'the first signature expires', profiles: ALL, ends: PAID,
    before: (world) => set(world, { broadcast: 'lose' }), round: (world, round) => { if (round === 16) set(world, { broadcast: 'forward' }) },
  },
  {
    name: 'broadcasts are lost without an answer', profiles: ALL, ends: PAID,
    before: (world) => set(world, { broadcast: 'lose_silently' }), round: (world, round) => { if (round === 4) set(world, { broadcast: 'forward' }) },
  },
  { name: 'broadcasts get no answer', profiles: ALL, ends: PAID, before: (world) => set(world, { broadcast: 'silent' }) },
  { name: 'broadcasts are refused and land nonetheless', profiles: ALL, ends: PAID, before: (world) => set(world, { broadcast: 'refuse' }) },
  {
    name: 'broadcasts come again and again', profiles: ALL, ends: PAID, before: (world) => set(world, { broadcast: 'repeat' }),
    round: (world) => { for (const { rpc } of world.world.network.endpoints) rpc.repeatBroadcasts() },
  },
  { name: 'a broadcast comes late, just before its end', profiles: ALL, ends: PAID, ...lateFrom(6) },
  { name: 'a broadcast comes late, when another one is out', profiles: ALL, ends: PAID, ...lateFrom(16) },
  { name: 'one source lags', profiles: ALL, ends: PAID, before: (world) => set(world, { lagBlocks: 3 }, [1]) },
  { name: 'one source looks transactions up where it is late', profiles: ALL, ends: PAID, before: (world) => set(world, { searchLagBlocks: 5 }, [0]) },
  {
    name: 'one source claims blocks that are not there', profiles: ALL, ends: PAID,
    ...lateFrom(6), round: (world, round) => { set(world, { inventedBlocks: round < 6 ? 15 : 0 }, [1]) },
  },
  { name: 'one source makes the end look near', profiles: ['solana'], ends: PAID, ...lateFrom(6), round: (world) => set(world, { referenceBlocksLow: 7 }, [0]) },
  { name: 'one source calls final what is not, and the block goes', profiles: ALL, ends: PAID, before: (world) => set(world, { finalAheadBlocks: 2 }, [0]), ...reorganiseOnce('forget') },
  {
    // Its end is past for the one, it is final for the other: nobody is believed.
    name: 'one source denies the payment for a while', profiles: ALL, ends: PAID, round: async (world, round) => {
      const { hidden } = world.world.network.endpoints[1]!.rpc.faults
      for (const { payment } of await world.all()) if (payment !== undefined && round < 25) hidden.add(payment.txid)
      if (round === 25) hidden.clear()
    },
  },
  { name: 'one source is down for a while', profiles: ['terra'], ends: PAID, round: (world, round) => set(world, { isDown: round > 0 && round < 6 }, [1]) },
  { name: 'the block goes and the payment returns', profiles: ALL, ends: PAID, ...reorganiseOnce('return') },
  { name: 'the block goes and nobody remembers the payment', profiles: ALL, ends: PAID, ...reorganiseOnce('forget') },
  {
    name: 'the tax rises above the reserve for a while', profiles: ['terra'], ends: PAID, before: (world) => world.world.chain.changeRules({ taxPpm: 50_000 }),
    round: (world, round) => { if (round === 4) world.world.chain.changeRules({ taxPpm: 5_000 }) },
  },
  {
    name: 'the tax rises after the signature', profiles: ['terra'], ends: { one: ['needs_operator'] }, before: (world) => set(world, { broadcast: 'lose' }),
    round: (world, round) => {
      if (round !== 2) return
      world.world.chain.changeRules({ taxPpm: 8_000 })
      set(world, { broadcast: 'forward' })
    },
  },
  { name: 'nothing ever lands', profiles: ['ton'], ends: { one: ['failed'] }, before: (world) => set(world, { broadcast: 'lose' }) },
]

/** A kill after each call is a run of some minutes, asked for by EVEGRAM_PAYOUT_KILLS=all. Otherwise the profiles begin at different calls. */
const KILLS_EVERY = process.env['EVEGRAM_PAYOUT_KILLS'] === 'all' ? 1 : 5
/** Some hundred runs of a few milliseconds each, also on a machine that does other things. */
const KILLS_TIMEOUT_MS = 180_000

describe('a payout whose process is killed', () => {
  for (const scenario of SCENARIOS) {
    for (const profile of scenario.profiles) {
      it(`after any call pays once or not at all and leaves nothing reserved: ${scenario.name} (${profile})`, async () => {
        const calls = await runScenario(profile, scenario)
        expect(calls).toBeGreaterThan(10)
        // Before the first and after each: between an answer and the next call nothing happens outside of the process.
        await killed(profile, scenario, { call: 1, when: 'before' })
        for (let call = 1 + profile.length % KILLS_EVERY; call <= calls; call += KILLS_EVERY) await killed(profile, scenario, { call, when: 'after' })
      }, KILLS_TIMEOUT_MS)
    }
  }
})

async function killed(profile: SimulatedProfile, scenario: Scenario, at: KillAt): Promise<void> {
  await runScenario(profile, scenario, at).catch((cause: unknown) => {
    throw new Error(`killed ${at.when} call ${String(at.call)}: ${String(cause)}`, { cause })
  })
}

describe('payouts that two processes work on', () => {
  for (const scenario of SCENARIOS) {
    for (const profile of scenario.profiles) {
      it(`are paid once or not at all and leave nothing reserved: ${scenario.name} (${profile})`, async () => {
        await runScenario(profile, scenario, 'two processes')
      })
    }
  }
})
