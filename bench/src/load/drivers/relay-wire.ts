import { inTime } from './in-time.js'
import type { OpenWire } from './peer-wire.js'
import { RELAY_HEADER_BYTES, RELAY_OPERATION, RELAY_SUBSCRIBED, RELAY_WELCOME, relayMessage } from './relay-protocol.js'
import { WireSocket } from './wire-socket.js'

/** A client of a relay that was made for this harness (`peers/`): no accounts, no acknowledgements, no store. */
export const openRelayWire: OpenWire = async ({ address, id, events }) => {
  const subscribed: (() => void)[] = []
  const socket = new WireSocket(`${address}/?id=${String(id)}`, events, {
    onMessage: (data) => {
      if (data.length > 1) events.delivered(data)
      else if (data[0] === RELAY_WELCOME) socket.ready()
      else if (data[0] === RELAY_SUBSCRIBED) subscribed.shift()?.()
    },
  })
  await socket.opened()
  return {
    subscribe: (topic) => inTime('subscribe', new Promise<void>((resolve) => {
      subscribed.push(resolve)
      socket.send(relayMessage(RELAY_OPERATION.subscribe, topic))
    })),
    // Nothing is acknowledged and nothing refused: a relay takes or ends the socket.
    conversation: ({ kind, number }) => {
      const operation = kind === 'client' ? RELAY_OPERATION.toClient : RELAY_OPERATION.toTopic
      // Payloads of a run have one length: one message, filled in for each of them.
      let message = relayMessage(operation, number)
      return {
        send: (payload) => {
          if (message.length === RELAY_HEADER_BYTES + payload.length) message.set(payload, RELAY_HEADER_BYTES)
          else message = relayMessage(operation, number, payload)
          socket.send(message)
        },
      }
    },
    close: () => { socket.close() },
  }
}
