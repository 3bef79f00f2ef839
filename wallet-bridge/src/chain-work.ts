import { EvegramError, isEvegramError, type Clock } from '@evegram/protocol'
import type { Logger, Metrics } from '@evegram/platform'
import type { Alarms } from './alarms.js'
import { AgreedChain, type NamedSource } from './chain/agreed-chain.js'
import type { ChainAddress, ChainName } from './chain/chain-adapter.js'
import type { Height } from './chain/finality.js'
import type { Signer } from './chain/signer.js'
import { DepositFlow, depositCursorOf } from './flows/deposit/deposit-flow.js'
import type { DepositRoutes } from './flows/deposit/deposit-routes.js'
import { PayoutFlow } from './flows/payout/payout-flow.js'
import { StrayReservations, STRAYS_LOOK_MS } from './flows/payout/stray-reservations.js'
import type { PayoutPolicy } from './flows/payout/payout-policy.js'
import { ATTENDED_STATES, WORKED_STATES, type PayoutState } from './flows/payout/payout-states.js'
import { PAYOUTS_PAGE_MAX, type PauseReason, type PayoutStore } from './flows/payout/payout-store.js'
import type { ReconcileCheckpoints } from './flows/reconcile/checkpoint.js'
import { ReconcileFlow, type ReconcileAnswer, type ReconcileRequest } from './flows/reconcile/reconcile-flow.js'
import type { Amount } from './ledger/amount.js'
import type { AssetId } from './ledger/ids.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import { Loop } from './loop.js'
import type { WallyAuth } from './ports/auth.js'
import type { ChainLease, ChainLeases } from './ports/chain-leases.js'
import { WalletProofs } from './wallet-proofs.js'

/** How often a process asks for the lease of a chain, and whether it still has it. */
export const LEASE_LOOK_MS = 2_000
/** How often balances, lag and open payouts are looked at, for metrics and operators. */
const OBSERVE_MS = 10_000
/** How often a chain is compared with the ledger when nothing else was said. */
export const RECONCILE_EVERY_MS = 600_000

/** An asset that is taken and paid out. */
export interface WallyAsset {
  readonly id: AssetId
  /** For people: `SOL`. */
  readonly symbol: string
  /** Places behind the point in which people write amounts; the smallest unit is the last of them. */
  readonly decimals: number
  /** What a deposit has at least; less is put aside. */
  readonly depositMin: Amount
  /** What one account may take out to its founding wallet within a day without signing: 0 for nothing. */
  readonly foundingDayMax: Amount
}

/** One chain of the wallet bridge. */
export interface WallyChainOptions {
  /** They must agree before money moves. */
  readonly sources: readonly NamedSource[]
  /** The hot wallet. Its address is where people pay to. */
  readonly signer: Signer
  readonly policy: PayoutPolicy
  readonly assets: readonly WallyAsset[]
  /** Addresses that people sign for. */
  readonly cold?: ReadonlySet<ChainAddress> | undefined
  /** The block behind which deposits and books begin, for a ledger that does not know the chain; 0 when left out. */
  readonly beginsAt?: Height | undefined
  /** {@link RECONCILE_EVERY_MS} when left out. */
  readonly reconcileEveryMs?: number | undefined
}

