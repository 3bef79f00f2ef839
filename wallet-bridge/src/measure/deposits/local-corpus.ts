import { EvegramError } from '@evegram/protocol'
import { AgreedChain } from '../../chain/agreed-chain.js'
import type { ChainAdapter, ChainAddress } from '../../chain/chain-adapter.js'
import { countingRandom } from '../../chain/counting-random.js'
import type { Signer } from '../../chain/signer.js'
import { newDepositCode, type DepositCode } from '../../flows/deposit/deposit-code.js'
import { DepositFlow } from '../../flows/deposit/deposit-flow.js'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { bookingsBehind, PERSONS, type CaseOutcome, type CaseStores, type DepositCorpus, type Person } from './deposit-corpus.js'

/** An address of ours with its key. */
export interface Holder {
  readonly address: ChainAddress
  readonly signer: Signer
}

/** Where one case plays: two people with an address each, one that all share by memo, and the hot wallet. No case has had them before. */
export interface LocalScene<World> extends Readonly<Record<Person | 'shared' | 'hot', Holder>> {
  readonly world: World
  readonly codes: Readonly<Record<Person, DepositCode>>
}

/** One case: what happens on the chain, and all that must be booked of it when that is final: `<whose>:<asset> <amount>`. */
export interface LocalCase<World> {
  readonly name: string
  readonly happens: (scene: LocalScene<World>) => Promise<unknown>
  readonly booked: readonly string[]
}

/** A local chain that runs. */
export interface OpenLocalChain<World> {
  readonly world: World
  /** By two endpoints. */
  readonly adapters: readonly ChainAdapter[]
  /** What assets are called; with the least amount when they are taken. */
  readonly assets: ReadonlyMap<AssetId, { readonly name: string; readonly least?: bigint }>
  holder(): Holder
  makeFinal(): Promise<void>
  close(): Promise<void>
}

/** A local chain with its cases. */
export interface LocalChainCases<World> {
  readonly name: string
  readonly cases: readonly LocalCase<World>[]
  readonly open: () => Promise<OpenLocalChain<World>>
}

/** Steps of the flow in which everything that is final must be booked. */
const STEPS_MAX = 50

/** The cases of a local chain, played on one chain one after the other, by the unchanged flow through two endpoints that must agree. */
export function localCorpus<World>({ name, cases, open }: LocalChainCases<World>): DepositCorpus {
  return {
    name, cases,
    open: async (stores) => {
      const chain = await open()
      const agreed = new AgreedChain({ sources: chain.adapters.map((adapter, index) => ({ name: String(index), adapter })), alarm: () => undefined })
      const alarms: string[] = []
      const flow = new DepositFlow({
        chain: agreed, ...stores, alarm: ({ reason }) => alarms.push(reason), beginsAt: (await agreed.head()).final,
        assets: new Map([...chain.assets].flatMap(([asset, { least }]) => least === undefined ? [] : [[asset, amountOf(least)] as const])),
      })
      return { play: (index) => play(caseAt(cases, index), { chain, agreed, flow, alarms }, stores), close: () => chain.close() }
    },
  }
}

interface Stage<World> {
  readonly chain: OpenLocalChain<World>
  readonly agreed: AgreedChain
  readonly flow: DepositFlow
  readonly alarms: string[]
}

async function play<World>({ name, happens, booked }: LocalCase<World>, { chain, agreed, flow, alarms }: Stage<World>, { ledger, routes }: CaseStores): Promise<CaseOutcome> {
  const begun = await ledger.head()
  alarms.length = 0
  const random = countingRandom(`${agreed.chain} ${name}`)
  const scene: LocalScene<World> = {
    world: chain.world, alice: chain.holder(), bob: chain.holder(), shared: chain.holder(), hot: chain.holder(), codes: { alice: newDepositCode(random), bob: newDepositCode(random) },
  }
  for (const person of ['alice', 'bob'] as const) {
    await routes.giveAddress(agreed.chain, scene[person].address, { to: 'account', account: PERSONS[person] })
    await routes.giveCode(scene.codes[person], PERSONS[person])
  }
  await routes.giveAddress(agreed.chain, scene.shared.address, { to: 'memo' })
  await routes.giveAddress(agreed.chain, scene.hot.address, { to: 'nobody' })
  await happens(scene)
  await chain.makeFinal()
  await bookAll(agreed, flow)
  const nameOf = (asset: string): string => [...chain.assets].find(([id]) => id === asset)?.[1].name ?? 'unknown'
  return { expected: [...booked].sort(), made: await bookingsBehind(ledger, begun.number, nameOf), alarmsExpected: [], alarms: [...alarms] }
}

/** Pays as the holder of an address. The payment is on its way when it resolves. */
export async function payAs(adapter: ChainAdapter, { signer }: Holder, output: { readonly to: ChainAddress; readonly asset: AssetId; readonly amount: bigint }, feeMax: bigint): Promise<void> {
  const answer = await adapter.sign({ outputs: [{ ...output, amount: amountOf(output.amount) }], memo: undefined, feeMax: amountOf(feeMax), inFlight: [] }, signer)
  if (answer.status !== 'signed') throw new EvegramError('internal', { operation: 'sign payment of case', details: { status: answer.status } })
  await adapter.broadcast(answer.payment)
}

async function bookAll(agreed: AgreedChain, flow: DepositFlow): Promise<void> {
  const { final } = await agreed.head()
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const step = await flow.step()
    if (step.status === 'disagreed') throw new EvegramError('internal', { operation: 'play deposit case', details: { problem: 'two honest endpoints disagree' } })
    if (step.through >= final) return
  }
  throw new EvegramError('internal', { operation: 'play deposit case', details: { problem: 'the cursor does not get on' } })
}

function caseAt<World>(cases: readonly LocalCase<World>[], index: number): LocalCase<World> {
  const found = cases[index]
  if (found === undefined) throw new EvegramError('invalid.argument', { operation: 'play deposit case' })
  return found
}
