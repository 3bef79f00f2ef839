import type { Clock, Random } from '@evegram/protocol'
import type { Fetch } from './api/http-client.js'
import { ServerClock } from './api/server-clock.js'
import type { NetworkHints } from './transport/link.js'
import { pageHints } from './transport/network-hints.js'
import type { SocketFactory } from './transport/socket.js'
import { webSockets } from './transport/web-socket.js'

/** The real clock of browsers and Node alike. Simulators and tests pass their own {@link Clock}. */
export const systemClock: Clock = {
  // The one place of the SDK that reads real time and plans real timers.
  /* eslint-disable no-restricted-properties, no-restricted-globals */
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return { cancel: () => { clearTimeout(timer) } }
  },
  every(intervalMs, task) {
    const timer = setInterval(task, intervalMs)
    return { cancel: () => { clearInterval(timer) } }
  },
  /* eslint-enable no-restricted-properties, no-restricted-globals */
}

/** getRandomValues of WebCrypto gives at most this many bytes a call. */
const DRAW_BYTES_MAX = 65_536

/** The cryptographic randomness of browsers and Node alike. */
export const systemRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += DRAW_BYTES_MAX) {
      globalThis.crypto.getRandomValues(bytes.subarray(offset, Math.min(length, offset + DRAW_BYTES_MAX)))
    }
    return bytes
  },
}

/** Everything of the platform that a client needs, in one bundle to be passed on. */
export interface System {
  readonly clock: Clock
  readonly random: Random
  readonly fetch: Fetch
  readonly sockets: SocketFactory
  readonly hints: NetworkHints
  /** What is known of the time of the one server that this bundle is used with. */
  readonly serverClock: ServerClock
}

/** The platform of browsers. Make one for each server. */
export function webSystem(): System {
  return {
    // Called on the global object, which browsers insist on.
    clock: systemClock, random: systemRandom, fetch: (url, init) => globalThis.fetch(url, init), sockets: webSockets, hints: pageHints,
    serverClock: new ServerClock(systemClock),
  }
}