/** What the work on a chain needs beside its options. */
export interface ChainWorkParts {
  readonly ledger: LedgerStore
  readonly payouts: PayoutStore
  readonly checkpoints: ReconcileCheckpoints
  readonly routes: DepositRoutes
  readonly leases: ChainLeases
  readonly auth: Pick<WallyAuth, 'owner' | 'verifyWithdrawal'>
  readonly alarms: Alarms
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** What the hot wallet holds of an asset; undefined while the sources do not say. */
export interface HotBalance {
  readonly asset: AssetId
  readonly held: bigint | undefined
  readonly topUpBelow: Amount
}

/** How the work on a chain stands, as it was looked at last. */
export interface ChainStatus {
  readonly chain: ChainName
  /** Whether this process works on it. */
  readonly working: boolean
  readonly paused: boolean
  /** Why payouts are paused; undefined while they are not. */
  readonly pausedFor: PauseReason | undefined
  readonly hot: readonly HotBalance[]
  /** Newest final block; undefined while the sources do not answer. */
  readonly final: Height | undefined
  /** Deposits up to this block are booked. */
  readonly booked: Height
  /** Payouts that have not ended, by state: up to {@link PAYOUTS_PAGE_MAX} of them are counted. */
  readonly open: Readonly<Partial<Record<PayoutState, number>>>
  readonly reconciled: { readonly atMs: number; readonly answer: ReconcileAnswer } | undefined
}

/**
 * All work on one chain: deposits, payouts and reconciliation, by the one process that holds its lease. Others wait for the lease and take requests meanwhile:
 * whatever they write down, the one that works does.
 */
export class ChainWork {
  readonly chain: AgreedChain
  readonly assets: readonly WallyAsset[]
  readonly policy: PayoutPolicy
  readonly payouts: PayoutFlow
  readonly deposits: DepositFlow
  /** The hot wallet, which people pay to. */
  readonly address: ChainAddress
  readonly #parts: ChainWorkParts
  readonly #options: WallyChainOptions
  readonly #reconcile: ReconcileFlow
  readonly #log: Logger
  readonly #gauges: ReturnType<typeof gaugesOf>
  readonly #loops: readonly Loop[]
  /** Those that run while this process works on the chain, beside deposits and payouts. */
  readonly #workLoops: readonly Loop[]
  #lease: ChainLease | undefined
  #status: ChainStatus
  /** Resolves when the last comparison has ended, whatever became of it. */
  #compared: Promise<unknown> = Promise.resolve()
  /** Whether somebody who asked for one has no answer yet. */
  #asked = false
  /** Ends what may take long when the work does. */
  #ending = new AbortController()

