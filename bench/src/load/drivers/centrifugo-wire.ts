import { CENTRIFUGO_PONG, CENTRIFUGO_SUBPROTOCOL, decodeReplies, encodeConnect, encodePublish, encodeSubscribe, type CentrifugoReply } from './centrifugo-frames.js'
import type { SendEvents } from './driver.js'
import { inTime } from './in-time.js'
import type { Destination, OpenWire } from './peer-wire.js'
import { WireSocket } from './wire-socket.js'

const PATH = '/connection/websocket'

/** A client of Centrifugo. Every client has a channel that it alone subscribes to; a publication is acknowledged when the server has taken it into memory. */
export const openCentrifugoWire: OpenWire = async ({ address, id, events }) => {
  let commands = 0
  let own = ''
  let wantsPong = false
  const answers = new Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>()
  const inFlight = new Map<number, { readonly token: number; readonly events: SendEvents }>()
  const ask = (encode: (command: number) => Uint8Array): Promise<void> => inTime('answer a command', new Promise<void>((resolve, reject) => {
    const command = ++commands
    answers.set(command, { resolve, reject })
    socket.send(encode(command))
  }))
  const onReply = (reply: CentrifugoReply): void => {
    switch (reply.kind) {
      case 'publication':
        // A publisher that subscribes gets its own as well.
        if (reply.client === '' || reply.client !== own) events.delivered(reply.data)
        return
      case 'ping':
        if (wantsPong) socket.send(CENTRIFUGO_PONG)
        return
      case 'connected':
        ({ client: own, wantsPong } = reply)
        ask((command) => encodeSubscribe(command, channelOf({ kind: 'client', number: id }))).then(() => { socket.ready() }, (error: unknown) => { socket.fail(String(error)) })
        return
      case 'done': {
        const sent = inFlight.get(reply.id)
        inFlight.delete(reply.id)
        sent?.events.acknowledged(sent.token)
        answers.get(reply.id)?.resolve()
        answers.delete(reply.id)
        return
      }
      case 'error': {
        const [sent, answer, reason] = [inFlight.get(reply.id), answers.get(reply.id), `error ${String(reply.code)} ${reply.message}`]
        inFlight.delete(reply.id)
        answers.delete(reply.id)
        sent?.events.refused(sent.token, reason)
        answer?.reject(new Error(reason))
        if (sent === undefined && answer === undefined) socket.fail(reason)
        return
      }
      case 'ended': socket.fail(`${reply.channel === '' ? 'disconnected' : `unsubscribed from ${reply.channel}`}: ${String(reply.code)} ${reply.reason}`); return
      // Joins and leaves, which nobody asked for.
      case 'other': return
      default: reply satisfies never
    }
  }
  const socket = new WireSocket(`${address}${PATH}`, events, {
    subprotocols: [CENTRIFUGO_SUBPROTOCOL], onOpen: () => { socket.send(encodeConnect(++commands)) },
    onMessage: (data) => { for (const reply of decodeReplies(data)) onReply(reply) },
  })
  await socket.opened()
  return {
    subscribe: (topic, publishesOnly) => (publishesOnly ? Promise.resolve() : ask((command) => encodeSubscribe(command, channelOf({ kind: 'topic', number: topic })))),
    conversation: (to, sendEvents) => {
      const channel = channelOf(to)
      return {
        send: (payload, token) => {
          const command = ++commands
          inFlight.set(command, { token, events: sendEvents })
          socket.send(encodePublish(command, channel, payload))
        },
      }
    },
    close: () => { socket.close() },
  }
}

function channelOf({ kind, number }: Destination): string {
  return `${kind === 'client' ? 'c' : 't'}${String(number)}`
}
