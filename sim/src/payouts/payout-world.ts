import { createNodePrimitives } from '@evegram/platform'
import {
  amountOf, custodyOf, depositCursorOf, depositTransferId, honest, MemoryLedger, MemoryPayoutStore, MemoryRoutes, newDepositCode, openingOf, openSimulatedNetwork,
  parsePurpose, SimulatedChainAdapter, SimulatedRpc, simulatedAddressOf, simulatedSigner,
  type AccountOpening, type AssetId, type ChainAddress, type ChainTxid, type CreatePayoutResult, type LedgerStore, type Payout, type PayoutOutcome, type SimulatedNetwork, type SimulatedProfile,
} from '@evegram/wallet-bridge'
import { memoizedPrimitives } from '../crypto/memoized-primitives.js'
import { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { assetsOf, ChainTruth, type Places } from './chain-truth.js'
import { nameOf, PayoutAuditor } from './payout-auditor.js'
import { calmPayoutMixOf, drawPayoutMix, type PayoutMix } from './payout-mix.js'
import { PEOPLE, PayoutWorkload, somebody } from './payout-workload.js'
import { PortCalls, type CallKind, type CrashPlan } from './port-calls.js'
import type { StrikeScene } from './strikes.js'
import { DEPOSIT_MIN, Wally, WallyPorts, type Outside } from './wally.js'

/** What everybody has in the beginning. */
const FUNDED = 6_000_000n
/** Blocks within which everything comes to its end once nothing fails any more: longer than any payment can land, for a few of them. */
const LIVENESS_BLOCKS = 300
/** How long a strike lasts, in blocks. */
const STRIKE_BLOCKS = [1, 12] as const
/** How long a process is gone. */
const DOWN_MS = [50, 6_000] as const
const NETWORK_SOURCES = 2
/** Most worlds of a seed sign the same payments. */
const primitives = memoizedPrimitives(createNodePrimitives())
/** The same keys in all worlds: reading a key takes as long as half a world. */
const [HOT, STRANGER] = [simulatedSigner(new Uint8Array(32).fill(1)), simulatedSigner(new Uint8Array(32).fill(2))]

/** What a world is made of. */
export interface PayoutWorldOptions {
  readonly profile: SimulatedProfile
  readonly crash: CrashPlan | undefined
}

class ObservedPayouts extends MemoryPayoutStore {
  heard: (payout: Payout) => void = () => undefined

  override async create(...terms: Parameters<MemoryPayoutStore['create']>): Promise<CreatePayoutResult> {
    const result = await super.create(...terms)
    if (result.status === 'created') this.heard(result.payout)
    return result
  }

  override async replace(next: Payout): Promise<boolean> {
    const isDone = await super.replace(next)
    if (isDone) this.heard(next)
    return isDone
  }

  override async attend(...asked: Parameters<MemoryPayoutStore['attend']>): Promise<boolean> {
    const isDone = await super.attend(...asked)
    if (isDone) this.heard(asked[0])
    return isDone
  }
}

/** One world of payouts and deposits on one chain: lives for one run. */
export class PayoutWorld {
  readonly #run: Run
  readonly #random: SimRandom
  readonly #mix: PayoutMix
  readonly #calls: PortCalls
  readonly #ports: WallyPorts
  readonly #network: SimulatedNetwork
  readonly #payouts: ObservedPayouts
  readonly #store: LedgerStore
  readonly #outside: Outside
  readonly #truth: ChainTruth
  readonly #auditor: PayoutAuditor
  readonly #workload: PayoutWorkload
  readonly #scene: StrikeScene
  readonly #wallies: Wally[] = []
  readonly #starts = new Map<string, number>()
  /** What strikes when the next payment is signed. */
  readonly #traps: ((txid: ChainTxid) => void)[] = []
  #now: PayoutMix
  #lastAddedMs: number | undefined
  #isOver = false

  private constructor(run: Run, options: PayoutWorldOptions, mix: PayoutMix, parts: {
    readonly network: SimulatedNetwork; readonly ledger: MemoryLedger; readonly payouts: ObservedPayouts; readonly routes: MemoryRoutes; readonly places: Places
    readonly beganAt: number
  }) {
    const { network, ledger, payouts, routes, places, beganAt } = parts
    this.#run = run
    this.#random = run.random('world')
    this.#mix = mix
    this.#now = mix
    this.#network = network
    this.#payouts = payouts
    this.#store = ledger.connect()
    this.#calls = new PortCalls(run, { plan: options.crash, crashRate: () => this.#now.crashRate })
    this.#ports = new WallyPorts(this.#calls, { stores: () => this.#now.stores, sources: () => this.#now.sources }, NETWORK_SOURCES)
    const { chain } = network
    this.#truth = new ChainTruth(chain, places)
    this.#auditor = new PayoutAuditor(run, { chain, truth: this.#truth, ledger, store: this.#store, beganAt })
    payouts.heard = (payout) => {
      this.#auditor.stored(payout)
      const { state, payment } = payout
      if (state === 'signed' && payment !== undefined && this.#now === this.#mix) for (const spring of this.#traps.splice(0)) spring(payment.txid)
    }
    const denied = new Set<ChainAddress>()
    const rpcs = network.endpoints.map(({ rpc }) => rpc)
    this.#outside = {
      rules: mix.rules, sources: run.random('rpc').chance(0.3) ? rpcs.map((rpc) => this.#slow(rpc)) : rpcs, ledger: this.#store, payouts, routes, denied, signer: HOT,
      feeFrom: mix.feeFrom, holdMs: mix.holdMs, beginsAt: beganAt,
      proofs: { check: async ({ amount }, proof) => amount > 0n && proof.length === 1 ? 'valid' : 'invalid' },
      changes: { lastAddedMs: async () => this.#lastAddedMs },
      broadcast: (payment) => { this.#auditor.broadcast(payment) },
    }
    const strangersRpc = new SimulatedRpc(chain)
    this.#workload = new PayoutWorkload({
      run, chain, places, wallies: () => this.#living(),
      stranger: {
        adapter: new SimulatedChainAdapter({ rpc: strangersRpc, rules: mix.rules, random: run.random('stranger/payments') }),
        signer: STRANGER, address: simulatedAddressOf(STRANGER.publicKey),
      },
    })
    const liar = rpcs[mix.liar]
    if (liar === undefined) throw new Error('there are two sources')
    this.#scene = {
      random: run.random('strikes'), chain, sources: rpcs, liar, hot: places.hot, recipients: this.#workload.recipients, depositAddresses: [...places.accounts.keys()], denied,
      drained: (txid, amount) => { this.#auditor.drains.set(txid, amount) },
      setPaused: (isPaused) => { void payouts.setPaused(chain.rules.chain, isPaused, 'olga') },
      deviceAdded: () => { this.#lastAddedMs = Math.floor(run.trueTimeMs) },
      whenSigned: (task) => { this.#traps.push(task) },
      crash: () => { this.#crash() },
    }
  }

  /** A chain with a hot wallet, people with money, and a ledger that agrees. */
  static async open(run: Run, options: PayoutWorldOptions): Promise<PayoutWorld> {
    const mix = drawPayoutMix(options.profile, run.random('mix'))
    const { rules } = mix
    const { clock } = machine(run, 'chain', 1, 0)
    const network = await openSimulatedNetwork({ rules, clock, random: run.random('network'), endpoints: NETWORK_SOURCES, ed25519Verify: (...signed) => primitives.ed25519Verify(...signed) })
    const { chain } = network
    const random = run.random('people')
    const native = rules.nativeAsset
    const codes = new Map(PEOPLE.map((account) => [newDepositCode(random), account]))
    const places: Places = {
      hot: simulatedAddressOf(HOT.publicKey), shared: somebody('shared'), depositMin: DEPOSIT_MIN,
      accounts: new Map(PEOPLE.map((account, index) => [somebody(`deposits ${String(index)}`), account])),
      codes,
    }
    const assets = assetsOf(rules)
    const ownersOf = (asset: AssetId): readonly AccountOpening[] => [...PEOPLE.map((account) => openingOf('user', account, asset)), openingOf('equity', 'house', asset)]
    const owners = assets.flatMap(ownersOf)
    for (const asset of assets) chain.script({ changes: [{ address: places.hot, asset, delta: FUNDED * BigInt(ownersOf(asset).length) }] })
    chain.script({ changes: [{ address: simulatedAddressOf(STRANGER.publicKey), asset: native, delta: FUNDED }] })
    for (let block = 0; block < rules.finalityBlocks + 2; block++) await chain.produceBlock()
    const ledger = new MemoryLedger({ clock: machine(run, 'ledger', 1, 0).clock, ledger: '00'.repeat(16) })
    const store = ledger.connect()
    await store.openAccounts([...assets.flatMap((asset) => [custodyOf(asset), openingOf('fees', 'payouts', asset)]), ...owners])
    const purpose = parsePurpose('deposit')
    await store.submit({ linked: false, transfers: owners.map(({ id, asset }, index) => (
      { kind: 'transfer', id: depositTransferId(rules.chain, 'first', index), debit: custodyOf(asset).id, credit: id, amount: amountOf(FUNDED), purpose }
    )) })
    const routes = new MemoryRoutes()
    await routes.giveAddress(rules.chain, places.hot, { to: 'nobody' })
    await routes.giveAddress(rules.chain, places.shared, { to: 'memo' })
    for (const [address, account] of places.accounts) await routes.giveAddress(rules.chain, address, { to: 'account', account })
    for (const [code, account] of codes) await routes.giveCode(code, account)
    return new PayoutWorld(run, options, mix, { network, ledger, payouts: new ObservedPayouts(ledger), routes, places, beganAt: chain.head.final })
  }

  /** Every call that the processes made. */
  get calls(): readonly CallKind[] {
    return this.#calls.kinds
  }

  /** Lives from the first ask to the end of all of them, or to the first promise that breaks. */
  async play(): Promise<void> {
    const { rules: { blockMs }, chaosBlocks, payouts, deposits, isTwofold } = this.#mix
    const chaosMs = chaosBlocks * blockMs
    this.#start('wally-1')
    if (isTwofold) this.#start('wally-2')
    for (let number = 1; number <= payouts; number++) this.#run.scheduler.after(this.#random.unit() * chaosMs * 0.5, () => { this.#workload.askFor(number) })
    for (let left = deposits; left > 0; left--) this.#run.scheduler.after(this.#random.unit() * chaosMs, () => { this.#workload.payIn() })
    this.#nextBlock()
    await this.#go(chaosMs)
    if (this.#run.violation === undefined) await this.#calmDown()
    this.#isOver = true
    if (this.#run.violation === undefined) await this.#auditor.finish()
  }

  async #calmDown(): Promise<void> {
    const { chain, endpoints } = this.#network
    this.#run.note('world', 'faults end')
    this.#now = calmPayoutMixOf(this.#mix)
    for (const { rpc: { faults } } of endpoints) {
      const { hidden, altered, invented } = faults
      for (const told of [hidden, altered, invented]) told.clear()
      Object.assign(faults, honest(), { hidden, altered, invented })
    }
    chain.holdFinality(false)
    chain.changeRules(this.#mix.rules)
    await this.#payouts.setPaused(chain.rules.chain, false, 'olga')
    const endMs = this.#run.nowMs + LIVENESS_BLOCKS * this.#mix.rules.blockMs
    await this.#go(2 * this.#mix.rules.blockMs)
    this.#refill()
    let missing = await this.#missing()
    while (missing !== undefined && this.#run.nowMs < endMs && this.#run.violation === undefined) {
      await this.#attend()
      await this.#go(this.#mix.rules.blockMs)
      missing = await this.#missing()
    }
    if (missing !== undefined) this.#run.broken('liveness', missing)
  }

  /** What was taken from the hot wallet comes back: an operator fills it up. */
  #refill(): void {
    const { chain } = this.#network
    const { hot } = this.#scene
    const taken = [...this.#auditor.drains].reduce((sum, [txid, amount]) => chain.find(txid) === undefined ? sum : sum + amount, 0n)
    if (taken > 0n) chain.script({ from: somebody('operator'), changes: [{ address: hot, asset: chain.rules.nativeAsset, delta: taken }] })
  }

  /** What has not come to its end. */
  async #missing(): Promise<string | undefined> {
    const { chain } = this.#network
    if (!this.#workload.isAnswered) return 'somebody has no answer'
    const open = this.#auditor.payouts.find(({ state }) => !['paid', 'failed', 'refused'].includes(state) && !(state === 'needs_operator' && this.#isLeftAlone()))
    if (open !== undefined) return `${nameOf(open.id)} stands at ${open.state}`
    const last = chain.records(0, chain.head.latest).at(-1)?.height ?? 0
    const cursor = await this.#store.cursor(depositCursorOf(chain.rules.chain))
    return cursor < last ? `deposits are dealt with up to block ${String(cursor)}, and there is something in block ${String(last)}` : undefined
  }

  /** In some worlds nobody decides what needs a person: it has to wait, with its money. */
  #isLeftAlone(): boolean {
    return this.#mix.liar === 1
  }

  /** What operators do: approve, and say what the chain says. */
  async #attend(): Promise<void> {
    const [wally] = this.#living()
    if (wally === undefined) return
    for (const { id, state } of this.#auditor.payouts) {
      if (state === 'awaiting_approval') wally.payouts.approve(id, 'olga').catch((error: unknown) => { wally.failed(error) })
      if (state !== 'needs_operator' || this.#isLeftAlone()) continue
      const truth = this.#truth.of(nameOf(id))
      if (truth.status === 'nothing' || !truth.isFinal) continue
      const cost = { fee: amountOf(truth.fee), tax: amountOf(truth.tax) }
      const outcome: PayoutOutcome = truth.status === 'received' ? { status: 'paid', ...cost } : { status: 'failed', ...cost, reason: truth.reason }
      this.#auditor.decided(nameOf(id))
      this.#run.coverage.count('operator/decides')
      wally.payouts.decide(id, outcome).catch((error: unknown) => { wally.failed(error) })
    }
  }

  /** A block, and what people and misfortune do meanwhile. */
  #nextBlock(): void {
    const { blockMs } = this.#mix.rules
    this.#run.scheduler.after(blockMs * (0.9 + 0.2 * this.#random.unit()), () => {
      if (this.#isOver) return
      // Its storage is in memory: nothing can fail.
      void this.#network.chain.produceBlock()
      this.#workload.pump()
      this.#strike()
      this.#meddle()
      this.#nextBlock()
    })
  }

  #strike(): void {
    const { random } = this.#scene
    const { strikes, strikeRate, rules: { blockMs } } = this.#now
    if (strikes.length === 0 || !random.chance(strikeRate)) return
    const { name, strike } = random.pick(strikes)
    this.#run.note('world', `strike: ${name}`)
    this.#run.coverage.count(`fault/${name}`)
    if (name.includes('tax') || name === 'fee changes') this.#auditor.taxWasUnsure = true
    const end = strike(this.#scene)
    if (end !== undefined) this.#run.scheduler.after(random.between(...STRIKE_BLOCKS) * blockMs, () => {
      // What lasts beyond the faults ended with them.
      if (this.#now === this.#mix) end()
    })
  }

  /** An operator refuses or approves at any time, also where it is too late. */
  #meddle(): void {
    const random = this.#random
    const [isRefusing, isApproving] = [random.chance(0.04), random.chance(0.1)]
    const [wally] = this.#living()
    const payouts = this.#auditor.payouts
    if (payouts.length === 0) return
    const { id } = random.pick(payouts)
    if (wally === undefined || this.#now !== this.#mix || !(isRefusing || isApproving)) return
    const asked = isRefusing ? wally.payouts.refuse(id, 'olga') : wally.payouts.approve(id, 'olga')
    asked.then(
      (answer) => {
        this.#run.note('operator', `${isRefusing ? 'refuses' : 'approves'} ${nameOf(id)}: ${answer}`)
        this.#run.coverage.count(`operator/${isRefusing ? 'refuses' : 'approves'}: ${answer}`)
      },
      (error: unknown) => { wally.failed(error) },
    )
  }

  #crash(): void {
    const living = this.#living()
    if (living.length === 0) return
    const { process } = this.#scene.random.pick(living)
    this.#run.note(process.name, 'crash')
    process.kill()
  }

  #living(): readonly Wally[] {
    return this.#wallies.filter(({ process }) => process.alive)
  }

  #start(name: string): void {
    const start = (this.#starts.get(name) ?? 0) + 1
    this.#starts.set(name, start)
    const process = machine(this.#run, name, start, this.#now.wallAheadMs)
    const wally = new Wally(this.#run, process, this.#outside, this.#ports)
    this.#run.note(process.name, 'started')
    const index = this.#wallies.findIndex((other) => other.process.machine === name)
    this.#wallies.splice(index === -1 ? this.#wallies.length : index, index === -1 ? 0 : 1, wally)
    process.onKilled(() => {
      this.#run.scheduler.after(process.random.skewed(...DOWN_MS), () => { if (!this.#isOver) this.#start(name) })
    })
    const { blockMs } = this.#mix.rules
    wally.start([0.8 * blockMs, 2.2 * blockMs], [3 * blockMs, 6 * blockMs])
  }

  /** A source whose every answer takes time, also those between which an adapter thinks. */
  #slow(rpc: SimulatedRpc): SimulatedRpc {
    const random = this.#run.random('rpc/times')
    return new Proxy(rpc, {
      get: (_, key) => {
        const value: unknown = Reflect.get(rpc, key, rpc)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => new Promise((resolve) => {
          this.#run.scheduler.after(random.skewed(2, 400), () => { resolve(Reflect.apply(value, rpc, args)) })
        })
      },
    })
  }

  #go(ms: number): Promise<void> {
    return this.#run.scheduler.run(this.#run.nowMs + ms, () => { this.#auditor.look() })
  }
}

function machine(run: Run, name: string, start: number, wallAheadMs: number): SimProcess {
  return new SimProcess({
    machine: name, start, scheduler: run.scheduler, random: run.random(`process/${name}/${String(start)}`), startEpochMs: run.startEpochMs, faults: { wallAheadMs, rate: 1 },
  })
}
