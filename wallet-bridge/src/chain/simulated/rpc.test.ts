import { isEvegramError, utf8 } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { ChainAddress, ChainTransfer } from '../chain-adapter.js'
import type { SimulatedRecord } from './record.js'
import type { RpcFaults } from './rpc.js'
import { SimulatedWorld, somebody } from './simulated-world.contract.js'

const [alice, bob] = [somebody('alice'), somebody('bob')]
const unavailable = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain')) as unknown as Error

/** What one endpoint tells of `address` in its final blocks. */
async function told(world: SimulatedWorld, address: ChainAddress, index = 0): Promise<readonly ChainTransfer[]> {
  const { final } = await world.adapter(index).head()
  return (await world.adapter(index).watch({ addresses: new Set([address]), after: 0, upTo: final, limit: 1_000 })).transfers
}

const faultsOf = (world: SimulatedWorld): RpcFaults => world.network.endpoints[0]!.rpc.faults

/** Each fault must show: one that nobody notices would test nothing. The second endpoint stays honest. */
describe('faults of an endpoint', () => {
  it('lags', async () => {
    const world = await SimulatedWorld.open('terra')
    await world.blocks(20)
    faultsOf(world).lagBlocks = 10
    world.fund(alice, 5n)
    await world.blocks(3)
    const [behind, ahead] = [await world.adapter(0).head(), await world.adapter(1).head()]
    expect(ahead.latest - behind.latest).toBe(10)
    expect([await told(world, alice), (await told(world, alice, 1)).length]).toEqual([[], 1])
    await world.blocks(20)
    expect(await told(world, alice)).toHaveLength(1)
  })

  it('that begins to lag shows a final height behind the one it showed, which is refused', async () => {
    const world = await SimulatedWorld.open('terra')
    await world.blocks(20)
    await world.adapter().head()
    faultsOf(world).lagBlocks = 10
    await expect(world.adapter().head()).rejects.toThrow(unavailable)
  })

  it('calls final what is not', async () => {
    const world = await SimulatedWorld.open('solana')
    faultsOf(world).finalAheadBlocks = 32
    world.fund(alice, 5n)
    await world.blocks(2)
    expect([(await told(world, alice)).length, await told(world, alice, 1)]).toEqual([1, []])
    world.chain.reorganise(2, 'forget')
    await world.makeFinal()
    expect(await told(world, alice)).toEqual([])
  })

  it('invents blocks, so that a payment seems over which still lands', async () => {
    const world = await SimulatedWorld.open('solana')
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    faultsOf(world).inventedBlocks = 1_000
    expect(await world.adapter(0).lookUp(payment)).toMatchObject({ status: 'expired' })
    expect(await world.adapter(1).lookUp(payment)).toEqual({ status: 'unknown' })
    world.chain.submit(payment.bytes)
    await world.makeFinal()
    expect(world.held(bob)).toBe(1n)
  })

  it('states a block hash as older than it is, which another endpoint contradicts', async () => {
    const world = await SimulatedWorld.open('solana')
    const { signer } = await world.wallet(1_000_000n)
    await world.blocks(200)
    faultsOf(world).referenceBlocksLow = 140
    const payment = await world.sign(signer, [[bob, 1n]])
    const honest = await world.adapter(1).expiryOf(payment)
    if (payment.expiry.by !== 'height' || honest.by !== 'height') throw new Error('no height')
    expect(honest.lastHeight - payment.expiry.lastHeight).toBe(140)
  })

  it('looks a transaction up on a machine that is behind, and then proves no end', async () => {
    const world = await SimulatedWorld.open('solana')
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    world.chain.submit(payment.bytes)
    await world.passExpiry()
    faultsOf(world).searchLagBlocks = world.chain.head.latest - payment.signedAt
    expect(await world.adapter(0).lookUp(payment)).toEqual({ status: 'unknown' })
    expect(await world.adapter(1).lookUp(payment)).toMatchObject({ status: 'final' })
  })

  it('hides, alters and invents transactions', async () => {
    const world = await SimulatedWorld.open('ton')
    const hidden = world.fund(alice, 5n)
    const altered = world.fund(alice, 6n)
    await world.makeFinal()
    const faults = faultsOf(world)
    faults.hidden.add(hidden)
    faults.altered.set(altered, (record) => ({ ...record, memo: utf8('other'), changes: record.changes.map((change) => ({ ...change, delta: 600n })) }))
    const fake: SimulatedRecord = { ...world.chain.find(hidden)!.record, txid: 'f'.repeat(64) as never }
    faults.invented.set(2, fake)
    expect((await told(world, alice)).map(({ txid, amount }) => [txid, amount])).toEqual([[altered, 600n], [fake.txid, 5n]])
    expect((await told(world, alice, 1)).map(({ amount }) => amount)).toEqual([5n, 6n])
  })

  it('states other balances and taxes', async () => {
    const world = await SimulatedWorld.open('terra')
    const { signer, address } = await world.wallet(1_000_000n)
    const faults = faultsOf(world)
    faults.balanceError = 7n
    expect(await world.adapter().balance({ address, asset: world.rules.nativeAsset })).toMatchObject({ amount: 1_000_007n })
    faults.taxPpm = 0
    const payment = await world.sign(signer, [[bob, 100_000n]])
    world.chain.submit(payment.bytes)
    await world.makeFinal()
    // The chain took its tax from the recipient.
    expect(world.held(bob)).toBe(99_500n)
  })

  it.each([
    ['lose', { status: 'accepted' }, 0n],
    ['refuse', { status: 'refused', reason: 'planted' }, 1n],
    ['silent', { status: 'unknown' }, 1n],
    ['lose_silently', { status: 'unknown' }, 0n],
    ['repeat', { status: 'accepted' }, 1n],
  ] as const)('broadcasts: %s', async (fault, answer, arrives) => {
    const world = await SimulatedWorld.open('solana')
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    faultsOf(world).broadcast = fault
    expect(await world.adapter().broadcast(payment)).toEqual(answer)
    await world.makeFinal()
    expect(world.held(bob)).toBe(arrives)
  })

  it('repeats a broadcast after the block that held it went away', async () => {
    const world = await SimulatedWorld.open('solana')
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    const { rpc } = world.network.endpoints[0]!
    rpc.faults.broadcast = 'repeat'
    await world.adapter().broadcast(payment)
    await world.blocks()
    world.chain.reorganise(1, 'forget')
    await world.blocks()
    expect(world.held(bob)).toBe(0n)
    rpc.repeatBroadcasts()
    rpc.repeatBroadcasts()
    await world.makeFinal()
    expect(world.held(bob)).toBe(1n)
  })
})
