import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { LeanSocket } from './lean-socket.js'

const WAIT = { timeout: 10_000 }
const servers: { close(): void }[] = []
const sockets: LeanSocket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) server.close()
})

/** A server of another implementation, and what it heard. */
async function startPeer(): Promise<{ readonly url: string; readonly clients: WebSocket[]; readonly heard: string[]; readonly protocols: string[] }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  servers.push(server)
  const [clients, heard, protocols]: [WebSocket[], string[], string[]] = [[], [], []]
  server.on('connection', (client, request) => {
    clients.push(client)
    protocols.push(`${String(request.url)} ${client.protocol}`)
    client.on('message', (data: Buffer, isBinary) => { heard.push(`${isBinary ? 'binary' : 'text'} ${String(data.length)} ${data.subarray(0, 8).toString('hex')}`) })
    client.on('pong', (data: Buffer) => { heard.push(`pong ${data.toString()}`) })
    client.on('close', (code) => { heard.push(`close ${String(code)}`) })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  // A server that listens on a port has an address that is no path.
  return { url: `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}/at?id=7`, clients, heard, protocols }
}

function open(url: string, subprotocols: readonly string[] = []): { readonly socket: LeanSocket; readonly messages: string[]; readonly ends: string[] } {
  const [messages, ends]: [string[], string[]] = [[], []]
  const socket = new LeanSocket({
    url, subprotocols, onMessage: (payload) => {
      if (payload.toString() === 'throw') throw new Error('a message that cannot be read')
      messages.push(`${String(payload.length)} ${payload.subarray(0, 8).toString('hex')}`)
    },
    onEnd: (code, reason) => { ends.push(`${String(code)} ${reason}`) },
  })
  sockets.push(socket)
  return { socket, messages, ends }
}

describe('a lean socket', () => {
  it('says text and bytes in the order in which they were given, and hears what comes', async () => {
    const peer = await startPeer()
    const { socket, messages, ends } = open(peer.url, ['one', 'two'])
    await expect.poll(() => socket.isOpen, WAIT).toBe(true)
    expect(peer.protocols).toEqual(['/at?id=7 one'])
    const bytes = new Uint8Array(200).fill(1)
    socket.send(bytes)
    // It took a copy.
    bytes.fill(2)
    socket.send(bytes)
    socket.send('abc')
    await expect.poll(() => peer.heard, WAIT).toEqual([`binary 200 ${'01'.repeat(8)}`, `binary 200 ${'02'.repeat(8)}`, 'text 3 616263'])
    for (const length of [3, 200, 70_000, 600_000]) peer.clients[0]?.send(Buffer.alloc(length, 5))
    await expect.poll(() => messages, WAIT).toEqual([3, 200, 70_000, 600_000].map((length) => `${String(length)} ${'05'.repeat(Math.min(8, length))}`))
    peer.clients[0]?.ping('are you there')
    await expect.poll(() => peer.heard.at(-1), WAIT).toBe('pong are you there')
    expect(ends).toEqual([])
  })

  it('loses nothing and keeps the order when the peer does not read for a while', async () => {
    const peer = await startPeer()
    const { socket } = open(peer.url)
    await expect.poll(() => socket.isOpen, WAIT).toBe(true)
    peer.clients[0]?.pause()
    const expected: string[] = []
    const send = (count: number): void => {
      for (let left = count; left > 0; left--) {
        const payload = Buffer.alloc(10_000)
        payload.writeUInt32BE(expected.length)
        expected.push(`binary 10000 ${payload.toString('hex', 0, 8)}`)
        socket.send(payload)
      }
    }
    // More than the kernel takes of one socket.
    for (let turn = 0; turn < 20; turn++) {
      send(50)
      await new Promise((resolve) => setImmediate(resolve))
    }
    peer.clients[0]?.resume()
    send(50)
    await expect.poll(() => peer.heard.length, WAIT).toBe(expected.length)
    expect(peer.heard).toEqual(expected)
  })

  it('says once how it ended: by a close frame, by a cut, by what it could not read', async () => {
    const peer = await startPeer()
    const all = [open(peer.url), open(peer.url), open(peer.url)]
    await expect.poll(() => all.every(({ socket }) => socket.isOpen), WAIT).toBe(true)
    await expect.poll(() => peer.clients.length, WAIT).toBe(3)
    peer.clients[0]?.close(4_003, 'slow')
    peer.clients[1]?.terminate()
    peer.clients[2]?.send('throw')
    // Which is which of the peer's three is not known here.
    await expect.poll(() => all.flatMap(({ ends }) => ends).sort(), WAIT).toEqual(['1006 ', '1006 a message that cannot be read', '4003 slow'])
    await expect.poll(() => peer.heard.includes('close 4003'), WAIT).toBe(true)
    for (const { socket } of all) socket.send('late')
    expect(all.flatMap(({ ends }) => ends)).toHaveLength(3)
  })

  it('says nothing of an end from here, and hears nothing any more', async () => {
    const peer = await startPeer()
    const { socket, messages, ends } = open(peer.url)
    await expect.poll(() => socket.isOpen, WAIT).toBe(true)
    peer.clients[0]?.send('soon')
    socket.terminate()
    await expect.poll(() => peer.heard, WAIT).toEqual(['close 1006'])
    expect([messages, ends]).toEqual([[], []])
  })

  it('reads nothing while it is paused, and everything afterwards', async () => {
    const peer = await startPeer()
    const { socket, messages } = open(peer.url)
    await expect.poll(() => socket.isOpen, WAIT).toBe(true)
    socket.pause()
    peer.clients[0]?.send('abc')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(messages).toEqual([])
    socket.resume()
    await expect.poll(() => messages, WAIT).toEqual(['3 616263'])
  })

  it('says why there is no connection: nobody listens, no upgrade, an endless head', async () => {
    const answers = ['HTTP/1.1 426 Upgrade Required\r\n\r\n', `HTTP/1.1 101 ${'x'.repeat(20_000)}`]
    const refused = await Promise.all(answers.map(async (answer) => {
      const server = createServer((socket: Socket) => {
        socket.on('error', () => undefined)
        socket.once('data', () => { socket.write(answer) })
      })
      servers.push(server)
      await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
      return open(`ws://127.0.0.1:${String((server.address() as AddressInfo).port)}/`)
    }))
    const nobody = open('ws://127.0.0.1:1/')
    await expect.poll(() => refused[0]?.ends, WAIT).toEqual(['1006 the upgrade was answered "HTTP/1.1 426 Upgrade Required"'])
    await expect.poll(() => refused[1]?.ends, WAIT).toEqual(['1006 the upgrade was answered ""'])
    await expect.poll(() => nobody.ends, WAIT).toEqual([expect.stringContaining('ECONNREFUSED')])
  })
})
