import { CLOSE_CODES } from '@evegram/protocol'
import { expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import type { Socket, SocketHandlers, SocketServer, SocketServerOptions } from './socket-server.js'

/** What the recorder of the suite saw; handlers given to the run are called besides. */
export interface SeenByTier {
  readonly opened: Socket[]
  readonly messages: Uint8Array[]
  readonly closed: { readonly socket: Socket; readonly code: number }[]
  texts: number
  drained: number
}

/** A tier that listens. */
export interface RunningTier {
  readonly server: SocketServer
  readonly port: number
  readonly seen: SeenByTier
}

/** `outboundBytesMax` of the suite, where a test does not say another. */
const BOUND_BYTES = 1_048_576

/** What the suite of a socket server lends to this part of it. */
export interface SocketTopicsSuite {
  readonly run: (options?: Partial<SocketServerOptions>, handlers?: Partial<SocketHandlers>) => Promise<RunningTier>
  readonly open: (port: number) => Promise<WebSocket>
  readonly closeOf: (client: WebSocket) => Promise<{ readonly code: number; readonly reason: string }>
  readonly until: (what: string, condition: () => boolean) => Promise<void>
}

/** The promises of {@link SocketServer} about topics. */
export function describeSocketTopics({ run, open, closeOf, until }: SocketTopicsSuite): void {
  it('publishes to the open sockets that are subscribed, each message once and in order', async () => {
    const { server, port, seen } = await run()
    const received: number[][] = []
    for (let index = 0; index < 3; index++) {
      const numbers: number[] = []
      received.push(numbers)
      const client = await open(port)
      client.on('message', (data: Buffer) => { numbers.push(data.readUInt32BE(0)) })
      await until('the socket', () => seen.opened.length === index + 1)
    }
    const [first, second, third] = seen.opened
    const bytes = Buffer.alloc(20_000)
    const publish = (topic: string, number: number): void => {
      bytes.writeUInt32BE(number)
      server.publish(topic, bytes.subarray(0, number % 2 === 0 ? 20_000 : 4))
      bytes.fill(0xff)
    }
    publish('one', 0)
    for (const socket of [first, first, second]) socket?.subscribe('one')
    for (const socket of [second, third]) socket?.subscribe('two')
    for (let number = 1; number <= 50; number++) publish('one', number)
    for (let number = 101; number <= 150; number++) publish('two', number)
    second?.unsubscribe('one')
    third?.unsubscribe('one')
    publish('one', 51)
    publish('two', 151)
    publish('nobody', 999)
    const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)
    await until('the last message of each', () => received[0]?.at(-1) === 51 && received[1]?.at(-1) === 151 && received[2]?.at(-1) === 151)
    expect(received[0]).toEqual(span(1, 51))
    // No order is promised between topics, and none is lost or doubled.
    expect([received[1]?.filter((number) => number < 100), received[1]?.filter((number) => number > 100)]).toEqual([span(1, 50), span(101, 151)])
    expect(received[2]).toEqual(span(101, 151))
  })

  it('publishes nothing to a socket that closed, and takes no subscription of it', async () => {
    const { server, port, seen } = await run({}, { message: (socket) => { socket.close('replaced') } })
    const client = await open(port)
    await until('the socket', () => seen.opened.length === 1)
    const [socket] = seen.opened
    socket?.subscribe('one')
    const closed = closeOf(client)
    const received: Buffer[] = []
    client.on('message', (data: Buffer) => { received.push(data) })
    client.send(Buffer.of(1))
    await until('the close', () => seen.closed.length === 1)
    socket?.subscribe('one')
    socket?.unsubscribe('two')
    server.publish('one', Buffer.of(2))
    expect((await closed).code).toBe(CLOSE_CODES.replaced.code)
    expect(received).toEqual([])
  })

  it('leaves nothing out for a subscriber that stops reading for a while and goes on below its bound, nor changes the order', async () => {
    const { server, port, seen } = await run({ outboundBytesMax: 4_194_304 })
    const [slow, quick] = [await open(port), await open(port)]
    const received: number[][] = [[], []]
    for (const [index, client] of [slow, quick].entries()) client.on('message', (data: Buffer) => { received[index]?.push(data.readUInt32BE(0)) })
    await until('both sockets', () => seen.opened.length === 2)
    for (const socket of seen.opened) for (const topic of ['one', 'two']) socket.subscribe(topic)
    let published = 0
    const message = Buffer.alloc(30_000)
    const publish = (): void => {
      message.writeUInt32BE(++published)
      server.publish(published % 3 === 0 ? 'two' : 'one', message.subarray(0, published % 5 === 0 ? 4 : message.length))
    }
    for (let round = 0; round < 2; round++) {
      slow.pause()
      // The kernel takes some megabytes of its own before anything waits here.
      for (let tried = 0; tried < 2_000 && (seen.opened[0]?.bufferedBytes() ?? 0) < 1_000_000; tried++) {
        for (let index = 0; index < 3; index++) publish()
        await until('the other subscriber', () => received[1]?.length === published)
      }
      expect(seen.opened[0]?.bufferedBytes()).toBeGreaterThanOrEqual(1_000_000)
      slow.resume()
      await until('what waited', () => received[0]?.length === published)
      for (let index = 0; index < 20; index++) publish()
      await until('what came behind', () => received.every((numbers) => numbers.length === published))
    }
    const ofTopic = (numbers: readonly number[], isTwo: boolean): number[] => numbers.filter((number) => (number % 3 === 0) === isTwo)
    const all = Array.from({ length: published }, (_, index) => index + 1)
    for (const numbers of received) for (const isTwo of [false, true]) expect(ofTopic(numbers, isTwo)).toEqual(ofTopic(all, isTwo))
    expect(seen.closed).toEqual([])
  })

  it('holds no more for a subscriber that never reads than its bound, whatever it is sent beside', async () => {
    const { server, port, seen } = await run()
    const deaf = await open(port)
    deaf.pause()
    await until('the socket', () => seen.opened.length === 1)
    const [socket] = seen.opened
    for (const topic of ['one', 'two', 'three']) socket?.subscribe(topic)
    const message = new Uint8Array(9_000)
    let [largest, rounds] = [0, 0]
    for (; rounds < 2_000 && seen.closed.length === 0; rounds++) {
      for (const topic of ['one', 'two', 'three']) server.publish(topic, message)
      if (rounds % 4 === 0) socket?.send(message)
      await new Promise((resolve) => { setImmediate(resolve) })
      largest = Math.max(largest, socket?.bufferedBytes() ?? 0)
    }
    expect(seen.closed.map(({ code }) => code)).toEqual([CLOSE_CODES.slowConsumer.code])
    expect(largest).toBeGreaterThan(BOUND_BYTES / 2)
    expect(largest).toBeLessThanOrEqual(BOUND_BYTES)
  })

  it('closes a subscriber that never reads as a slow consumer, before anything is missing, others unharmed', async () => {
    const { server, port, seen } = await run()
    const deaf = await open(port)
    deaf.pause()
    const reader = await open(port)
    let read = 0
    reader.on('message', () => { read++ })
    await until('both sockets', () => seen.opened.length === 2)
    for (const socket of seen.opened) socket.subscribe('one')
    const message = new Uint8Array(50_000)
    let published = 0
    while (published < 2_000 && seen.closed.length === 0) {
      server.publish('one', message)
      published++
      // The reader is in the same process: it gets its turn.
      await until('the reader', () => read === published)
    }
    expect(seen.closed.map(({ socket, code }) => [socket.id, code])).toEqual([[seen.opened[0]?.id, CLOSE_CODES.slowConsumer.code]])
    let received = 0
    deaf.on('message', () => { received++ })
    const closed = closeOf(deaf)
    deaf.resume()
    expect(await closed).toEqual({ code: CLOSE_CODES.slowConsumer.code, reason: CLOSE_CODES.slowConsumer.text })
    // The message that found no room is the one that closed the socket.
    expect(received).toBe(published - 1)
    server.publish('one', message)
    await until('the message behind the close', () => read === published + 1)
  })
}
