import { ClusterProcess } from '../../cluster-process.js'
import { costOf } from './cost-of.js'
import { OWN_SERVER_SETTINGS } from './own-server-settings.js'
import { scrapedDelayMs } from './scraped-delay.js'
import type { Target } from './target.js'

/** Sizes of a cluster that a run starts. */
export interface ClusterSize {
  /** Of Cassandra and NATS: 1 or 3. */
  readonly nodes: number
  readonly engines: number
}

/** Connections of a client beside its socket, and of those who look. */
const CONNECTIONS_BESIDE = 100

/** Starts a cluster on this machine for one run: engines, auth, and the real stores and broker behind them. Rejects when it does not come up. */
export async function clusterTarget({ nodes, engines }: ClusterSize, clients: number): Promise<Target> {
  const cluster = new ClusterProcess({ ...OWN_SERVER_SETTINGS, EVEGRAM_CONNECTIONS_MAX: String(clients + CONNECTIONS_BESIDE) })
  try {
    await cluster.start(nodes, engines)
    const members = await cluster.members()
    const pids = members.map(({ pid }) => pid)
    const admins = members.flatMap(({ kind, admin }) => (kind === 'engine' && admin !== undefined ? [admin] : []))
    return {
      driver: 'evegram', url: cluster.url, ws: cluster.ws, pids, processes: members.map(({ name, kind, pid }) => ({ name, kind, pid })),
      description: `a cluster that this run started: ${String(engines)} engine${engines === 1 ? '' : 's'} and ${String(nodes)} node${nodes === 1 ? '' : 's'} of each store, all on this machine`,
      cost: () => costOf(pids),
      // The engine that is furthest behind.
      eventLoopDelayMs: async () => {
        const delays = (await Promise.all(admins.map(scrapedDelayMs))).filter((delay) => delay !== undefined)
        return delays.length === 0 ? undefined : Math.max(...delays)
      },
      dispose: () => cluster.dispose(),
    }
  } catch (error) {
    await cluster.dispose()
    throw error
  }
}
