import { ServerProcess } from '../../server-process.js'
import { UsageError } from '../usage-error.js'
import { costOf } from './cost-of.js'
import { listeningPid } from './listening-pid.js'
import { OWN_SERVER_SETTINGS } from './own-server-settings.js'
import { scrapedDelayMs } from './scraped-delay.js'
import type { Target } from './target.js'

/** Where `npm start` listens unless it is told otherwise. */
export const DEFAULT_URL = 'http://localhost:8080'
/** See {@link DEFAULT_URL}; metrics. */
export const DEFAULT_ADMIN = 'http://localhost:8082'
const ANSWER_MS = 2_000

/** How to find a server. */
export interface EvegramTargetOptions {
  /** Undefined: {@link DEFAULT_URL} if anybody answers there. */
  readonly url: string | undefined
  readonly admin: string | undefined
  /** Always a server of its own: what is compared must start from nothing. */
  readonly isFresh: boolean
  readonly clients: number
  /** For Node, when a server is started. */
  readonly nodeOptions?: readonly string[]
}

/** The server at `url`, or one that is started for the run when nobody answers at the default address. Rejects with {@link UsageError} when the one that was named does not answer. */
export async function evegramTarget({ url, admin, isFresh, clients, nodeOptions }: EvegramTargetOptions): Promise<Target> {
  const wanted = isFresh ? undefined : url ?? DEFAULT_URL
  const ws = wanted === undefined ? undefined : await socketOf(wanted)
  if (wanted !== undefined && ws !== undefined) {
    const port = Number(new URL(ws).port)
    const pid = isOfThisMachine(ws) && port > 0 ? listeningPid(port) : undefined
    return targetOf(`the server at ${wanted}`, wanted, ws, pid === undefined ? [] : [pid], admin ?? (url === undefined ? DEFAULT_ADMIN : undefined), async () => undefined)
  }
  if (url !== undefined) throw new UsageError(`no Evegram server answers at ${url}`)
  const server = new ServerProcess({ ...OWN_SERVER_SETTINGS, EVEGRAM_CONNECTIONS_MAX: String(clients + 100) })
  try {
    await server.start(nodeOptions)
  } catch (error) {
    await server.dispose()
    throw error
  }
  const { addresses } = server
  return targetOf('a standalone server that this run started', addresses.url, addresses.ws, [server.pid], addresses.admin, () => server.dispose())
}

function targetOf(description: string, url: string, ws: string, pids: readonly number[], admin: string | undefined, dispose: () => Promise<void>): Target {
  return {
    driver: 'evegram', description, url, ws, pids,
    cost: () => costOf(pids),
    eventLoopDelayMs: async () => (admin === undefined ? undefined : scrapedDelayMs(admin)),
    dispose,
  }
}

/** Address of the sockets of the server at `url`; undefined when none answers. */
async function socketOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('/.well-known/evegram', url), { signal: AbortSignal.timeout(ANSWER_MS) })
    const body: unknown = await response.json()
    if (!response.ok || typeof body !== 'object' || body === null || !('ws' in body)) return undefined
    return typeof body.ws === 'string' ? body.ws : undefined
  } catch {
    return undefined
  }
}

function isOfThisMachine(address: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(address).hostname)
}
