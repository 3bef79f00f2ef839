import { ClusterProcess } from '../../cluster-process.js'
import { openFilesMax } from '../../open-files.js'
import { addedCosts, NO_COST, processCost, type ProcessCost } from '../../process-cost.js'
import { ServerProcess } from '../../server-process.js'
import { OWN_SERVER_SETTINGS } from '../targets/own-server-settings.js'
import { MadeUpAuth } from './made-up-auth.js'
import { madeUpPopulation, RealPopulation, type Population } from './population.js'

/** Files and sockets of a server beside one for each connection. */
const FILES_BESIDE = 1_000

/** A server under connections, of its own for one run: everybody is known to it, nobody is connected. */
export interface ConnectionSite {
  readonly description: string
  readonly ws: string
  readonly population: Population
  /** The processes that hold the connections. */
  readonly pids: readonly number[]
  /** What those processes cost so far, together. */
  cost(): ProcessCost
  dispose(): Promise<void>
}

/** Which server, for how many. */
export interface SiteSize {
  readonly connections: number
  /** 0: one process on embedded stores, with real accounts. Else so many engines that share one port, on real stores, with made-up accounts. */
  readonly engines: number
}

/** Hears how many are signed in. */
export type OnSigningIn = (done: number, total: number) => void

/** Starts the server and makes everybody known to it. Rejects when it does not come up. */
export function openSite({ connections, engines }: SiteSize, onSigningIn: OnSigningIn): Promise<ConnectionSite> {
  return engines === 0 ? oneProcess(connections, onSigningIn) : enginesOnOnePort(connections, engines)
}

/** What one process can hold by its limit of descriptors. */
export function connectionsPerProcessMax(): number {
  return openFilesMax() - FILES_BESIDE
}

async function oneProcess(connections: number, onSigningIn: OnSigningIn): Promise<ConnectionSite> {
  const server = new ServerProcess({ ...OWN_SERVER_SETTINGS, EVEGRAM_CONNECTIONS_MAX: String(connections + FILES_BESIDE) })
  try {
    await server.start()
    const people = await RealPopulation.enrol(server.addresses.url, connections, (done) => { onSigningIn(done, connections) })
    const population = await people.fresh()
    // Signing in leaves its garbage in the heap: what is measured is a fresh process on the same data.
    await server.stop()
    await server.start()
    return {
      description: `a standalone server of its own (restarted behind the sign-ins); ${String(connections)} devices, signed in with real proofs`, ws: server.addresses.ws, population,
      pids: [server.pid], cost: () => processCost(server.pid), dispose: () => server.dispose(),
    }
  } catch (error) {
    await server.dispose()
    throw error
  }
}

async function enginesOnOnePort(connections: number, engines: number): Promise<ConnectionSite> {
  const auth = await MadeUpAuth.start()
  const cluster = new ClusterProcess({ ...OWN_SERVER_SETTINGS, EVEGRAM_CONNECTIONS_MAX: String(Math.min(connections + FILES_BESIDE, connectionsPerProcessMax())), EVEGRAM_AUTH_URLS: auth.url })
  const dispose = async (): Promise<void> => {
    await cluster.dispose()
    auth.close()
  }
  try {
    await cluster.start(1, engines, 1)
    const population = madeUpPopulation(connections, new URL(cluster.url).origin)
    auth.know(population)
    const pids = (await cluster.members()).filter(({ kind }) => kind === 'engine').map(({ pid }) => pid)
    return {
      description: `${String(engines)} engine processes that share one port, one node of each store; ${String(connections)} devices of made-up accounts: the engines ask a stand-in for auth`,
      ws: cluster.ws, population, pids, cost: () => pids.map((pid) => processCost(pid)).reduce(addedCosts, NO_COST), dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}
