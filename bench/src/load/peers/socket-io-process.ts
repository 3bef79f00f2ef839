// Socket.IO on ws, its default. Started only when asked for.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { reportEventLoop, tellParent } from './peer-parent.js'
import { socketIoRelay } from './socket-io-relay.js'

const server = createServer()
socketIoRelay().attach(server)
server.listen(0, '127.0.0.1', () => {
  // A server on TCP has such an address once it listens.
  tellParent({ kind: 'listening', address: `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}` })
  reportEventLoop()
})
