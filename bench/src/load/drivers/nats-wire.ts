import { inTime } from './in-time.js'
import { NatsParser } from './nats-parser.js'
import type { Destination, OpenWire } from './peer-wire.js'
import { WireSocket } from './wire-socket.js'

/** Own messages do not come back, and nothing is confirmed that was not asked for. */
const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"echo":false,"headers":false,"no_responders":false,"lang":"evegram-bench","version":"1","protocol":1}\r\n'
const PING = 'PING\r\n'
const PONG = 'PONG\r\n'
const CRLF = Buffer.from('\r\n')

/** A client of a NATS server on its websocket listener: core NATS, at most once. */
export const openNatsWire: OpenWire = async ({ address, id, events }) => {
  const pongs: (() => void)[] = []
  let subscriptions = 0
  const subscribe = (to: Destination): void => { socket.send(`SUB ${subjectOf(to)} ${String(++subscriptions)}\r\n${PING}`) }
  const parser = new NatsParser({
    onInfo: () => {
      if (subscriptions > 0) return
      socket.send(CONNECT)
      subscribe({ kind: 'client', number: id })
      // The answer to the ping behind a subscription says that it is there.
      pongs.push(() => { socket.ready() })
    },
    onPing: () => { socket.send(PONG) },
    onPong: () => { pongs.shift()?.() },
    onError: (text) => { socket.fail(text) },
    onMessage: (payload) => { events.delivered(payload) },
  })
  const socket = new WireSocket(address, events, { onMessage: (data) => { parser.take(data) } })
  await socket.opened()
  return {
    subscribe: (topic, publishesOnly) => (publishesOnly ? Promise.resolve() : inTime('subscribe', new Promise<void>((resolve) => {
      pongs.push(resolve)
      subscribe({ kind: 'topic', number: topic })
    }))),
    conversation: (to) => {
      const head = `PUB ${subjectOf(to)} `
      return { send: (payload) => { socket.send(Buffer.concat([Buffer.from(`${head}${String(payload.length)}\r\n`, 'latin1'), payload, CRLF])) } }
    },
    close: () => { socket.close() },
  }
}

/** Kinds and numbers are ours alone: nothing that a user wrote is in a subject. */
function subjectOf({ kind, number }: Destination): string {
  return `${kind === 'client' ? 'c' : 't'}.${String(number)}`
}
