// A relay on plain ws: what most Node servers are made of. Same protocol as the raw-uws relay, nothing stored. Started only when asked for.
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import {
  RELAY_BACKPRESSURE_BYTES, RELAY_HEADER_BYTES, RELAY_MESSAGE_BYTES_MAX, RELAY_OPERATION, RELAY_SUBSCRIBED, RELAY_WELCOME,
} from '../drivers/relay-protocol.js'
import { reportEventLoop, tellParent } from './peer-parent.js'

const clients = new Map<number, WebSocket>()
const topics = new Map<number, Set<WebSocket>>()

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: RELAY_MESSAGE_BYTES_MAX, skipUTF8Validation: true })
server.on('connection', (socket, request) => {
  const id = Number(new URL(request.url ?? '/', 'ws://relay').searchParams.get('id'))
  clients.set(id, socket)
  socket.on('message', (message: Buffer) => {
    const [target, payload] = [message.readUInt32BE(1), message.subarray(RELAY_HEADER_BYTES)]
    switch (message[0]) {
      case RELAY_OPERATION.toClient:
        handOn(clients.get(target), payload)
        return
      case RELAY_OPERATION.toTopic:
        for (const member of topics.get(target) ?? []) if (member !== socket) handOn(member, payload)
        return
      case RELAY_OPERATION.subscribe:
        topics.set(target, (topics.get(target) ?? new Set()).add(socket))
        socket.send(Uint8Array.of(RELAY_SUBSCRIBED))
        return
      default:
        socket.terminate()
    }
  })
  // 'close' follows and says what there is to do.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    if (clients.get(id) === socket) clients.delete(id)
    for (const members of topics.values()) members.delete(socket)
  })
  socket.send(Uint8Array.of(RELAY_WELCOME))
})
server.on('listening', () => {
  // A server on TCP has such an address once it listens.
  tellParent({ kind: 'listening', address: `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}` })
  reportEventLoop()
})

function handOn(socket: WebSocket | undefined, payload: Uint8Array): void {
  if (socket === undefined) return
  if (socket.bufferedAmount > RELAY_BACKPRESSURE_BYTES) socket.terminate()
  else socket.send(payload)
}
