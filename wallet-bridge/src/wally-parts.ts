import type { HealthAnswer, HttpServer } from '@evegram/platform'
import type { Alarms } from './alarms.js'
import type { ChainName } from './chain/chain-adapter.js'
import type { ChainWork, WallyAsset } from './chain-work.js'
import type { DepositPlaces } from './deposit-places.js'
import type { AssetId } from './ledger/ids.js'
import type { OperatorDesk } from './operator-desk.js'
import type { UserMoney } from './user-money.js'
import type { UserPayouts } from './user-payouts.js'

/** The wallet bridge of one server, to be composed with the others. */
export interface Wally {
  readonly alarms: Alarms
  readonly money: UserMoney
  readonly places: DepositPlaces
  readonly userPayouts: UserPayouts
  readonly desk: OperatorDesk
  /** In the order of the options. */
  readonly chains: ReadonlyMap<ChainName, ChainWork>
  readonly assets: ReadonlyMap<AssetId, WallyAsset>
  /** How far what is made of events is behind them. */
  readonly lags: Readonly<Record<'statements' | 'notices' | 'relay', number>>
  /** The work on the chain of an asset. Throws `wallet.asset_unknown`. */
  workOf(asset: AssetId): ChainWork
  /** Whether requests can be taken. */
  ready(): Promise<HealthAnswer>
  /** Starts all loops. Rejects `invalid.config`, `unavailable.store`; nothing runs then. */
  start(): Promise<void>
  /** Resolved = nothing of it runs any more and every lease is given up. */
  stop(): Promise<void>
  /** Adds all routes to a server that the caller owns, before it listens and behind `registerOpenApi`. */
  routes(server: HttpServer): void
}
