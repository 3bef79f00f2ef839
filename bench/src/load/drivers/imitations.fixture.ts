// Small imitations of servers whose programs cannot be had here. They know no more of the real ones than their public protocols say, so a driver that passes its
// contract on one is right about the frames, and about nothing else.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Target } from '../targets/target.js'
import type { PeerName } from './driver-names.js'

type OnMessage = (socket: WebSocket, data: Buffer) => void

async function imitation(driver: PeerName, onClient: (socket: WebSocket) => void, onMessage: OnMessage, subprotocol?: string): Promise<Target> {
  const server = new WebSocketServer({
    host: '127.0.0.1', port: 0, perMessageDeflate: false,
    handleProtocols: (offered) => (subprotocol !== undefined && offered.has(subprotocol) ? subprotocol : false),
  })
  server.on('connection', (socket) => {
    onClient(socket)
    socket.on('message', (data: Buffer) => { onMessage(socket, data) })
  })
  await once(server, 'listening')
  const ws = `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}` // it listens on TCP
  return {
    driver, description: `an imitation of ${driver}`, url: ws, ws, pids: [], cost: () => undefined, eventLoopDelayMs: async () => undefined,
    dispose: async () => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    },
  }
}

/** Protobuf with one-byte numbers, which is all that an imitation needs; written apart from the driver's codec, so that a fault of that one shows. */
const field = (number: number, data: Uint8Array): Buffer => Buffer.concat([Buffer.from([number * 8 + 2, data.length]), data])
const frame = (...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(body.length < 128 ? [body.length] : [(body.length % 128) + 128, Math.floor(body.length / 128)]), body])
}
function* fieldsIn(data: Buffer): Generator<readonly [number, number | Buffer]> {
  for (let at = 0; at < data.length;) {
    const tag = data[at++] ?? 0
    let [value, shift] = [0, 0]
    for (let more = true; more; shift += 7) {
      const byte = data[at++] ?? 0
      value += (byte & 127) << shift
      more = byte > 127
    }
    if (tag % 8 === 0) yield [tag >> 3, value]
    else {
      yield [tag >> 3, data.subarray(at, at + value)]
      at += value
    }
  }
}
const idField = (id: number): Buffer => Buffer.from(id < 128 ? [8, id] : [8, (id % 128) + 128, id >> 7])

/** Connects, subscribes, publishes to all subscribers (the publisher too), acknowledges; says a ping first. */
export function centrifugoImitation(): Promise<Target> {
  const channels = new Map<string, Set<WebSocket>>()
  const names = new Map<WebSocket, Buffer>()
  const answer = (socket: WebSocket, id: number, command: number, body: Buffer): void => {
    const parts = new Map([...fieldsIn(body)].filter((one): one is readonly [number, Buffer] => typeof one[1] !== 'number'))
    const channel = (parts.get(1) ?? Buffer.alloc(0)).toString()
    const members = channels.get(channel) ?? new Set<WebSocket>()
    if (command === 4) socket.send(frame(idField(id), field(5, Buffer.concat([field(1, names.get(socket) ?? Buffer.alloc(0)), Buffer.from([7 * 8, 25, 8 * 8, 1])]))))
    else if (command === 5) {
      channels.set(channel, members.add(socket))
      socket.send(frame(idField(id), field(6, Buffer.alloc(0))))
    } else if (command === 7) {
      const publication = Buffer.concat([field(4, parts.get(2) ?? Buffer.alloc(0)), field(5, field(2, names.get(socket) ?? Buffer.alloc(0)))])
      for (const member of members) member.send(frame(field(4, Buffer.concat([field(2, Buffer.from(channel)), field(4, publication)]))))
      socket.send(frame(idField(id), field(8, Buffer.alloc(0))))
    } else socket.send(frame(idField(id), field(2, Buffer.from([8, 100]))))
  }
  return imitation('centrifugo', (socket) => {
    names.set(socket, Buffer.from(`client-${String(names.size)}`))
    socket.send(Buffer.from([0]))
  }, (socket, data) => {
    // One command in each message is what the driver sends.
    const length = (data[0] ?? 0) > 127 ? 2 : 1
    const parts = [...fieldsIn(data.subarray(length))]
    const id = parts.find(([number]) => number === 1)?.[1]
    const command = parts.find(([number]) => number > 1)
    if (typeof id === 'number' && command !== undefined && typeof command[1] !== 'number') answer(socket, id, command[0], command[1])
  }, 'centrifuge-protobuf')
}

/** Signs up and in, makes groups and peer-to-peer topics, and hands on what is published, to the publisher as well unless it wants no echo. */
export function tinodeImitation(): Promise<Target> {
  const tokens = new Map<string, string>()
  const users = new Map<WebSocket, string>()
  const topics = new Map<string, Set<WebSocket>>()
  const nameFor = (socket: WebSocket, topic: string): string => (topic.startsWith('usr') ? [topic, users.get(socket) ?? ''].sort().join('+') : topic)
  return imitation('tinode', () => undefined, (socket, data) => {
    const [[kind, body] = ['', {}]] = Object.entries(JSON.parse(data.toString()) as Record<string, Record<string, string | boolean>>) // what the driver sends
    const text = (name: string): string => String(body[name] ?? '')
    const answer = (code: number, more: object = {}): void => { socket.send(JSON.stringify({ ctrl: { id: body['id'], code, text: 'x', ...more } })) }
    switch (kind) {
      case 'hi': answer(201); return
      case 'acc': {
        const [user, token] = [`usr${String(tokens.size)}`, `token${String(tokens.size)}`]
        tokens.set(token, user)
        answer(200, { params: { user, token } })
        return
      }
      case 'login': {
        const user = tokens.get(text('secret'))
        if (user === undefined) answer(401)
        else {
          users.set(socket, user)
          answer(200)
        }
        return
      }
      case 'sub': {
        const topic = text('topic') === 'new' ? `grp${String(topics.size)}` : text('topic')
        const name = nameFor(socket, topic)
        topics.set(name, (topics.get(name) ?? new Set()).add(socket))
        answer(200, { topic })
        return
      }
      case 'pub': {
        for (const member of topics.get(nameFor(socket, text('topic'))) ?? []) {
          if (member !== socket || body['noecho'] !== true) member.send(JSON.stringify({ data: { topic: body['topic'], from: users.get(socket), content: body['content'] } }))
        }
        answer(202)
        return
      }
      default: answer(400)
    }
  })
}
