import { EvegramError, type Clock } from '@evegram/protocol'
import type { EventStream, Logger, Metrics } from '@evegram/platform'
import { Alarms } from './alarms.js'
import type { ChainName } from './chain/chain-adapter.js'
import { ChainWork, type WallyChainOptions } from './chain-work.js'
import { DepositPlaces } from './deposit-places.js'
import type { DepositRoutes } from './flows/deposit/deposit-routes.js'
import { DECISIONS_PAGE_MAX, type PayoutDecisions } from './flows/payout/payout-decisions.js'
import type { AccountPayouts, PayoutStore } from './flows/payout/payout-store.js'
import type { ReconcileCheckpoints } from './flows/reconcile/checkpoint.js'
import type { AssetId } from './ledger/ids.js'
import { EXPIRIES_MAX, type LedgerStore } from './ledger/ledger-store.js'
import { LedgerRelay } from './ledger/relay.js'
import { StatementProjector, type StatementStore } from './ledger/statement.js'
import { Loop } from './loop.js'
import { NoticeRelay, NOTICES_CURSOR, type NoticeSigner } from './notices.js'
import { OperatorDesk } from './operator-desk.js'
import type { Operators } from './operators.js'
import type { AlarmStore } from './ports/alarm-store.js'
import type { WallyAuth } from './ports/auth.js'
import type { ChainLeases } from './ports/chain-leases.js'
import type { NoticeSink } from './ports/notice-sink.js'
import { Authentication } from './routes/authenticate.js'
import { moneyRoutes } from './routes/money.js'
import { operatorRoutes } from './routes/operators.js'
import { payoutRoutes } from './routes/payouts.js'
import { UserMoney } from './user-money.js'
import { UserPayouts } from './user-payouts.js'
import type { Wally } from './wally-parts.js'

/** Pause of a loop over the ledger that has nothing to do. */
const LEDGER_PAUSE_MS = 250
/** How often reservations whose time is over are released, and lags are looked at. */
const SWEEP_MS = 1_000
/** Chains of one wallet bridge. */
export const CHAINS_MAX = 8

/** What {@link createWally} is made of. The stores lie in one database; all of them stay the caller's to close. */
export interface WallyOptions {
  readonly ledger: LedgerStore
  readonly statements: StatementStore
  readonly payouts: PayoutStore & AccountPayouts
  readonly decisions: PayoutDecisions
  readonly alarms: AlarmStore
  readonly checkpoints: ReconcileCheckpoints
  readonly routes: DepositRoutes
  readonly leases: ChainLeases
  /** Where events of the ledger are told. */
  readonly stream: EventStream
  /** Who signs what people are told, and where it goes. */
  readonly notices: { readonly signer: NoticeSigner; readonly sink: NoticeSink }
  readonly auth: WallyAuth
  readonly operators: Operators
  readonly chains: readonly WallyChainOptions[]
  /** 32 bytes that make the codes of accounts, the same for ever. */
  readonly depositSecret: Uint8Array
  /** The configured public origin: base of DPoP's `htu`. Never from a request. */
  readonly origin: string
  /** Whether a second person must say the same before it is booked how a payout ended. Default true. */
  readonly decisionsNeedTwo?: boolean | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** Builds the wallet bridge. Nothing runs before `start`. Throws `invalid.config` for chains that cannot be. */
export function createWally(options: WallyOptions): Wally {
  const { ledger, statements, payouts, routes, leases, stream, auth, clock, log, metrics } = options
  const alarms = new Alarms({ store: options.alarms, clock, log, metrics })
  const chains = new Map<ChainName, ChainWork>()
  for (const chain of options.chains) {
    const work = new ChainWork(chain, { ledger, payouts, checkpoints: options.checkpoints, routes, leases, auth, alarms, clock, log, metrics })
    if (chains.has(work.chain.chain) || chains.size >= CHAINS_MAX) throw new EvegramError('invalid.config', { operation: 'combine chains', details: { chain: work.chain.chain } })
    chains.set(work.chain.chain, work)
  }
  const assets = new Map([...chains.values()].flatMap((work) => work.assets.map((asset) => [asset.id, asset] as const)))
  const projector = new StatementProjector(ledger, statements)
  const relay = new LedgerRelay({ store: ledger, stream, clock, log })
  const notices = new NoticeRelay({ ledger, payouts, ...options.notices })
  const lags = { statements: 0, notices: 0, relay: 0 }
  const lag = metrics.gauge({ name: 'wally_ledger_lag_events', help: 'Events of the ledger that a reader has not dealt with', labels: ['reader'] })

  async function sweep(): Promise<boolean> {
    const expired = await ledger.expire(EXPIRIES_MAX)
    const { number } = await ledger.head()
    lags.statements = number - await statements.position()
    lags.notices = number - await ledger.cursor(NOTICES_CURSOR)
    lags.relay = number - await ledger.cursor('relay')
    for (const [reader, behind] of Object.entries(lags)) lag.set(behind, { reader })
    await alarms.write()
    return expired === EXPIRIES_MAX
  }

  const loops = [
    new Loop({ name: 'statements', pauseMs: LEDGER_PAUSE_MS, clock, log, step: async () => await projector.step() > 0 }),
    new Loop({ name: 'notices', pauseMs: LEDGER_PAUSE_MS, clock, log, step: async () => await notices.step() > 0 }),
    new Loop({ name: 'sweep', pauseMs: SWEEP_MS, clock, log, step: sweep }),
    new Loop({ name: 'decisions', pauseMs: SWEEP_MS, clock, log, step: async () => await desk.doApproved() === DECISIONS_PAGE_MAX }),
  ]

  async function stop(): Promise<void> {
    await Promise.all([...chains.values()].map((work) => work.stop()))
    for (const loop of loops) await loop.stop()
    await relay.stop()
    // What cannot be written now is in the log.
    await alarms.write().catch(() => undefined)
  }

  function workOf(asset: AssetId): ChainWork {
    const work = [...chains.values()].find((one) => one.assets.some(({ id }) => id === asset))
    if (work === undefined) throw new EvegramError('wallet.asset_unknown', { operation: 'find asset' })
    return work
  }

  const money = new UserMoney({ ledger, statements, projector, auth, assets: new Set(assets.keys()) })
  const userPayouts = new UserPayouts({ payouts, money, workOf })
  const desk = new OperatorDesk({ ledger, payouts, decisions: options.decisions, chains, alarms, decisionsNeedTwo: options.decisionsNeedTwo ?? true })

  const wally: Wally = {
    alarms, chains, assets, lags, money, userPayouts, desk, workOf,
    places: new DepositPlaces(routes, options.depositSecret),
    ready: async () => {
      await ledger.head()
      return { ok: true }
    },
    start: async () => {
      try {
        for (const work of chains.values()) await work.start()
      } catch (failure) {
        await stop()
        throw failure
      }
      for (const loop of loops) loop.start()
      relay.start()
    },
    stop,
    routes: (server) => {
      const authentication = new Authentication({ auth, operators: options.operators, origin: options.origin, clock })
      moneyRoutes(server, { wally, authentication })
      payoutRoutes(server, { payouts: userPayouts, authentication })
      operatorRoutes(server, { wally, desk, ledger, payouts, clock, authentication })
    },
  }
  return wally
}
