import { SOCKET_PATH, type SocketServerOptions } from '../ports/socket-server.js'

/** An HTTP answer to an upgrade that is not served. */
export interface UpgradeRefusal {
  readonly status: 403 | 404 | 421 | 426 | 503
  readonly text: string
}

/** The answer to a plain request on the socket path. */
export const UPGRADE_REQUIRED: UpgradeRefusal = { status: 426, text: 'Upgrade Required' }
/** The answer to a request on any other path. */
export const NO_ROUTE: UpgradeRefusal = { status: 404, text: 'Not Found' }

/** What an upgrade request says of itself; an absent header is the empty string. */
export interface UpgradeRequest {
  /** Path without query. */
  readonly path: string
  readonly host: string
  readonly origin: string
}

/**
 * The rules that every socket tier applies before it upgrades: path, Host (against DNS rebinding), Origin (against other sites' pages),
 * room. Returns a function that answers a refusal, or undefined when the request may be upgraded.
 */
export function upgradeRules(
  options: Pick<SocketServerOptions, 'allowedHosts' | 'allowedOrigins' | 'connectionsMax'>,
): (request: UpgradeRequest, connections: number) => UpgradeRefusal | undefined {
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()))
  const origins = new Set(options.allowedOrigins)
  return ({ path, host, origin }, connections) => {
    if (path !== SOCKET_PATH) return NO_ROUTE
    const named = host.toLowerCase()
    if (!hosts.has(named) && !hosts.has(named.replace(/:\d{1,5}$/, ':*'))) return { status: 421, text: 'Misdirected Request' }
    if (origin !== '' && !origins.has(origin)) return { status: 403, text: 'Forbidden' }
    if (connections >= options.connectionsMax) return { status: 503, text: 'Service Unavailable' }
    return undefined
  }
}
