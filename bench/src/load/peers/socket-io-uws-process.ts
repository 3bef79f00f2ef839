// Socket.IO on uWebSockets.js, as its documentation says for speed. Started only when asked for.
import type { ServerOptions } from 'socket.io'
import { RELAY_BACKPRESSURE_BYTES } from '../drivers/relay-protocol.js'
import { nativeUws } from './native-uws.js'
import { reportEventLoop, tellParent } from './peer-parent.js'
import { socketIoRelay } from './socket-io-relay.js'

/** Handed on to uWebSockets.js, whose options the types of Socket.IO leave out; by default it drops messages to a socket with 64 KiB waiting. */
const TIER: Partial<ServerOptions> & { readonly maxBackpressure: number; readonly compression: number } = { maxBackpressure: RELAY_BACKPRESSURE_BYTES, compression: 0 }

const uws = nativeUws('socket.io-uws')
const app = uws.App()
socketIoRelay().attachApp(app, TIER)
app.listen('127.0.0.1', 0, (listening) => {
  // False, not undefined, when it failed.
  if (!listening) process.exit(1)
  tellParent({ kind: 'listening', address: `ws://127.0.0.1:${String(uws.us_socket_local_port(listening))}` })
  reportEventLoop()
})
