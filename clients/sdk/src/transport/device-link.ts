import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import type { TokenSource } from '../api/auth-api.js'
import type { DiscoveredServer } from '../api/discovered-server.js'
import type { ServerClock } from '../api/server-clock.js'
import type { Link, LinkEvents, NetworkHints } from './link.js'
import { openConnection } from './open-connection.js'
import { startLink } from './reconnect.js'
import type { SocketFactory } from './socket.js'

/** What {@link startDeviceLink} needs. */
export interface DeviceLinkOptions {
  readonly server: DiscoveredServer
  readonly session: TokenSource
  readonly serverClock: ServerClock
  readonly sockets: SocketFactory
  readonly clock: Clock
  readonly random: Random
  /** Name and version of the client, at most 64 characters. */
  readonly agent: string
  readonly hints?: NetworkHints
  readonly events: LinkEvents
  /** The durable cursor T of the device in ms, 0 without one; asked before each attempt. */
  cursorMs(): number
}

/** The link of a device to its server: fetches a token for each attempt, connects, says hello, keeps one connection open. */
export function startDeviceLink(options: DeviceLinkOptions): Link {
  const { server, session, serverClock, sockets, clock, random, agent, hints, events } = options
  return startLink({
    clock, random, events, ...(hints === undefined ? {} : { hints }),
    forgetAccessToken: () => { session.forgetAccessToken() },
    open: async (hooks) => {
      const { consume, signal } = hooks
      const accessToken = await unlessAborted(session.accessToken(), signal)
      return openConnection({
        url: server.wsUrl, origin: server.origin, signer: session.signer, accessToken, agent, sockets, clock, serverClock, random,
        cursorMs: options.cursorMs(), consume, signal, onOpen: (connection) => hooks.onOpen(connection),
      })
    },
  })
}

/** `work`, or `client.closed` as soon as `signal` aborts; what the work still does or throws is then of no interest. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => { reject(new EvegramError('client.closed', { operation: 'connect' })) }
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => { signal.removeEventListener('abort', abort) })
    if (signal.aborted) abort()
  })
}
