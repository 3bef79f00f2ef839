import { isEvegramError, utf8 } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { amountOf } from '../ledger/amount.js'
import type { AssetId } from '../ledger/ids.js'
import { AgreedChain, SOURCES_MAX, type Agreement, type AgreedPage, type Disagreement } from './agreed-chain.js'
import { chainAmountOf } from './amount.js'
import { parseChainTxid, type Settlement } from './chain-adapter.js'
import { SimulatedChainAdapter } from './simulated/adapter.js'
import type { RpcFaults } from './simulated/rpc.js'
import type { SimulatedProfile } from './simulated/rules.js'
import { countingRandom, SimulatedWorld, somebody } from './simulated/simulated-world.contract.js'

const [alice, bob] = [somebody('alice'), somebody('bob')]
const code = (wanted: Parameters<typeof isEvegramError>[1]): unknown => expect.toSatisfy((error) => isEvegramError(error, wanted))

describe('AgreedChain', () => {
  let alarms: Disagreement[]
  beforeEach(() => {
    alarms = []
  })

  async function open(profile: SimulatedProfile): Promise<{ readonly world: SimulatedWorld; readonly agreed: AgreedChain; readonly liar: RpcFaults }> {
    const world = await SimulatedWorld.open(profile)
    const agreed = new AgreedChain({ sources: world.network.endpoints, alarm: (disagreement) => alarms.push(disagreement) })
    return { world, agreed, liar: world.network.endpoints[0]!.rpc.faults }
  }
  const watch = async (agreed: AgreedChain, upTo: number, after = 0): Promise<Agreement<AgreedPage>> =>
    agreed.watch({ addresses: new Set([alice]), after, upTo, limit: 100 })

  it('tells what all sources tell', async () => {
    const { world, agreed } = await open('solana')
    world.fund(alice, 5n)
    await world.makeFinal()
    const { final } = await agreed.head()
    expect(await watch(agreed, final)).toMatchObject({ status: 'agreed', value: { through: final, transfers: [{ amount: 5n }] } })
    expect(alarms).toEqual([])
  })

  it('waits for the source that is behind, and loses nothing by it', async () => {
    const { world, agreed, liar } = await open('solana')
    liar.lagBlocks = 10
    await world.blocks(40)
    world.fund(alice, 5n)
    await world.blocks(35)
    const { final } = world.chain.head
    const before = await watch(agreed, final)
    expect(before).toMatchObject({ status: 'agreed', value: { through: final - 10, transfers: [] } })
    await world.blocks(10)
    expect(await watch(agreed, world.chain.head.final, final - 10)).toMatchObject({ status: 'agreed', value: { transfers: [{ amount: 5n }] } })
    expect(alarms).toEqual([])
  })

  it.each<[string, (liar: RpcFaults, txid: ReturnType<SimulatedWorld['fund']>, world: SimulatedWorld) => void]>([
    ['hides a deposit', (liar, txid) => liar.hidden.add(txid)],
    ['tells another amount', (liar, txid) => {
      liar.altered.set(txid, (record) => ({ ...record, changes: record.changes.map((change) => ({ ...change, delta: 500n })) }))
    }],
    ['tells another recipient', (liar, txid) => {
      liar.altered.set(txid, (record) => ({ ...record, changes: record.changes.map((change) => ({ ...change, address: bob })) }))
    }],
    ['tells another memo', (liar, txid) => {
      liar.altered.set(txid, (record) => ({ ...record, memo: utf8('mallory') }))
    }],
    ['tells a payer that the other source does not know', (liar, txid) => {
      liar.altered.set(txid, (record) => ({ ...record, from: undefined }))
    }],
    ['invents a deposit', (liar, txid, world) => {
      liar.invented.set(2, { ...world.chain.find(txid)!.record, txid: 'f'.repeat(64) as never })
    }],
  ])('alarms and gives nothing when a source %s', async (_lie, plant) => {
    const { world, agreed, liar } = await open('ton')
    const txid = world.fund(alice, 5n, undefined, utf8('code'))
    await world.makeFinal()
    plant(liar, txid, world)
    const answer = await watch(agreed, world.chain.head.final)
    expect(answer).toMatchObject({ status: 'disagreed', disagreement: { about: 'transfers', sources: ['endpoint-1', 'endpoint-2'] } })
    expect(answer).not.toHaveProperty('value')
    expect(alarms).toHaveLength(1)
  })

  it('believes no finality that only one source sees', async () => {
    const { world, agreed, liar } = await open('solana')
    liar.finalAheadBlocks = 32
    world.fund(alice, 5n)
    await world.blocks(5)
    expect(await watch(agreed, (await agreed.head()).latest)).toEqual({ status: 'agreed', value: { through: 0, transfers: [] } })
  })

  it('proves no end that only one source sees, and none that another one contradicts', async () => {
    const { world, agreed, liar } = await open('solana')
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    liar.inventedBlocks = 1_000
    expect(await agreed.lookUp(payment)).toEqual({ status: 'agreed', value: { status: 'unknown' } })
    world.chain.submit(payment.bytes)
    await world.passExpiry()
    liar.hidden.add(payment.txid)
    expect(await world.adapter(0).lookUp(payment)).toMatchObject({ status: 'expired' })
    expect(await agreed.lookUp(payment)).toMatchObject({ status: 'disagreed', disagreement: { about: 'payment', subject: payment.txid } })
    expect(alarms).toHaveLength(1)
  })

  it('believes no source that states another outcome of a payment', async () => {
    const { world, agreed, liar } = await open('solana')
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    await agreed.broadcast(payment)
    await world.makeFinal()
    expect(await agreed.lookUp(payment)).toMatchObject({ status: 'agreed', value: { status: 'final' } })
    liar.altered.set(payment.txid, (record) => ({ ...record, outputs: ['transaction_failed'] }))
    expect(await agreed.lookUp(payment)).toMatchObject({ status: 'disagreed' })
  })

  it.each<[string, (settlement: Settlement, asset: AssetId) => Partial<Settlement>]>([
    ['transaction', () => ({ txid: parseChainTxid('other') })],
    ['height', ({ height }) => ({ height: height + 1 })],
    ['fee', ({ fee }) => ({ fee: chainAmountOf(fee + 1n) })],
    ['tax', (_settlement, asset) => ({ taxes: [{ asset, amount: chainAmountOf(1n) }] })],
    ['amount that arrived', () => ({ outputs: [{ status: 'paid', received: chainAmountOf(2n) }] })],
  ])('believes no source that states another %s of a payment that is final', async (_what, lie) => {
    const { world } = await open('solana')
    const [liar, honest] = world.network.endpoints.map(({ adapter }) => adapter)
    const told = liar!.lookUp.bind(liar!)
    liar!.lookUp = async (payment) => {
      const sighting = await told(payment)
      return sighting.status === 'final' ? { ...sighting, settlement: { ...sighting.settlement, ...lie(sighting.settlement, world.rules.nativeAsset) } } : sighting
    }
    const agreed = new AgreedChain({ sources: [{ name: 'liar', adapter: liar! }, { name: 'honest', adapter: honest! }], alarm: (disagreement) => alarms.push(disagreement) })
    const { signer } = await world.wallet(1_000_000n)
    const payment = await world.sign(signer, [[bob, 1n]])
    await agreed.broadcast(payment)
    await world.makeFinal()
    expect(await agreed.lookUp(payment)).toMatchObject({ status: 'disagreed', disagreement: { about: 'payment', subject: payment.txid } })
    expect(alarms).toHaveLength(1)
  })

  it('calls a payment confirmed while one source has not found it', async () => {
    const { world, agreed, liar } = await open('ton')
    const { signer } = await world.wallet(1_000_000n)
    liar.lagBlocks = 10
    await world.blocks(20)
    const payment = await world.sign(signer, [[bob, 1n]])
    await agreed.broadcast(payment)
    await world.makeFinal()
    expect(await agreed.lookUp(payment)).toMatchObject({ status: 'agreed', value: { status: 'confirmed' } })
    await world.blocks(10)
    expect(await agreed.lookUp(payment)).toMatchObject({ status: 'agreed', value: { status: 'final' } })
  })

  it('takes no early end from the source that signing asked', async () => {
    const { world, agreed, liar } = await open('solana')
    const { signer } = await world.wallet(1_000_000n)
    await world.blocks(200)
    liar.referenceBlocksLow = 149
    const answer = await agreed.sign({ outputs: [{ to: bob, asset: world.rules.nativeAsset, amount: amountOf(1n) }], feeMax: amountOf(5_000n), inFlight: [] }, signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    liar.hidden.add(answer.payment.txid)
    await world.blocks(50)
    // The liar says expired, and by the end that it named itself the honest source would have to say so too.
    expect(await agreed.lookUp(answer.payment)).toEqual({ status: 'agreed', value: { status: 'unknown' } })
    world.chain.submit(answer.payment.bytes)
    await world.makeFinal()
    expect(world.held(bob)).toBe(1n)
  })

  it.each(['solana', 'ton', 'terra'] as const)('signs nothing that by its first source ends far away, with rules of %s', async (profile) => {
    const { world, agreed } = await open(profile)
    const { signer } = await world.wallet(1_000_000n)
    const [first, second] = world.network.endpoints
    const intent = { outputs: [{ to: bob, asset: world.rules.nativeAsset, amount: amountOf(1n) }], feeMax: amountOf(20_000n), inFlight: [] }
    const far = new SimulatedChainAdapter({ rpc: first!.rpc, rules: { ...world.rules, validFor: 1_000_000 }, random: countingRandom('far') })
    const lied = new AgreedChain({ sources: [{ name: 'liar', adapter: far }, second!], alarm: () => undefined })
    await expect(lied.sign(intent, signer)).rejects.toThrow(code('unavailable.chain'))
    // Of honest sources one may be behind.
    second!.rpc.faults.lagBlocks = 5
    await world.blocks(10)
    expect(await agreed.sign(intent, signer)).toMatchObject({ status: 'signed' })
  })

  it('compares balances at one height', async () => {
    const { world, agreed, liar } = await open('terra')
    const { address } = await world.wallet(1_000_000n)
    const asset = world.rules.nativeAsset
    expect(await agreed.balance({ address, asset })).toMatchObject({ status: 'agreed', value: { status: 'known', amount: 1_000_000n } })
    liar.balanceError = 1n
    expect(await agreed.balance({ address, asset })).toMatchObject({ status: 'disagreed', disagreement: { about: 'balance' } })
    expect(await agreed.balance({ address, asset, at: 1_000_000 })).toEqual({ status: 'agreed', value: { status: 'unavailable' } })
  })

  it('compares balances at a height that all sources have, when one is behind', async () => {
    const { world, agreed, liar } = await open('terra')
    liar.lagBlocks = 10
    await world.blocks(20)
    const { address } = await world.wallet(1_000_000n)
    const balance = (): Promise<unknown> => agreed.balance({ address, asset: world.rules.nativeAsset })
    expect(await balance()).toMatchObject({ status: 'agreed', value: { amount: 0n } })
    await world.blocks(10)
    expect(await balance()).toMatchObject({ status: 'agreed', value: { amount: 1_000_000n } })
    expect(alarms).toEqual([])
  })

  it('hands a payment to every source, so that one which loses it does no harm', async () => {
    const { world, agreed, liar } = await open('solana')
    const { signer } = await world.wallet(1_000_000n)
    for (const fault of ['lose', 'refuse', 'lose_silently'] as const) {
      liar.broadcast = fault
      expect(await agreed.broadcast(await world.sign(signer, [[bob, 1n]]))).toEqual({ status: 'accepted' })
    }
    await world.makeFinal()
    expect(world.held(bob)).toBe(3n)
    const payment = await world.sign(signer, [[bob, 1n]])
    for (const { rpc } of world.network.endpoints) rpc.faults.broadcast = 'refuse'
    expect(await agreed.broadcast(payment)).toMatchObject({ status: 'refused' })
    liar.broadcast = 'silent'
    expect(await agreed.broadcast(payment)).toEqual({ status: 'unknown' })
  })

  it('does nothing without one of its sources', async () => {
    const { world, agreed, liar } = await open('solana')
    liar.isDown = true
    await expect(agreed.head()).rejects.toThrow(code('unavailable.chain'))
    await expect(watch(agreed, 10)).rejects.toThrow(code('unavailable.chain'))
    await expect(agreed.balance({ address: alice, asset: world.rules.nativeAsset })).rejects.toThrow(code('unavailable.chain'))
    expect(alarms).toEqual([])
  })

  it('takes one to four sources of one chain', async () => {
    const [{ world }, other] = [await open('solana'), await SimulatedWorld.open('ton', undefined, { nativeAsset: 'simulated/else' as never })]
    const [first] = world.network.endpoints
    const alarm = (): void => undefined
    for (const sources of [[], [first!, other.network.endpoints[0]!], Array.from({ length: SOURCES_MAX + 1 }, () => first!)]) {
      expect(() => new AgreedChain({ sources, alarm })).toThrow(code('invalid.config'))
    }
    expect(new AgreedChain({ sources: [first!], alarm }).chain).toBe('simulated')
  })
})
