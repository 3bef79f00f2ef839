import { randomBytes } from 'node:crypto'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Socket, SocketClose, SocketFactory } from './socket.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function listen(onSocket: (socket: WebSocket) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', onSocket)
  await new Promise((resolve) => server.once('listening', resolve))
  closers.push(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  // ws types the address of a pipe too; this server listens on a port.
  return `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

interface Listening { socket: Socket; messages: Uint8Array[]; texts: () => number; opened: Promise<void>; closed: Promise<SocketClose> }
function connect(factory: SocketFactory, url: string, messageBytesMax = 1_000): Listening {
  const messages: Uint8Array[] = []
  let texts = 0
  let opened: () => void = () => undefined
  let closed: (close: SocketClose) => void = () => undefined
  const openedPromise = new Promise<void>((resolve) => { opened = resolve })
  const closedPromise = new Promise<SocketClose>((resolve) => { closed = resolve })
  const events = { onOpen: opened, onMessage: (bytes: Uint8Array) => { messages.push(bytes) }, onText: () => { texts++ }, onClose: closed }
  const socket = factory.open(url, events, messageBytesMax)
  closers.push(() => { socket.close(1000) })
  return { socket, messages, texts: () => texts, opened: openedPromise, closed: closedPromise }
}

/** What an adapter gives to the suite. */
export interface SocketSuite {
  readonly factory: SocketFactory
  /** The platform keeps a closing handshake open for as long as it likes. */
  readonly slowClose?: boolean
}

/** The claims that every {@link SocketFactory} keeps, against a real server. */
export function describeSockets(name: string, { factory, slowClose = false }: SocketSuite): void {
  describe(`sockets: ${name}`, () => {
    it('carry whole binary messages both ways, in order', async () => {
      const url = await listen((socket) => { socket.on('message', (data: Buffer) => { socket.send(data) }) })
      const { socket, messages, opened } = connect(factory, url)
      await opened
      const sent = Array.from({ length: 50 }, (_, index) => new Uint8Array(randomBytes(index + 1)))
      for (const bytes of sent) socket.send(bytes)
      while (messages.length < sent.length) await new Promise((resolve) => { setTimeout(resolve, 5) })
      expect(messages).toEqual(sent)
      expect(messages.every((bytes) => bytes.buffer.byteLength === bytes.length)).toBe(true)
      expect(socket.bufferedBytes).toBe(0)
    })

    it('pass the close code on, and tell text apart', async () => {
      const url = await listen((socket) => {
        socket.send('text')
        socket.close(4009)
      })
      const { closed, texts } = connect(factory, url)
      expect(await closed).toEqual({ code: 4009 })
      expect(texts()).toBe(1)
    })

    it('end at a message above the limit, which is not handed over', async () => {
      const url = await listen((socket) => { socket.send(new Uint8Array(1_001)) })
      const { closed, messages } = connect(factory, url)
      await closed
      expect(messages).toEqual([])
    })

    it('close as never opened when nobody listens, and for a URL that is none', async () => {
      expect(await connect(factory, 'ws://127.0.0.1:1').closed).toEqual({ code: 1006 })
      expect(await connect(factory, 'not a url').closed).toEqual({ code: 1006 })
    })

    it('follow no redirect', async () => {
      const server = createTcpServer((socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n'))
      await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
      closers.push(() => { server.close() })
      expect(await connect(factory, `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}`).closed).toEqual({ code: 1006 })
    })

    it.skipIf(slowClose)('are torn down a second after close when the other side is gone', async () => {
      const url = await listen((socket) => { socket.pause() })
      const { socket, opened, closed } = connect(factory, url)
      await opened
      const startedAt = performance.now()
      socket.close(1000)
      await closed
      expect(performance.now() - startedAt).toBeLessThan(2_500)
    })
  })
}
