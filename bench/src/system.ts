import { ClusterProcess } from './cluster-process.js'
import { addedCosts, NO_COST, processCost, type ProcessCost } from './process-cost.js'
import { ServerProcess } from './server-process.js'

/** What a run talks to: one process on embedded stores, or a cluster. */
export interface System {
  readonly url: string
  readonly ws: string
  /** `embedded`, or `3 engines on 3 nodes`. */
  readonly description: string
  /** Cost of our own processes (engines and auth) so far, together. */
  cost(): ProcessCost
  /** Cost of the stores and the broker so far, together; zero when they are embedded. */
  storeCost(): ProcessCost
  /** Set for a cluster. */
  readonly cluster: ClusterProcess | undefined
  /** Set for one process. */
  readonly server: ServerProcess | undefined
  dispose(): Promise<void>
}

/** Option of runs that can have a cluster. */
export const NODES_OPTION = { default: 0, min: 0, max: 3, help: 'nodes of a cluster: 1 or 3; 0 is one process on embedded stores' } as const

/** Starts one process (`nodes` 0) or a cluster of 1 or 3 nodes. The processes whose cost is counted are those that run when it resolves. */
export async function startSystem(
  nodes: number, settings: Readonly<Record<string, string>>, { engines, auths, profiled = false }: { readonly engines?: number; readonly auths?: number; readonly profiled?: boolean } = {},
): Promise<System> {
  if (nodes === 0) {
    const server = new ServerProcess(settings)
    await server.start(profiled ? ['--cpu-prof', `--cpu-prof-dir=${server.dataDir}/profile`] : [])
    const { url, ws } = server.addresses
    return {
      url, ws, description: 'one process, embedded stores', cluster: undefined, server,
      cost: () => processCost(server.pid), storeCost: () => NO_COST, dispose: () => server.dispose(),
    }
  }
  const cluster = new ClusterProcess(settings)
  try {
    await cluster.start(nodes, engines, auths)
    const members = await cluster.members()
    const costOf = (kinds: readonly string[]) => (): ProcessCost => members.filter(({ kind }) => kinds.includes(kind)).map(({ pid }) => processCost(pid)).reduce(addedCosts, NO_COST)
    const { url, ws } = cluster
    return {
      url, ws, cluster, server: undefined, description: `${countText(engines ?? nodes, 'engine')}, ${String(auths ?? 2)} of auth, ${countText(nodes, 'node')} of Cassandra and NATS`,
      cost: costOf(['engine', 'auth']), storeCost: costOf(['cassandra', 'nats', 'redis', 'sentinel']), dispose: () => cluster.dispose(),
    }
  } catch (error) {
    await cluster.dispose()
    throw error
  }
}

function countText(count: number, name: string): string {
  return `${String(count)} ${name}${count === 1 ? '' : 's'}`
}
