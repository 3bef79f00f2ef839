import { connect, type Socket as TcpSocket } from 'node:net'
import { CLOSE_CODES, isEvegramError, type CloseReason } from '@evegram/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { CLOSE_GRACE_MS, SOCKET_PATH, type SocketHandlers, type SocketServer, type SocketServerOptions } from './socket-server.js'
import { describeSocketTopics, type RunningTier, type SeenByTier } from './socket-topics.contract.js'

/** What an adapter may declare that it does not do: `unmasked` takes frames without a mask, which RFC 6455 section 5.1 tells servers to refuse. */
export type SocketServerGap = 'unmasked'

const HOST = 'chat.test'
const ORIGIN = 'https://chat.test'
const MIB = 1_048_576

const OPTIONS: SocketServerOptions = {
  host: '127.0.0.1', port: 0, messageBytesMax: 65_536, outboundBytesMax: MIB, idleTimeoutMs: 60_000, connectionsMax: 1_000,
  allowedHosts: [HOST, '127.0.0.1:*'], allowedOrigins: [ORIGIN],
}

/** Resolves once `condition` holds; fails with what was waited for after `timeoutMs`. */
async function until(what: string, condition: () => boolean, timeoutMs = 8_000): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; !condition();) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 5) })
  }
}

/**
 * The promises of {@link SocketServer}, hostile peers included, run by every adapter over real sockets. `create` makes a tier that does not
 * listen yet.
 */
