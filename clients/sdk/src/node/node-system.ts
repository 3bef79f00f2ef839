import { ServerClock } from '../api/server-clock.js'
import { systemClock, webSystem, type System } from '../system.js'
import { wsSockets } from './ws-sockets.js'

/** The platform of Node: the sockets of the `ws` package, and nobody who hints at the network. Make one for each server. */
export function nodeSystem(): System {
  return { ...webSystem(), sockets: wsSockets, hints: { subscribe: () => () => undefined }, serverClock: new ServerClock(systemClock) }
}
