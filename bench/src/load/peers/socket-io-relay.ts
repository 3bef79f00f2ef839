import { Server, type Socket } from 'socket.io'
import { RELAY_MESSAGE_BYTES_MAX } from '../drivers/relay-protocol.js'
import { SOCKET_IO_EVENT, SOCKET_IO_PATH } from '../drivers/socket-io-protocol.js'

/** A Socket.IO server on its websocket transport that hands on what clients send each other and stores nothing; as its documentation advises, for speed. */
export function socketIoRelay(): Server {
  const server = new Server({
    path: SOCKET_IO_PATH, transports: ['websocket'], serveClient: false, perMessageDeflate: false, httpCompression: false, maxHttpBufferSize: RELAY_MESSAGE_BYTES_MAX,
  })
  const clients = new Map<number, Socket>()
  server.on('connection', (socket) => {
    const id = Number(socket.handshake.query['id'])
    clients.set(id, socket)
    socket.on(SOCKET_IO_EVENT.toClient, (to: number, payload: string) => { clients.get(to)?.emit(SOCKET_IO_EVENT.delivery, payload) })
    socket.on(SOCKET_IO_EVENT.toTopic, (topic: number, payload: string) => { socket.to(String(topic)).emit(SOCKET_IO_EVENT.delivery, payload) })
    socket.on(SOCKET_IO_EVENT.subscribe, async (topic: number, answer: () => void) => {
      await socket.join(String(topic))
      answer()
    })
    socket.on('disconnect', () => { if (clients.get(id) === socket) clients.delete(id) })
  })
  return server
}