export function describeSocketServer(adapter: {
  readonly name: string
  readonly create: (options: SocketServerOptions) => SocketServer
  readonly gaps?: readonly SocketServerGap[]
}): void {
  const gaps = adapter.gaps ?? []

  describe(`SocketServer: ${adapter.name}${gaps.length === 0 ? '' : ` (gaps: ${gaps.join(', ')})`}`, () => {
    const cleanups: (() => Promise<void> | void)[] = []
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    })

    async function run(options: Partial<SocketServerOptions> = {}, handlers: Partial<SocketHandlers> = {}): Promise<RunningTier> {
      const seen: SeenByTier = { opened: [], messages: [], closed: [], texts: 0, drained: 0 }
      const server = adapter.create({ ...OPTIONS, ...options })
      const port = await server.listen({
        opened: (socket) => { seen.opened.push(socket); handlers.opened?.(socket) },
        message: (socket, bytes) => { seen.messages.push(bytes.slice()); handlers.message?.(socket, bytes) },
        text: (socket) => { seen.texts++; handlers.text?.(socket) },
        drained: (socket) => { seen.drained++; handlers.drained?.(socket) },
        closed: (socket, code) => { seen.closed.push({ socket, code }); handlers.closed?.(socket, code) },
      })
      cleanups.push(() => server.close())
      return { server, port, seen }
    }

    function dial(port: number, headers: Record<string, string> = {}, path: string = SOCKET_PATH): WebSocket {
      const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host: HOST, ...headers }, perMessageDeflate: true })
      client.on('error', () => { /* what became of it is read from close or unexpected-response */ })
      cleanups.push(() => { client.terminate() })
      return client
    }

    async function open(port: number): Promise<WebSocket> {
      const client = dial(port)
      await new Promise<void>((resolve, reject) => {
        client.once('open', resolve)
        client.once('error', reject)
      })
      return client
    }

    const closeOf = (client: WebSocket): Promise<{ code: number; reason: string }> =>
      new Promise((resolve) => { client.once('close', (code, reason) => { resolve({ code, reason: reason.toString() }) }) })

    const statusOf = (client: WebSocket): Promise<number | undefined> => new Promise((resolve, reject) => {
      client.once('unexpected-response', (request, response) => {
        resolve(response.statusCode)
        request.destroy()
      })
      client.once('open', () => { reject(new Error('was upgraded')) })
    })

    /** A peer that speaks bytes: upgraded, then left alone. */
    async function dialRaw(port: number): Promise<TcpSocket> {
      const tcp = connect(port, '127.0.0.1')
      tcp.on('error', () => { /* resets are expected */ })
      cleanups.push(() => { tcp.destroy() })
      tcp.write(`GET ${SOCKET_PATH} HTTP/1.1\r\nHost: ${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
        + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
      await new Promise<void>((resolve) => { tcp.once('data', () => { resolve() }) })
      return tcp
    }

    it('hands messages up in order, also empty ones, and echoes bytes unchanged', async () => {
      const { port, seen } = await run({}, { message: (socket, bytes) => { socket.send(bytes) } })
      const client = await open(port)
      const echoed: Buffer[] = []
      client.on('message', (data: Buffer, isBinary) => { if (isBinary) echoed.push(data) })
      const sent = Array.from({ length: 200 }, (_, index) => Buffer.alloc(index * 31, index))
      for (const message of sent) client.send(message)
      await until('all echoes', () => echoed.length === sent.length)
      expect(Buffer.concat(echoed).equals(Buffer.concat(sent))).toBe(true)
      expect(echoed.map((message) => message.length)).toEqual(sent.map((message) => message.length))
      expect(seen.messages).toHaveLength(200)
    })

    it('takes its bytes at once: a caller may reuse them after send', async () => {
      const scratch = new Uint8Array(20_000)
      const { port } = await run({}, {
        opened: (socket) => {
          for (let round = 0; round < 20; round++) {
            scratch.fill(round)
            socket.send(scratch)
          }
          scratch.fill(255)
        },
      })
      const received: number[] = []
      const client = dial(port)
      client.on('message', (data: Buffer) => { received.push(data.every((byte) => byte === data[0]) ? (data[0] ?? -1) : -1) })
      await until('twenty messages', () => received.length === 20)
      expect(received).toEqual(Array.from({ length: 20 }, (_, round) => round))
    })

    it('keeps the order of corked sends, and of those around them', async () => {
      const { port } = await run({}, {
        opened: (socket) => {
          socket.send(Uint8Array.of(1))
          socket.cork(() => { for (let byte = 2; byte <= 60; byte++) socket.send(new Uint8Array(1_000).fill(byte)) })
          socket.send(Uint8Array.of(61))
        },
      })
      const received: number[] = []
      dial(port).on('message', (data: Buffer) => { received.push(data[0] ?? -1) })
      await until('all messages', () => received.length === 61)
      expect(received).toEqual(Array.from({ length: 61 }, (_, index) => index + 1))
    })

    it('gives every socket its own id and the address of its peer', async () => {
      const { port, seen } = await run()
      await Promise.all([open(port), open(port), open(port)])
      await until('three sockets', () => seen.opened.length === 3)
      expect(new Set(seen.opened.map((socket) => socket.id)).size).toBe(3)
      expect(seen.opened.map((socket) => socket.remoteAddress)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1'])
    })

    it('reports a text message and leaves the socket open', async () => {
      const { port, seen } = await run()
      const client = await open(port)
      client.send('hello')
      client.send(Buffer.of(1))
      await until('the message behind the text', () => seen.messages.length === 1)
      expect([seen.texts, seen.closed.length]).toEqual([1, 0])
    })

    it.each(Object.keys(CLOSE_CODES) as CloseReason[])('tells the peer code and text of %s', async (reason) => {
      const { port, seen } = await run({}, { message: (socket) => { socket.close(reason) } })
      const client = await open(port)
      const closed = closeOf(client)
      client.send(Buffer.of(1))
      expect(await closed).toEqual({ code: CLOSE_CODES[reason].code, reason: CLOSE_CODES[reason].text })
      expect(seen.closed.map(({ code }) => code)).toEqual([CLOSE_CODES[reason].code])
    })

    it('calls closed once, before close returns; the socket then sends nothing and holds nothing', async () => {
      const results: unknown[] = []
      const { port, seen } = await run({}, {
        message: (socket) => {
          socket.cork(() => {
            socket.send(Uint8Array.of(7))
            socket.close('replaced')
            results.push(seen.closed.length, socket.send(Uint8Array.of(8)), socket.bufferedBytes())
            socket.close('internal')
          })
          socket.cork(() => { results.push('ran') })
        },
      })
      const client = await open(port)
      const received: Buffer[] = []
      client.on('message', (data: Buffer) => { received.push(data) })
      const closed = closeOf(client)
      client.send(Buffer.of(1))
      client.send(Buffer.of(2))
      expect((await closed).code).toBe(CLOSE_CODES.replaced.code)
      expect(results).toEqual([1, 'closed', 0, 'ran'])
      expect(Buffer.concat(received)).toEqual(Buffer.of(7))
      expect(seen.closed).toHaveLength(1)
      expect(seen.messages).toHaveLength(1)
    })

    it('reports the code of a peer that closes, and 1006 for one that vanishes', async () => {
      const { port, seen } = await run()
      const [polite, rude] = [await open(port), await open(port)]
      polite.close(4321, 'bye')
      await until('the goodbye', () => seen.closed.length === 1)
      rude.terminate()
      await until('the loss', () => seen.closed.length === 2)
      expect(seen.closed.map(({ code }) => code)).toEqual([4321, 1006])
    })

    it('takes a message of the limit and closes on a larger one with tooLarge', async () => {
      const { port, seen } = await run()
      const client = await open(port)
      const closed = closeOf(client)
      client.send(Buffer.alloc(OPTIONS.messageBytesMax))
      client.send(Buffer.alloc(OPTIONS.messageBytesMax + 1))
      expect((await closed).code).toBe(CLOSE_CODES.tooLarge.code)
      expect(seen.messages.map((message) => message.length)).toEqual([OPTIONS.messageBytesMax])
    })

    it.each<readonly [what: string, header: Buffer]>([
      ['one gigabyte', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4])],
      ['more than an integer holds', Buffer.from([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])],
      ...(gaps.includes('unmasked') ? [] : [['a frame without mask', Buffer.from([0x82, 0x01, 9])] satisfies [string, Buffer]]),
      ['reserved bits', Buffer.from([0xf2, 0x81, 0, 0, 0, 0, 9])],
      ['an unknown opcode', Buffer.from([0x83, 0x81, 0, 0, 0, 0, 9])],
    ])('cuts off a peer that declares %s, buffering nothing of what follows', async (_what, header) => {
      const { port, seen } = await run()
      const hostile = await dialRaw(port)
      const bystander = await open(port)
      await until('both sockets', () => seen.opened.length === 2)
      const before = process.memoryUsage()
      let ended = false
      hostile.on('close', () => { ended = true })
      hostile.resume()
      hostile.write(header)
      const flood = Buffer.alloc(MIB)
      for (let sent = 0; sent < 64 && !ended; sent++) await new Promise((resolve) => { hostile.write(flood, resolve) })
      await until('the end of the hostile connection', () => ended)
      const { external, arrayBuffers } = process.memoryUsage()
      expect(external - before.external).toBeLessThan(16 * MIB)
      expect(arrayBuffers - before.arrayBuffers).toBeLessThan(16 * MIB)
      expect(seen.closed).toHaveLength(1)
      expect(seen.messages).toEqual([])
      bystander.send(Buffer.of(5))
      await until('the message of the bystander', () => seen.messages.length === 1)
    })

    it('refuses fragments that add up to more than the limit', async () => {
      const { port, seen } = await run()
      const client = await open(port)
      const closed = closeOf(client)
      for (let part = 0; part < 10; part++) client.send(Buffer.alloc(OPTIONS.messageBytesMax), { fin: false })
      await closed
      expect(seen.messages).toEqual([])
      await until('closed', () => seen.closed.length === 1)
    })

    it('closes a peer that never reads as a slow consumer, holding no more than the bound, others unharmed', async () => {
      const { port, seen } = await run()
      const deaf = await dialRaw(port)
      deaf.pause()
      await until('the socket', () => seen.opened.length === 1)
      const [socket] = seen.opened
      if (socket === undefined) throw new Error('no socket')
      const message = new Uint8Array(50_000)
      let sends = 0
      let largest = 0
      // The kernel takes some megabytes of its own before anything waits here.
      while (sends < 2_000 && socket.send(message) === 'sent') {
        sends++
        largest = Math.max(largest, socket.bufferedBytes())
        if (sends % 20 === 0) await new Promise((resolve) => { setImmediate(resolve) })
      }
      expect(sends).toBeLessThan(2_000)
      expect(largest).toBeGreaterThan(OPTIONS.outboundBytesMax / 2)
      expect(largest).toBeLessThanOrEqual(OPTIONS.outboundBytesMax + message.length)
      expect(seen.closed.map(({ code }) => code)).toEqual([CLOSE_CODES.slowConsumer.code])
      expect([socket.send(message), socket.bufferedBytes()]).toEqual(['closed', 0])
      // It is really cut off, not only forgotten: the peer finds the end of the stream when it reads at last.
      await new Promise((resolve) => { setTimeout(resolve, CLOSE_GRACE_MS + 300) })
      let ended = false
      deaf.on('close', () => { ended = true })
      deaf.resume()
      await until('the end of the stream', () => ended)
      const other = await open(port)
      other.send(Buffer.of(1))
      await until('another peer being served', () => seen.messages.length === 1)
    })

    it('tells slowConsumer to a peer that reads again in time, behind everything that was sent', async () => {
      const { port, seen } = await run()
      const client = await open(port)
      client.pause()
      await until('the socket', () => seen.opened.length === 1)
      const [socket] = seen.opened
      let sends = 0
      while (sends < 2_000 && socket?.send(new Uint8Array(50_000)) === 'sent') {
        sends++
        if (sends % 20 === 0) await new Promise((resolve) => { setImmediate(resolve) })
      }
      let received = 0
      client.on('message', () => { received++ })
      const closed = closeOf(client)
      client.resume()
      expect(await closed).toEqual({ code: CLOSE_CODES.slowConsumer.code, reason: CLOSE_CODES.slowConsumer.text })
      expect(received).toBe(sends)
    })

    it('drops nothing on a socket that stays open and says when it drained', async () => {
      const { port, seen } = await run({ outboundBytesMax: 64 * MIB })
      const client = await open(port)
      client.pause()
      await until('the socket', () => seen.opened.length === 1)
      const [socket] = seen.opened
      const count = 400
      for (let index = 0; index < count; index++) expect(socket?.send(new Uint8Array(50_000).fill(index % 251))).toBe('sent')
      expect(socket?.bufferedBytes()).toBeGreaterThan(0)
      expect(seen.drained).toBe(0)
      const firsts: number[] = []
      client.on('message', (data: Buffer) => { firsts.push(data[0] ?? -1) })
      client.resume()
      await until('all messages', () => firsts.length === count)
      expect(firsts).toEqual(Array.from({ length: count }, (_, index) => index % 251))
      await until('the drained call', () => seen.drained > 0)
      await until('an empty buffer', () => socket?.bufferedBytes() === 0)
    })

    describeSocketTopics({ run, open, closeOf, until })

    it('answers upgrades by their path, Host, Origin', async () => {
      const { port, seen } = await run()
      expect(await statusOf(dial(port, {}, '/other'))).toBe(404)
      expect(await statusOf(dial(port, {}, `${SOCKET_PATH}/more`))).toBe(404)
      expect(await statusOf(dial(port, { host: 'evil.test' }))).toBe(421)
      expect(await statusOf(dial(port, { host: `${HOST}:1` }))).toBe(421)
      expect(await statusOf(dial(port, { origin: 'https://evil.test' }))).toBe(403)
      expect(await statusOf(dial(port, { origin: 'null' }))).toBe(403)
      expect(seen.opened).toEqual([])
      const served = dial(port, { origin: ORIGIN, host: `127.0.0.1:${port}` }, `${SOCKET_PATH}?x=1`)
      await new Promise((resolve) => { served.once('open', resolve) })
    })

    it('answers plain requests without falling over', async () => {
      const { port } = await run()
      expect((await fetch(`http://127.0.0.1:${port}${SOCKET_PATH}`)).status).toBe(426)
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404)
      expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(404)
    })

    it('answers 503 above connectionsMax and serves again when there is room', async () => {
      const { port, seen } = await run({ connectionsMax: 2 })
      const first = await open(port)
      await open(port)
      expect(await statusOf(dial(port))).toBe(503)
      first.close()
      await until('room', () => seen.closed.length === 1)
      await open(port)
    })

    it('takes up neither compression nor a subprotocol', async () => {
      const { port } = await run()
      const client = await open(port)
      expect([client.extensions, client.protocol]).toEqual(['', ''])
    })

    it('closes a silent peer with idle, and not one that is heard, pings included', async () => {
      const { port, seen } = await run({ idleTimeoutMs: 800 })
      const [silent, talker, pinger] = [await open(port), await open(port), await open(port)]
      const talking = setInterval(() => {
        talker.send(Buffer.of(1))
        pinger.ping()
      }, 100)
      cleanups.push(() => { clearInterval(talking) })
      expect((await closeOf(silent)).code).toBe(CLOSE_CODES.idle.code)
      await new Promise((resolve) => { setTimeout(resolve, 1_200) })
      expect(seen.closed).toHaveLength(1)
      expect([talker.readyState, pinger.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN])
    })

    it('refuses a port that is taken', async () => {
      const { port } = await run()
      const second = adapter.create({ ...OPTIONS, port })
      const ignore = (): void => undefined
      const handlers: SocketHandlers = { opened: ignore, message: ignore, text: ignore, drained: ignore, closed: ignore }
      const failure: unknown = await second.listen(handlers).catch((error: unknown) => error)
      expect(isEvegramError(failure, 'invalid.config')).toBe(true)
      await second.close()
    })

    it('stops accepting while open sockets go on', async () => {
      const { server, port, seen } = await run()
      const client = await open(port)
      server.stopAccepting()
      const late = dial(port)
      await new Promise((resolve) => { late.once('close', resolve) })
      expect(seen.opened).toHaveLength(1)
      client.send(Buffer.of(1))
      await until('a message after the end of accepting', () => seen.messages.length === 1)
    })

    it('closes with draining what is left and frees the port', async () => {
      const { server, port, seen } = await run()
      const client = await open(port)
      const closed = closeOf(client)
      await server.close()
      expect((await closed).code).toBe(CLOSE_CODES.draining.code)
      expect(seen.closed.map(({ code }) => code)).toEqual([CLOSE_CODES.draining.code])
      await run({ port })
    })

    it('says in its description which runtime it is', () => {
      expect(adapter.create(OPTIONS).description).toMatch(/^(uWebSockets\.js|ws) because /)
    })
  })
}
