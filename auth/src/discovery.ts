import { LIMITS, PROTOCOL_VERSION, type Clock } from '@evegram/protocol'
import type { AuthConfig } from './config.js'

/** What the composition root knows and auth does not. */
export interface DiscoveryPlaces {
  /** Names this server for ever; clients pin it. */
  readonly serverId: string
  /** Address of the socket tier. */
  readonly ws: string
  /** Base URL of auth, without trailing slash. */
  readonly auth: string
  /** Base URL of the wallet bridge, without trailing slash; absent where there is none. */
  readonly wally?: string
  /** Base URL of the store of files, without trailing slash; absent where there is none. */
  readonly blobs?: string
  /** Public keys (Ed25519, base64url) of who writes notices to accounts; absent where nobody does. */
  readonly noticeKeys?: readonly string[]
}

/** Answer of `GET /.well-known/evegram`. */
export interface Discovery extends DiscoveryPlaces {
  /** What browsers subscribe with to be woken: a key of P-256, the uncompressed point in base64url. Absent where nobody is woken. */
  readonly push?: { readonly key: string }
  readonly domain: string
  readonly origin: string
  readonly network: AuthConfig['network']
  readonly protocol: { readonly min: number; readonly max: number }
  readonly limits: typeof LIMITS
  readonly serverTimeMs: number
}

/** Where everything is and what it allows. Clients believe nothing of it that they have configured themselves. */
export function discoveryOf(config: AuthConfig, places: DiscoveryPlaces & Pick<Discovery, 'push'>, clock: Clock): Discovery {
  return {
    domain: config.domain, origin: config.origin, network: config.network, ...places,
    protocol: { min: PROTOCOL_VERSION, max: PROTOCOL_VERSION }, limits: LIMITS, serverTimeMs: clock.now(),
  }
}
