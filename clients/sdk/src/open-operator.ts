import { EvegramError } from '@evegram/protocol'
import { discoverServer } from './api/discover-server.js'
import { operatorApiWithToken, type OperatorApi } from './api/operator-api.js'
import { webSystem, type System } from './system.js'

/** What {@link openOperator} needs. */
export interface OperatorOptions {
  /** The server: https://..., or http:// on this machine. */
  readonly url: string
  /** The operator token. */
  readonly token: string
  /** The domain of the server, where it is not the one of `url`. */
  readonly domain?: string
  /** Hears that a request waits for the ledger of the server, which is starting. */
  readonly ledgerStarting?: () => void
  readonly system?: Pick<System, 'fetch' | 'clock' | 'serverClock'>
}

/** The wallet bridge of a server as the holder of an operator token sees it. Rejects `wallet.none` where there is none, and as discovery does. */
export async function openOperator({ url, token, domain, ledgerStarting, system = webSystem() }: OperatorOptions): Promise<OperatorApi> {
  const { fetch, clock, serverClock } = system
  const { wallyUrl } = await discoverServer({ url, fetch, clock, serverClock, ...(domain === undefined ? {} : { domain }) })
  if (wallyUrl === undefined) throw new EvegramError('wallet.none', { operation: 'act as operator' })
  return operatorApiWithToken({ url: wallyUrl, token, fetch, clock, starting: ledgerStarting })
}
