// The limit of the runtime: a relay on uWebSockets.js that stores nothing, checks nothing and promises nothing. Started only when asked for.
import type * as Uws from 'uWebSockets.js'
import {
  RELAY_BACKPRESSURE_BYTES, RELAY_HEADER_BYTES, RELAY_MESSAGE_BYTES_MAX, RELAY_OPERATION, RELAY_SUBSCRIBED, RELAY_WELCOME,
} from '../drivers/relay-protocol.js'
import { nativeUws } from './native-uws.js'
import { reportEventLoop, tellParent } from './peer-parent.js'

interface ClientData {
  readonly id: number
}

const uws = nativeUws('raw-uws')
const clients = new Map<number, Uws.WebSocket<ClientData>>()
const WELCOME = Uint8Array.of(RELAY_WELCOME)
const SUBSCRIBED = Uint8Array.of(RELAY_SUBSCRIBED)

uws.App().ws<ClientData>('/*', {
  compression: 0, maxPayloadLength: RELAY_MESSAGE_BYTES_MAX, idleTimeout: 0, maxBackpressure: RELAY_BACKPRESSURE_BYTES,
  closeOnBackpressureLimit: 1,
  upgrade: (response, request, context) => {
    const id = Number(new URLSearchParams(request.getQuery()).get('id'))
    response.upgrade(
      { id }, request.getHeader('sec-websocket-key'), request.getHeader('sec-websocket-protocol'), request.getHeader('sec-websocket-extensions'), context,
    )
  },
  open: (socket) => {
    clients.set(socket.getUserData().id, socket)
    socket.send(WELCOME, true)
  },
  message: (socket, message) => {
    const target = new DataView(message).getUint32(1)
    switch (new Uint8Array(message, 0, 1)[0]) {
      case RELAY_OPERATION.toClient:
        clients.get(target)?.send(new Uint8Array(message, RELAY_HEADER_BYTES), true)
        return
      case RELAY_OPERATION.toTopic:
        socket.publish(String(target), new Uint8Array(message, RELAY_HEADER_BYTES), true)
        return
      case RELAY_OPERATION.subscribe:
        socket.subscribe(String(target))
        socket.send(SUBSCRIBED, true)
        return
      default:
        socket.close()
    }
  },
  close: (socket) => {
    const { id } = socket.getUserData()
    if (clients.get(id) === socket) clients.delete(id)
  },
}).listen('127.0.0.1', 0, (listening) => {
  // False, not undefined, when it failed.
  if (!listening) process.exit(1)
  tellParent({ kind: 'listening', address: `ws://127.0.0.1:${String(uws.us_socket_local_port(listening))}` })
  reportEventLoop()
})
