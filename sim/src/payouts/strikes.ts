import { parseChainTxid, type ChainAddress, type ChainTxid, type SimulatedChain, type SimulatedProfile, type SimulatedRecord, type SimulatedRpc } from '@evegram/wallet-bridge'
import type { SimRandom } from '../kernel/random.js'

/** What strikes reach. */
export interface StrikeScene {
  readonly random: SimRandom
  readonly chain: SimulatedChain
  readonly sources: readonly SimulatedRpc[]
  /** The source that may lie. */
  readonly liar: SimulatedRpc
  readonly hot: ChainAddress
  /** Who is to be paid. */
  readonly recipients: readonly ChainAddress[]
  /** Where deposits come in. */
  readonly depositAddresses: readonly ChainAddress[]
  readonly denied: Set<ChainAddress>
  /** Tells that the hot wallet was emptied by this transaction. */
  readonly drained: (txid: ChainTxid, amount: bigint) => void
  readonly setPaused: (isPaused: boolean) => void
  readonly deviceAdded: () => void
  /** Does something once the next payment is signed and stored, before it goes out. */
  readonly whenSigned: (task: (txid: ChainTxid) => void) => void
  /** Kills a process between two of its calls. */
  readonly crash: () => void
}

/** Something that strikes a world from outside. */
export interface Strike {
  readonly name: string
  /** The chains where it means something; all when left out. */
  readonly chains?: readonly SimulatedProfile[]
  /** Does it; what lasts returns its end. */
  readonly strike: (scene: StrikeScene) => (() => void) | void
}

/** What strikes worlds of payouts. The kinds of lies come last. docs/simulator.md shows this list. */
export const STRIKES: readonly Strike[] = [
  { name: 'reorganisation', strike: ({ chain, random }) => {
    chain.reorganise(random.between(1, 4), random.pick(['return', 'forget'] as const))
    if (random.chance(0.3)) chain.dropPool()
  } },
  { name: 'pool forgotten', strike: ({ chain }) => { chain.dropPool() } },
  { name: 'finality late', strike: ({ chain }) => {
    chain.holdFinality(true)
    return () => { chain.holdFinality(false) }
  } },
  { name: 'tax changes', chains: ['terra'], strike: ({ chain, random, whenSigned }) => {
    const { taxPpm } = chain.rules
    const change = (): void => { chain.changeRules({ taxPpm: random.pick([0, 2_000, 8_000, 50_000]) }) }
    if (random.chance(0.5)) change()
    else whenSigned(change)
    return () => { chain.changeRules({ taxPpm }) }
  } },
  { name: 'fee changes', strike: ({ chain, random }) => {
    const { feePerTransaction } = chain.rules
    chain.changeRules({ feePerTransaction: random.pick([1_000n, 12_000n, 60_000n]) })
    return () => { chain.changeRules({ feePerTransaction }) }
  } },
  { name: 'recipient refuses', chains: ['ton'], strike: ({ chain, random, recipients }) => { if (recipients.length > 0) chain.refuseAt(random.pick(recipients)) } },
  { name: 'hot wallet emptied', strike: ({ chain, random, hot, drained, whenSigned }) => {
    const empty = (): void => {
      const held = chain.balanceAt(hot, chain.rules.nativeAsset, chain.head.latest) ?? 0n
      // Some fees are left: a payment that is out fails then, instead of waiting.
      const amount = held - 30_000n
      if (amount > 0n) drained(chain.script({ changes: [{ address: hot, asset: chain.rules.nativeAsset, delta: -amount }] }), amount)
    }
    if (random.chance(0.3)) empty()
    else whenSigned(empty)
  } },
  { name: 'pause', strike: ({ setPaused }) => {
    setPaused(true)
    return () => { setPaused(false) }
  } },
  { name: 'destination denied', strike: ({ denied, random, recipients }) => { if (recipients.length > 0) denied.add(random.pick(recipients)) } },
  { name: 'device added', strike: ({ deviceAdded }) => { deviceAdded() } },
  { name: 'crash', strike: ({ crash }) => { crash() } },
  { name: 'source behind', strike: lasting('lagBlocks', ({ random }) => random.between(1, 5)) },
  { name: 'search behind', strike: lasting('searchLagBlocks', ({ random }) => random.between(1, 5)) },
  { name: 'source down', strike: lasting('isDown', () => true) },
  { name: 'broadcasts lost', strike: everywhere(['lose', 'lose_silently']) },
  { name: 'broadcasts refused', strike: everywhere(['refuse', 'silent']) },
  { name: 'broadcasts kept', strike: everywhere(['repeat']) },
  { name: 'broadcasts repeated', strike: ({ sources }) => { for (const rpc of sources) rpc.repeatBroadcasts() } },
  { name: 'lie: final', strike: lying('finalAheadBlocks', ({ random }) => random.between(1, 4)) },
  { name: 'lie: blocks that are not there', strike: lying('inventedBlocks', ({ random }) => random.between(1, 15)) },
  { name: 'lie: end near', chains: ['solana'], strike: lying('referenceBlocksLow', ({ random }) => random.between(1, 9)) },
  { name: 'lie: balance', strike: lying('balanceError', ({ random }) => random.pick([-1n, 1n, 10n ** 12n])) },
  { name: 'lie: tax', chains: ['terra'], strike: lying('taxPpm', ({ random }) => random.pick([0, 1_000, 30_000])) },
  { name: 'lie: hidden', strike: ({ liar: { faults: { hidden } }, ...scene }) => aboutSome(scene, (txid) => {
    hidden.add(txid)
    return () => { hidden.delete(txid) }
  }) },
  { name: 'lie: altered', strike: ({ liar: { faults: { altered } }, ...scene }) => aboutSome(scene, (txid) => {
    altered.set(txid, scene.random.pick([failed, larger]))
    return () => { altered.delete(txid) }
  }) },
  { name: 'lie: invented', strike: ({ liar, chain, random, depositAddresses }) => {
    if (depositAddresses.length === 0) return undefined
    const height = chain.head.final + random.between(-2, 2)
    const [address, asset, delta] = [random.pick(depositAddresses), chain.rules.nativeAsset, BigInt(random.between(1_000, 1_000_000))]
    const txid = parseChainTxid(Buffer.from(random.bytes(32)).toString('hex'))
    liar.faults.invented.set(height, {
      txid, failed: false, from: undefined, fee: 0n, memo: undefined, claims: [], outputs: [], changes: [{ address, asset, delta }], returnOf: undefined, sequence: undefined,
    })
    return () => { liar.faults.invented.delete(height) }
  } },
]