  /** Throws `invalid.config` for sources or a policy that cannot be. */
  constructor(options: WallyChainOptions, parts: ChainWorkParts) {
    const { ledger, payouts, checkpoints, routes, auth, alarms, clock, log, metrics } = parts
    const { sources, signer, policy, assets, cold = new Set(), beginsAt } = options
    this.#parts = parts
    this.#options = options
    this.chain = new AgreedChain({
      sources, alarm: ({ chain: name, about, subject }) => { alarms.raise({ kind: 'sources_disagree', chain: name, subject, reason: about }) },
    })
    const chain = this.chain.chain
    this.assets = assets
    this.policy = policy
    this.address = this.chain.addressOf(signer)
    this.#log = log.child({ chain })
    this.#gauges = gaugesOf(metrics)
    const proofs = new WalletProofs({
      auth, parseAddress: (text) => this.parseAddress(text), foundingDayMax: new Map(assets.filter(({ foundingDayMax }) => foundingDayMax > 0n).map(({ id, foundingDayMax }) => [id, foundingDayMax])),
    })
    this.payouts = new PayoutFlow({
      chain: this.chain, signer, ledger, payouts, policy, proofs, changes: proofs, routes, clock,
      alarm: (alarm) => { alarms.raise({ kind: alarm.kind, chain, subject: alarm.kind === 'top_up' ? alarm.asset : alarm.payout, reason: alarm.kind === 'needs_operator' ? alarm.reason : undefined }) },
    })
    this.deposits = new DepositFlow({
      chain: this.chain, ledger, routes, assets: new Map(assets.map(({ id, depositMin }) => [id, depositMin])), beginsAt,
      alarm: ({ reason, transfer }) => { alarms.raise({ kind: 'deposit', chain, subject: transfer, reason }) },
    })
    this.#reconcile = new ReconcileFlow({ chain: this.chain, ledger, payouts, checkpoints, routes, hot: new Set([this.address]), cold, assets: new Set(assets.map(({ id }) => id)) })
    this.#status = { chain, working: false, paused: false, pausedFor: undefined, hot: [], final: undefined, booked: 0, open: {}, reconciled: undefined }
    const loop = (name: string, pauseMs: number, step: () => Promise<boolean>): Loop => new Loop({
      name, pauseMs, step, clock, log: this.#log, failed: () => { this.#gauges.failures.add(1, { chain, loop: name }) },
    })
    this.#loops = [
      loop('lease', LEASE_LOOK_MS, () => this.#watchLease()),
      loop('observe', OBSERVE_MS, () => this.#observe()),
    ]
    const strays = new StrayReservations({
      chain, ledger, payouts, found: (payout) => { alarms.raise({ kind: 'stray_reservation', chain, subject: payout, reason: undefined }) },
    })
    this.#workLoops = [
      loop('reconcile', options.reconcileEveryMs ?? RECONCILE_EVERY_MS, () => this.#reconcileByItself()),
      loop('strays', STRAYS_LOOK_MS, async () => {
        await strays.release()
        return false
      }),
    ]
  }

  /** How it stands, as it was looked at last. */
  get status(): ChainStatus {
    return { ...this.#status, working: this.#lease !== undefined }
  }

  /** An address in the one form of the chain; undefined for what is none. */
  parseAddress(text: string): ChainAddress | undefined {
    try {
      return this.chain.parseAddress(text)
    } catch (error) {
      if (isEvegramError(error, 'invalid.address')) return undefined
      throw error
    }
  }

  /** Makes the hot wallet the address that people pay to and cold ones ours, then works whenever it gets the lease. Rejects `invalid.config`, `unavailable.store`. */
  async start(): Promise<void> {
    const { routes } = this.#parts
    const given = [await routes.giveAddress(this.chain.chain, this.address, { to: 'memo' })]
    for (const address of this.#options.cold ?? []) given.push(await routes.giveAddress(this.chain.chain, address, { to: 'nobody' }))
    if (given.includes('taken')) {
      throw new EvegramError('invalid.config', {
        operation: 'start work on chain', details: { chain: this.chain.chain },
        advice: 'An address of the hot or of a cold wallet is known to this ledger as one that leads elsewhere: use another key.',
      })
    }
    for (const loop of this.#loops) loop.start()
  }

  /** Resolved = nothing of it runs any more, and the lease is given up. */
  async stop(): Promise<void> {
    for (const loop of this.#loops) await loop.stop()
    await this.#rest()
  }

  /** Pauses or resumes payouts, in all processes; `person` did it, in the audit trail. Rejects `unavailable.store`. */
  async setPaused(isPaused: boolean, person: string): Promise<void> {
    await this.#parts.payouts.setPaused(this.chain.chain, isPaused, person)
    this.#status = { ...this.#status, paused: isPaused, pausedFor: await this.#parts.payouts.pausedFor(this.chain.chain) }
  }

  /**
   * Compares the chain with the ledger, behind a comparison that is made by itself. Rejects `conflict.busy` while this is being done for somebody else, and what
   * `ReconcileFlow.run` rejects.
   */
  async reconcile(request: ReconcileRequest = {}): Promise<ReconcileAnswer> {
    if (this.#asked) throw new EvegramError('conflict.busy', { operation: 'reconcile' })
    this.#asked = true
    try {
      await this.#compared
      return await this.#compare(request)
    } finally {
      this.#asked = false
    }
  }

  /** One at a time: nothing may be under way. */
  async #compare(request: ReconcileRequest): Promise<ReconcileAnswer> {
    const run = this.#reconcile.run({ after: this.#options.beginsAt, stop: this.#ending.signal, ...request })
    this.#compared = run.then(() => undefined, () => undefined)
    const answer = await run
    this.#note(answer)
    return answer
  }

  /** Takes the lease when it is free, and the work; gives the work up when the lease is gone. */
  async #watchLease(): Promise<boolean> {
    if (this.#lease === undefined) {
      this.#lease = await this.#parts.leases.acquire(this.chain.chain)
      if (this.#lease !== undefined) this.#work()
      return false
    }
    if (await this.#lease.isHeld()) return false
    this.#parts.alarms.raise({ kind: 'lease_lost', chain: this.chain.chain, subject: undefined, reason: undefined })
    await this.#rest()
    return true
  }

  #work(): void {
    const { clock } = this.#parts
    const failed = (loop: string) => (failure: unknown): void => {
      this.#gauges.failures.add(1, { chain: this.chain.chain, loop })
      this.#log.warn({ loop, err: failure }, 'a step failed; it will be made again')
    }
    this.#log.info({}, 'works on the chain')
    this.deposits.start(clock, failed('deposits'))
    this.payouts.start(failed('payouts'))
    for (const loop of this.#workLoops) loop.start()
  }

  async #rest(): Promise<void> {
    this.#ending.abort()
    // What moves money first: without the lease somebody else may.
    await Promise.all([this.payouts.stop(), this.deposits.stop()])
    for (const loop of this.#workLoops) await loop.stop()
    await this.#lease?.release()
    this.#lease = undefined
    this.#ending = new AbortController()
  }

  async #reconcileByItself(): Promise<boolean> {
    if (this.#asked) return false
    try {
      await this.#compare({})
    } catch (failure) {
      if (this.#ending.signal.aborted) return false
      this.#parts.alarms.raise({ kind: 'reconciliation_failed', chain: this.chain.chain, subject: undefined, reason: isEvegramError(failure) ? failure.code : undefined })
      throw failure
    }
    return false
  }

  #note(answer: ReconcileAnswer): void {
    const chain = this.chain.chain
    this.#status = { ...this.#status, reconciled: { atMs: this.#parts.clock.now(), answer } }
    if (answer.status === 'done' && answer.report.drift) this.#parts.alarms.raise({ kind: 'drift', chain, subject: undefined, reason: undefined })
    if (answer.status === 'too_different') this.#parts.alarms.raise({ kind: 'drift', chain, subject: undefined, reason: 'too_different' })
    if (answer.status === 'past_differs') this.#parts.alarms.raise({ kind: 'ledger_damaged', chain, subject: String(answer.event), reason: 'past_differs' })
    this.#gauges.drift.set(answer.status === 'done' && !answer.report.drift ? 0 : 1, { chain })
    this.#gauges.reconciledAt.set(this.#parts.clock.now() / 1_000, { chain })
  }

  /** Looks at what metrics and operators see. What cannot be read keeps what it was, or is undefined. */
  async #observe(): Promise<boolean> {
    const { ledger, payouts } = this.#parts
    const chain = this.chain.chain
    const [booked, pausedFor] = [await ledger.cursor(depositCursorOf(chain)), await payouts.pausedFor(chain)]
    const unended = await payouts.list({ chain, states: [...WORKED_STATES, ...ATTENDED_STATES], after: 0, limit: PAYOUTS_PAGE_MAX })
    const open: Partial<Record<PayoutState, number>> = {}
    for (const { state } of unended) open[state] = (open[state] ?? 0) + 1
    const final = await this.#orUndefined(async () => (await this.chain.head()).final)
    const hot: HotBalance[] = []
    for (const [asset, { topUpBelow }] of this.policy.assets) hot.push({ asset, topUpBelow, held: await this.#orUndefined(() => this.#heldOf(asset)) })
    this.#status = { ...this.#status, booked, paused: pausedFor !== undefined, pausedFor, open, final, hot }
    this.#show(hot, open)
    return false
  }

  async #heldOf(asset: AssetId): Promise<bigint | undefined> {
    const answer = await this.chain.balance({ address: this.address, asset })
    return answer.status === 'agreed' && answer.value.status === 'known' ? answer.value.amount : undefined
  }

  async #orUndefined<Value>(ask: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await ask()
    } catch (failure) {
      if (isEvegramError(failure, 'unavailable.chain')) return undefined
      throw failure
    }
  }

  #show(hot: readonly HotBalance[], open: ChainStatus['open']): void {
    const { chain, working, paused, final, booked } = this.status
    this.#gauges.working.set(working ? 1 : 0, { chain })
    this.#gauges.paused.set(paused ? 1 : 0, { chain })
    if (final !== undefined) this.#gauges.lag.set(Math.max(0, final - booked), { chain })
    for (const state of [...WORKED_STATES, ...ATTENDED_STATES]) this.#gauges.open.set(open[state] ?? 0, { chain, state })
    for (const { asset, held, topUpBelow } of hot) {
      // A number of JavaScript rounds: good enough for a graph, and used for nothing else.
      if (held !== undefined) this.#gauges.held.set(Number(held), { asset })
      this.#gauges.bound.set(Number(topUpBelow), { asset })
    }
  }
}

/** Our own wallets and our own work; nothing of what people have. */
function gaugesOf(metrics: Metrics) {
  return {
    failures: metrics.counter({ name: 'wally_step_failures_total', help: 'Steps of work on a chain that failed', labels: ['chain', 'loop'] }),
    working: metrics.gauge({ name: 'wally_chain_working', help: 'Whether this process holds the lease of the chain', labels: ['chain'] }),
    paused: metrics.gauge({ name: 'wally_chain_paused', help: 'Whether payouts are paused', labels: ['chain'] }),
    lag: metrics.gauge({ name: 'wally_deposit_lag_blocks', help: 'Final blocks whose deposits are not booked', labels: ['chain'] }),
    open: metrics.gauge({ name: 'wally_payouts_open', help: 'Payouts that have not ended', labels: ['chain', 'state'] }),
    held: metrics.gauge({ name: 'wally_hot_wallet_held', help: 'What the hot wallet holds, in the smallest unit', labels: ['asset'] }),
    bound: metrics.gauge({ name: 'wally_hot_wallet_bound', help: 'What the hot wallet should hold at least, in the smallest unit', labels: ['asset'] }),
    drift: metrics.gauge({ name: 'wally_drift', help: 'Whether chain and ledger differed, or could not be compared, last time', labels: ['chain'] }),
    reconciledAt: metrics.gauge({ name: 'wally_reconciled_at_seconds', help: 'When chain and ledger were compared last', labels: ['chain'] }),
  }
}
