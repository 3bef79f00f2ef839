import { isEvegramError, utf8 } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf } from '../../ledger/ids.js'
import type { FinalTransfer, SignedPayment } from '../chain-adapter.js'
import { HEIGHTS_RESERVED, POOL_TRANSACTIONS_MAX, RECENT_BLOCKS_MAX } from './chain.js'
import { SimulatedWorld, somebody } from './simulated-world.contract.js'
import { MemoryStorage, type SimulatedStorage } from './storage.js'

const [alice, bob] = [somebody('alice'), somebody('bob')]

async function told(world: SimulatedWorld, ...addresses: readonly (typeof alice)[]): Promise<readonly FinalTransfer[]> {
  const { final } = world.chain.head
  return (await world.adapter().watch({ addresses: new Set(addresses), after: 0, upTo: final, limit: 1_000 })).transfers
}

async function outcomes(world: SimulatedWorld, payment: SignedPayment): Promise<unknown> {
  const sighting = await world.adapter().lookUp(payment)
  return sighting.status === 'final' ? sighting.settlement.outputs : sighting.status
}

describe('SimulatedChain', () => {
  it('gives back to the pool what a reorganisation drops, or forgets it', async () => {
    const world = await SimulatedWorld.open('solana')
    world.fund(alice, 100n)
    await world.blocks()
    expect(world.held(alice)).toBe(100n)
    expect(world.chain.reorganise(1, 'return')).toBe(1)
    expect(world.held(alice)).toBe(0n)
    await world.blocks()
    expect(world.held(alice)).toBe(100n)
    world.chain.reorganise(1, 'forget')
    await world.makeFinal()
    expect(world.held(alice)).toBe(0n)
    expect(await told(world, alice)).toEqual([])
  })

  it('never reorganises what is final, and shows another hash where another block stands', async () => {
    const world = await SimulatedWorld.open('solana')
    world.fund(alice, 100n)
    await world.blocks(40)
    const { final, latest } = world.chain.head
    const [finalHash, newestHash] = [world.chain.blockAt(final)!.hash, world.chain.blockAt(latest)!.hash]
    expect(world.chain.reorganise(1_000, 'forget')).toBe(latest - final)
    expect(world.chain.head).toEqual({ latest: final, final })
    await world.blocks(latest - final)
    expect(world.chain.blockAt(final)!.hash).toBe(finalHash)
    expect(world.chain.blockAt(latest)!.hash).not.toBe(newestHash)
    expect(world.held(alice)).toBe(100n)
  })

  it('holds finality back for as long as it is told to', async () => {
    const world = await SimulatedWorld.open('ton')
    world.chain.holdFinality(true)
    world.fund(alice, 100n)
    await world.blocks(50)
    expect(world.chain.head).toEqual({ latest: 50, final: 0 })
    expect(await told(world, alice)).toEqual([])
    world.chain.holdFinality(false)
    await world.blocks()
    expect(await told(world, alice)).toHaveLength(1)
  })

  it('keeps the fee of a payment that fails, and moves nothing else', async () => {
    const world = await SimulatedWorld.open('solana')
    const { signer, address } = await world.wallet(1_000_000n)
    // Both fit when they are signed; only one does when they land.
    const payments = [await world.sign(signer, [[bob, 900_000n]]), await world.sign(signer, [[bob, 900_000n], [alice, 1n]])]
    for (const payment of payments) world.chain.submit(payment.bytes)
    await world.makeFinal()
    expect(await outcomes(world, payments[0]!)).toEqual([{ status: 'paid', received: 900_000n }])
    expect(await outcomes(world, payments[1]!)).toEqual(Array.from({ length: 2 }, () => ({ status: 'failed', reason: 'transaction_failed' })))
    expect([world.held(address), world.held(bob), world.held(alice)]).toEqual([90_000n, 900_000n, 0n])
    expect((await told(world, address)).at(-1)).toMatchObject({ direction: 'out', amount: 5_000n, fee: 5_000n })
    expect((await told(world, bob)).map(({ amount }) => amount)).toEqual([900_000n])
  })

  it('pays half of a batch where the other half is not covered, and tells which', async () => {
    const world = await SimulatedWorld.open('ton')
    const { signer } = await world.wallet(1_000_000n)
    const payments = [await world.sign(signer, [[bob, 600_000n]]), await world.sign(signer, [[alice, 800_000n], [bob, 100_000n]])]
    for (const payment of payments) world.chain.submit(payment.bytes)
    await world.makeFinal()
    expect(await outcomes(world, payments[1]!)).toEqual([{ status: 'failed', reason: 'not_sent' }, { status: 'paid', received: 100_000n }])
    expect([world.held(alice), world.held(bob)]).toEqual([0n, 700_000n])
  })

  it('brings back what the recipient refuses, and tells no end before it is back for good', async () => {
    const world = await SimulatedWorld.open('ton')
    const { signer, address } = await world.wallet(1_000_000n)
    world.chain.refuseAt(alice)
    const payment = await world.sign(signer, [[alice, 300_000n], [bob, 100_000n]])
    world.chain.submit(payment.bytes)
    await world.blocks()
    expect(world.held(address)).toBe(1_000_000n - 400_000n - 7_000n)
    await world.blocks(world.rules.finalityBlocks)
    expect(await outcomes(world, payment)).toBe('confirmed')
    await world.blocks()
    expect(await outcomes(world, payment)).toEqual([{ status: 'failed', reason: 'bounced' }, { status: 'paid', received: 100_000n }])
    expect([world.held(address), world.held(alice)]).toEqual([1_000_000n - 100_000n - 7_000n, 0n])
    expect((await told(world, address)).at(-1)).toMatchObject({ direction: 'in', amount: 300_000n, from: alice, returnOf: payment.txid })
  })

  it('brings a bounce back once, whatever is reorganised around it', async () => {
    const world = await SimulatedWorld.open('ton', new MemoryStorage(), { finalityBlocks: 10 })
    const { signer, address } = await world.wallet(1_000_000n)
    world.chain.refuseAt(alice)
    const payment = await world.sign(signer, [[alice, 300_000n]])
    world.chain.submit(payment.bytes)
    await world.blocks(2)
    world.chain.reorganise(1, 'forget')
    await world.blocks(2)
    expect(world.held(address)).toBe(994_000n)
    world.chain.reorganise(3, 'return')
    await world.makeFinal()
    expect(world.held(address)).toBe(994_000n)
    expect(await outcomes(world, payment)).toEqual([{ status: 'failed', reason: 'bounced' }])
  })

  it('takes the tax from the recipient when the fee that was offered does not cover it', async () => {
    const world = await SimulatedWorld.open('terra')
    const { signer, address } = await world.wallet(10_000_000n)
    const payments = [await world.sign(signer, [[alice, 1_000_000n]])]
    payments.push(await world.sign(signer, [[bob, 1_000_000n]], payments))
    expect(payments.map(({ feeMax }) => feeMax)).toEqual([10_000n, 10_000n])
    world.chain.submit(payments[0]!.bytes)
    await world.blocks()
    world.chain.changeRules({ taxPpm: 6_000 })
    world.chain.submit(payments[1]!.bytes)
    await world.makeFinal()
    expect(await outcomes(world, payments[0]!)).toEqual([{ status: 'paid', received: 1_000_000n }])
    expect(await outcomes(world, payments[1]!)).toEqual([{ status: 'paid', received: 994_000n }])
    expect([world.held(address), world.held(alice), world.held(bob)]).toEqual([7_980_000n, 1_000_000n, 994_000n])
    expect((await told(world, bob)).map(({ amount }) => amount)).toEqual([994_000n])
  })

  it('keeps the transfer fee of a token back', async () => {
    const token = assetIdOf('simulated', 'feecoin')
    const world = await SimulatedWorld.open('solana', new MemoryStorage(), { transferFeePpm: { [token]: 20_000 } })
    const { signer, address } = await world.wallet(1_000_000n)
    world.fund(address, 1_000_000n, token)
    await world.makeFinal()
    const answer = await world.adapter().sign({ outputs: [{ to: bob, asset: token, amount: amountOf(500_000n) }], feeMax: amountOf(5_000n), inFlight: [] }, signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    world.chain.submit(answer.payment.bytes)
    await world.makeFinal()
    expect(await outcomes(world, answer.payment)).toEqual([{ status: 'paid', received: 490_000n }])
    expect(await told(world, bob)).toMatchObject([{ asset: token, amount: 490_000n }])
  })

  it('lets a later number of an account wait for the earlier one, and takes each number once', async () => {
    const world = await SimulatedWorld.open('terra')
    const { signer } = await world.wallet(10_000_000n)
    const first = await world.sign(signer, [[alice, 100_000n]])
    const rival = await world.sign(signer, [[bob, 100_000n]])
    const second = await world.sign(signer, [[alice, 50_000n]], [first])
    world.chain.submit(second.bytes)
    await world.makeFinal()
    expect(world.held(alice)).toBe(0n)
    world.chain.submit(first.bytes)
    world.chain.submit(rival.bytes)
    await world.makeFinal()
    expect([world.held(alice), world.held(bob)]).toEqual([150_000n, 0n])
    // Its number is used: that is proof, long before its height is over.
    expect(await world.adapter().lookUp(rival)).toMatchObject({ status: 'expired' })
    expect(world.chain.submit(rival.bytes)).toMatchObject({ status: 'refused' })
  })

  it('refuses bytes that are no payment of this chain', async () => {
    const [world, other] = [await SimulatedWorld.open('solana'), await SimulatedWorld.open('ton')]
    const { signer } = await world.wallet(1_000_000n)
    const { bytes } = await world.sign(signer, [[bob, 1n]])
    expect(world.chain.submit(utf8('nonsense'))).toMatchObject({ status: 'refused' })
    for (const at of [10, 60, bytes.length - 1]) {
      const broken = bytes.slice()
      broken[at]! ^= 1
      expect(world.chain.submit(broken)).toMatchObject({ status: 'refused' })
    }
    expect(other.chain.submit(bytes)).toMatchObject({ status: 'refused' })
    await world.makeFinal()
    expect(world.held(bob)).toBe(0n)
  })

  it('forgets what waits, and refuses what is too much', async () => {
    const world = await SimulatedWorld.open('solana')
    world.fund(alice, 1n)
    expect(world.chain.dropPool()).toBe(1)
    await world.blocks()
    expect(world.held(alice)).toBe(0n)
    for (let count = 0; count < POOL_TRANSACTIONS_MAX; count++) world.chain.script({ changes: [] })
    expect(() => world.chain.script({ changes: [] })).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'limited.queue')))
  })

  it('drops a script that would take what is not there', async () => {
    const world = await SimulatedWorld.open('solana')
    const txid = world.chain.script({ changes: [{ address: alice, asset: world.rules.nativeAsset, delta: -1n }] })
    await world.blocks(3)
    expect(world.chain.find(txid)).toBeUndefined()
  })

  it('is after a restart what was final before it, and goes on behind every height that it announced', async () => {
    const storage = new MemoryStorage()
    const before = await SimulatedWorld.open('ton', storage)
    const { signer, address } = await before.wallet(1_000_000n)
    before.chain.refuseAt(bob)
    const [paid, lost] = [await before.sign(signer, [[alice, 100_000n]]), await before.sign(signer, [[alice, 50_000n]])]
    const bounced = await before.sign(signer, [[bob, 200_000n]])
    before.chain.submit(paid.bytes)
    before.chain.submit(bounced.bytes)
    // The bounce is in a block that is not final yet: it must come back nonetheless.
    await before.blocks(before.rules.finalityBlocks + 1)
    before.chain.submit(lost.bytes)
    const { latest, final } = before.chain.head

    const after = await SimulatedWorld.open('ton', storage)
    expect(after.chain.head.final).toBeGreaterThanOrEqual(latest)
    expect(after.chain.head.final).toBeLessThanOrEqual(final + HEIGHTS_RESERVED)
    await after.makeFinal()
    expect([after.held(alice), after.held(address)]).toEqual([100_000n, 1_000_000n - 112_000n])
    expect(await outcomes(after, paid)).toEqual([{ status: 'paid', received: 100_000n }])
    expect(await outcomes(after, bounced)).toEqual([{ status: 'failed', reason: 'bounced' }])
    expect(after.chain.submit(paid.bytes)).toEqual({ status: 'accepted' })
    await after.makeFinal()
    expect(after.held(alice)).toBe(100_000n)
    expect(await outcomes(after, lost)).toBe('unknown')
    await after.passExpiry()
    expect(await outcomes(after, lost)).toBe('expired')
  })

  it('announces nothing as final that it could not store, and reorganises nothing that it began to store', async () => {
    const kept = new MemoryStorage()
    let isBroken = false
    const storage: SimulatedStorage = {
      put: async (key, bytes) => {
        // Some blocks are stored before it breaks.
        if (isBroken && key !== 'block-0000000000000001') throw new Error('planted')
        await kept.put(key, bytes)
      },
      delete: (key) => kept.delete(key),
      entries: () => kept.entries(),
    }
    const world = await SimulatedWorld.open('terra', storage)
    world.fund(alice, 100n)
    await world.blocks()
    isBroken = true
    await expect(world.blocks()).rejects.toThrow('planted')
    expect(world.chain.head.final).toBe(0)
    expect(world.chain.reorganise(5, 'forget')).toBe(1)
    isBroken = false
    await world.blocks(2)
    expect(world.held(alice)).toBe(100n)
    expect((await SimulatedWorld.open('terra', kept)).held(alice)).toBe(100n)
  })

  it('forgets old transactions, keeps all balances, and proves nothing about what it forgot', async () => {
    const storage = new MemoryStorage()
    const world = await SimulatedWorld.open('solana', storage)
    const options = { rules: world.rules, clock: world.clock, storage, historyTransactionsMax: 10 }
    const { SimulatedChain } = await import('./chain.js')
    const { SimulatedRpc } = await import('./rpc.js')
    const { SimulatedChainAdapter } = await import('./adapter.js')
    const chain = await SimulatedChain.open(options)
    const adapter = new SimulatedChainAdapter({ rpc: new SimulatedRpc(chain), rules: world.rules, random: world.random })
    const { signer, address } = await world.wallet(0n)
    const give = async (): Promise<void> => {
      chain.script({ changes: [{ address, asset: world.rules.nativeAsset, delta: 1_000n }] })
      await chain.produceBlock()
    }
    for (let count = 0; count < 9; count++) await give()
    const from = chain.head.final
    for (let block = 0; block < RECENT_BLOCKS_MAX + 100; block++) await chain.produceBlock()
    const signing = { outputs: [{ to: alice, asset: world.rules.nativeAsset, amount: amountOf(1n) }], feeMax: amountOf(5_000n), inFlight: [] }
    const answer = await adapter.sign(signing, signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    const old = { ...answer.payment, signedAt: 0 }
    for (let count = 0; count < 3; count++) await give()
    for (let block = 0; block < 200; block++) await chain.produceBlock()
    expect(chain.prunedThrough).toBeGreaterThan(0)
    expect(chain.balanceAt(address, world.rules.nativeAsset, chain.head.final)).toBe(12_000n)
    expect(await adapter.lookUp(answer.payment)).toMatchObject({ status: 'expired' })
    expect(await adapter.lookUp(old)).toEqual({ status: 'unknown' })
    const watching = adapter.watch({ addresses: new Set([address]), after: Math.min(from, chain.prunedThrough - 1), upTo: chain.head.final, limit: 100 })
    await expect(watching).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain')))
    const again = await SimulatedChain.open(options)
    expect(again.balanceAt(address, world.rules.nativeAsset, again.head.final)).toBe(12_000n)
    expect(again.prunedThrough).toBe(chain.prunedThrough)
  })

  it('makes blocks on its clock until it is stopped', async () => {
    const world = await SimulatedWorld.open('solana')
    const errors: unknown[] = []
    world.chain.start((error) => errors.push(error))
    for (let block = 0; block < 3; block++) {
      world.clock.advance(world.rules.blockMs)
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    expect(world.chain.head.latest).toBe(3)
    await world.chain.stop()
    world.clock.advance(world.rules.blockMs * 5)
    expect([world.chain.head.latest, errors]).toEqual([3, []])
  })
})
