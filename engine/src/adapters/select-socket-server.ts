import type { SocketServer, SocketServerOptions } from '../ports/socket-server.js'
import { findUwsBinary } from './uws/native.js'

/** The socket tiers that there are. */
export type SocketTier = 'uws' | 'ws'

/**
 * The socket tier that fits this Node: uWebSockets.js where the installed package has a native binary for it, `ws` otherwise. `forced` (from the
 * configuration) decides alone. The description of the result says which one runs and why. Rejects with `invalid.config` when uWebSockets.js is
 * to run but its native binary does not load; it is never replaced in silence.
 */
export async function selectSocketServer(options: SocketServerOptions, forced?: SocketTier): Promise<SocketServer> {
  const node = `Node ${process.versions.node} on ${process.platform}-${process.arch}`
  const tier = forced ?? (findUwsBinary() === undefined ? 'ws' : 'uws')
  // Imported when chosen, so that the other driver is not even loaded.
  if (tier === 'ws') {
    const { createWsSocketServer } = await import('./ws/socket-server.js')
    return createWsSocketServer(options, forced === 'ws'
      ? 'because the configuration says so'
      : `because uWebSockets.js has no native binary for ${node}`)
  }
  const { createUwsSocketServer } = await import('./uws/socket-server.js')
  return createUwsSocketServer(options, forced === 'uws'
    ? 'because the configuration says so'
    : `because its native binary for ${node} is installed`)
}
