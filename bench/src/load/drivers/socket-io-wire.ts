// Socket.IO over Engine.IO 4 on its websocket transport, by hand: the package's own client would cost the generator more than the server.
import { inTime } from './in-time.js'
import type { OpenWire } from './peer-wire.js'
import { SOCKET_IO_EVENT, SOCKET_IO_PATH } from './socket-io-protocol.js'
import { WireSocket } from './wire-socket.js'

/** Engine.IO packet types, as text. */
const ENGINE = { open: '0'.charCodeAt(0), ping: '2'.charCodeAt(0), message: '4'.charCodeAt(0) } as const
/** Types of Socket.IO packets, behind the Engine.IO type. */
const SOCKET = { connect: '0'.charCodeAt(0), event: '2'.charCodeAt(0), acknowledgement: '3'.charCodeAt(0) } as const
const CONNECT = '40'
const PONG = '3'
/** What stands before and behind the payload in an event as the server sends it. */
const DELIVERY_HEAD = `42["${SOCKET_IO_EVENT.delivery}","`
const DELIVERY_TAIL = '"]'

/** A client of the Socket.IO peers. Payloads are base64 in one text packet: a binary one would be two for each message. */
export const openSocketIoWire: OpenWire = async ({ address, id, events }) => {
  const subscribed: (() => void)[] = []
  const socket = new WireSocket(`${address}${SOCKET_IO_PATH}/?EIO=4&transport=websocket&id=${String(id)}`, events, {
    onMessage: (data) => {
      if (data[0] === ENGINE.open) socket.send(CONNECT)
      else if (data[0] === ENGINE.ping) socket.send(PONG)
      else if (data[0] !== ENGINE.message) socket.fail(`an Engine.IO packet of type ${data.toString('latin1', 0, 1)}`)
      else if (data[1] === SOCKET.event) events.delivered(Buffer.from(data.toString('latin1', DELIVERY_HEAD.length, data.length - DELIVERY_TAIL.length), 'base64'))
      else if (data[1] === SOCKET.connect) socket.ready()
      else if (data[1] === SOCKET.acknowledgement) subscribed.shift()?.()
      else socket.fail(`a Socket.IO packet: ${data.toString('utf8', 0, 100)}`)
    },
  })
  await socket.opened()
  return {
    // With an id of its own the packet asks for an acknowledgement; they come in order.
    subscribe: (topic) => inTime('subscribe', new Promise<void>((resolve) => {
      subscribed.push(resolve)
      socket.send(`421["${SOCKET_IO_EVENT.subscribe}",${String(topic)}]`)
    })),
    conversation: ({ kind, number }) => {
      const head = `42["${kind === 'client' ? SOCKET_IO_EVENT.toClient : SOCKET_IO_EVENT.toTopic}",${String(number)},"`
      return { send: (payload) => { socket.send(`${head}${Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64')}"]`) } }
    },
    close: () => { socket.close() },
  }
}