type Faults = SimulatedRpc['faults']

function set<Name extends keyof Faults>(rpc: SimulatedRpc, name: Name, value: Faults[Name]): () => void {
  const before = rpc.faults[name]
  Object.assign(rpc.faults, { [name]: value })
  return () => { Object.assign(rpc.faults, { [name]: before }) }
}

/** What is no lie may befall either source, and both. */
function lasting<Name extends keyof Faults>(name: Name, valueOf: (scene: StrikeScene) => Faults[Name]): Strike['strike'] {
  return (scene) => set(scene.random.pick(scene.sources), name, valueOf(scene))
}

function lying<Name extends keyof Faults>(name: Name, valueOf: (scene: StrikeScene) => Faults[Name]): Strike['strike'] {
  return (scene) => set(scene.liar, name, valueOf(scene))
}

/** Of one source or of all. */
function everywhere(ways: readonly Faults['broadcast'][]): Strike['strike'] {
  return ({ sources, random }) => {
    const chosen = random.chance(0.7) ? sources : [random.pick(sources)]
    const ends = chosen.map((rpc) => set(rpc, 'broadcast', random.pick(ways)))
    return () => { for (const end of ends) end() }
  }
}

/** Lies about a transaction of the last blocks, or about the payment that is signed next. */
function aboutSome({ chain, random, whenSigned }: Pick<StrikeScene, 'chain' | 'random' | 'whenSigned'>, lie: (txid: ChainTxid) => () => void): () => void {
  const ends: (() => void)[] = []
  const records = chain.records(chain.head.final - 8, chain.head.latest)
  if (records.length > 0 && random.chance(0.4)) ends.push(lie(random.pick(records).record.txid))
  else whenSigned((txid) => { ends.push(lie(txid)) })
  return () => { for (const end of ends) end() }
}

function failed(record: SimulatedRecord): SimulatedRecord {
  return { ...record, failed: true, outputs: record.outputs.map(() => 'transaction_failed'), changes: record.changes.slice(0, 1) }
}

function larger(record: SimulatedRecord): SimulatedRecord {
  return {
    ...record,
    outputs: record.outputs.map((output) => typeof output === 'string' ? { received: 1n } : { received: output.received + 1n }),
    changes: record.changes.map((change) => ({ ...change, delta: change.delta + 1n })),
  }
}
