import { describe, expect, it } from 'vitest'
import { alice, FUNDED, PayoutWorld, recipientOf } from '../../flows/payout/payout-world.contract.js'
import { payoutIdOf } from '../../flows/payout/payout.js'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { parsePurpose, userTransferId } from '../../ledger/ids.js'
import { auditPayouts, type AuditedFacts } from './audit-payouts.js'

const AMOUNTS = [['one', 1_000n], ['two', 2_000n]] as const
/** With its fee. */
const MORE = FUNDED - 3_000n

/** Two payouts that were paid, and one that was more than there was. */
async function facts(): Promise<{ readonly world: PayoutWorld; readonly facts: AuditedFacts }> {
  const world = await PayoutWorld.open('solana')
  for (const [name, amount] of AMOUNTS) await world.asked(name, amount)
  await world.asked('three', MORE)
  await world.run(world.flow(), 40)
  const asked = [...AMOUNTS, ['three', MORE] as const]
  const planned = asked.map(([name, amount]) => ({ id: payoutIdOf(alice, name), account: alice, to: recipientOf(name), amount: amountOf(amount), isAffordable: amount < MORE }))
  return {
    world,
    facts: {
      asset: world.native, planned, funds: new Map([[alice, FUNDED]]), ledger: world.ledger, payouts: world.payouts,
      held: asked.map(([name]) => world.world.held(recipientOf(name))), hotHeld: world.world.held(world.hot.address),
    },
  }
}

describe('what is compared at the end of a crash run', () => {
  it('is right when each recipient has the amount once or nothing, and books and chain agree', async () => {
    const found = await auditPayouts((await facts()).facts)
    expect(found).toMatchObject({ problems: [], ends: { 'paid': 2, 'refused: balance_too_low': 1 }, arrived: { once: 2, nothing: 1, otherwise: 0 } })
    expect(found.fees).toBeGreaterThan(0n)
  })

  it.each([
    ['somebody was paid twice', { held: [2_000n, 2_000n, 0n] }, 'is paid, and 2000 of 1000 arrived'],
    ['somebody got nothing of what is called paid', { held: [0n, 2_000n, 0n] }, 'of 1000 arrived'],
    ['somebody got what was refused', { held: [1_000n, 2_000n, MORE] }, 'refused: balance_too_low'],
    ['the hot wallet holds more than the ledger says', { hotHeld: FUNDED }, 'the hot wallet holds'],
    ['nobody was paid', { planned: [], held: [], funds: new Map<string, bigint>() }, 'nobody was paid'],
    ['the account began with less', { funds: new Map([[alice, FUNDED - 1n]]) }, 'what its payouts left'],
  ] as const)('is wrong when %s', async (_, change, problem) => {
    expect((await auditPayouts({ ...(await facts()).facts, ...change })).problems.join('\n')).toContain(problem)
  })

  it('is wrong when something is still reserved, or did not end', async () => {
    const { world, facts: all } = await facts()
    await world.ledger.submit({ linked: false, transfers: [{
      kind: 'pending', id: userTransferId(alice, 'stuck'), debit: openingOf('user', alice, world.native).id, credit: openingOf('equity', 'house', world.native).id,
      amount: amountOf(1n), purpose: parsePurpose('payout'),
    }] })
    await world.asked('four', 10n)
    const four = { id: payoutIdOf(alice, 'four'), account: alice, to: recipientOf('four'), amount: amountOf(10n), isAffordable: true }
    const { problems } = await auditPayouts({ ...all, planned: [...all.planned, four], held: [...all.held, 0n] })
    expect(problems).toEqual([
      expect.stringContaining('did not end: requested'), expect.stringContaining('could be paid, and is requested'), 'something is still reserved',
    ])
  })

  it('is wrong when a payout that could be paid was refused, or when more than a few of them never landed', async () => {
    const { facts: all } = await facts()
    const refused = { ...all, planned: all.planned.map((planned) => ({ ...planned, isAffordable: true })) }
    expect((await auditPayouts(refused)).problems).toEqual([expect.stringContaining('could be paid, and is refused: balance_too_low')])
    // As the network would leave it when it keeps back whatever is signed.
    const payouts: AuditedFacts['payouts'] = {
      list: async (request) => (await all.payouts.list(request)).map((payout) => payout.state === 'paid' ? { ...payout, state: 'failed', reason: 'never_landed' } : payout),
    }
    expect((await auditPayouts({ ...all, payouts })).problems).toContain('2 payouts never landed, more than 0')
  })
})
