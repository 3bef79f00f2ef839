import { decodeAcks, decodeDelivery, decodeFrames, encodeFrame, FRAME_TYPE, LIMITS, positionAtTime, viewEnvelope, type Frame } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleConversation, sampleEnvelope } from '../ports/sample-envelope.contract.js'
import { FakeSocket } from './client.fixture.js'
import { OutboundFlush, OutboundQueue } from './outbound-queue.js'

function setup(): { socket: FakeSocket; queue: OutboundQueue; turn: () => void; turns: () => number; frames: () => Frame[] } {
  const socket = new FakeSocket()
  const tasks: (() => void)[] = []
  let turns = 0
  const flush = new OutboundFlush({ defer: (task) => { tasks.push(task) } })
  return {
    socket,
    queue: new OutboundQueue(socket, flush),
    turn: () => { for (const task of tasks.splice(0)) { turns++; task() } },
    turns: () => turns,
    frames: () => socket.messages.flatMap((message) => decodeFrames(message)),
  }
}
const frame = (bytes: number, value = 0): Uint8Array => encodeFrame(FRAME_TYPE.notice, 0, new Uint8Array(bytes).fill(value))

describe('OutboundQueue', () => {
  it('writes nothing before the end of the turn, and then everything in one message, in order', () => {
    const { socket, queue, turn, turns, frames } = setup()
    queue.frame(frame(3, 1))
    const envelope = sampleEnvelope({ conversation: sampleConversation(1), number: 7 })
    const [body] = viewEnvelope(envelope).bodies
    if (body === undefined) throw new Error('the sample has a body')
    queue.delivery(positionAtTime(5), envelope, body)
    queue.ack(4, positionAtTime(6))
    queue.frame(frame(3, 2))
    queue.ack(5, positionAtTime(7))
    expect(socket.messages).toEqual([])
    turn()
    expect([socket.messages.length, turns()]).toEqual([1, 1])
    expect(frames().map(({ type }) => type)).toEqual([FRAME_TYPE.notice, FRAME_TYPE.deliver, FRAME_TYPE.notice, FRAME_TYPE.ack])
    expect(decodeDelivery(frames()[1]?.body ?? new Uint8Array()).position).toEqual(positionAtTime(5))
    expect(decodeAcks(frames()[3]?.body ?? new Uint8Array())).toEqual([
      { correlation: 4, position: positionAtTime(6) }, { correlation: 5, position: positionAtTime(7) },
    ])
    queue.frame(frame(1))
    turn()
    expect(socket.messages).toHaveLength(2)
  })

  it('never makes a message larger than the largest frame, and cuts between frames', () => {
    const { socket, queue, turn, frames } = setup()
    for (let index = 0; index < 10; index++) queue.frame(frame(100_000, index))
    turn()
    expect(socket.messages.map((message) => message.length)).toEqual([2, 2, 2, 2, 2].map((count) => count * 100_012))
    expect(Math.max(...socket.messages.map((message) => message.length))).toBeLessThanOrEqual(LIMITS.frameBytesMax)
    expect(frames().map(({ body }) => body[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it.each([
    ['behind the last frame when there is room', [200_000, 1_000], [[200_012 + 1_012 + 12 + 60]]],
    ['in a message of their own when there is none', [LIMITS.frameBytesMax - 12 - 40], [[LIMITS.frameBytesMax - 40], [12 + 60]]],
    ['in the last of several messages', [LIMITS.frameBytesMax - 12, 500], [[LIMITS.frameBytesMax], [512 + 12 + 60]]],
  ])('puts acknowledgements %s', (_, bodies, messages) => {
    const { socket, queue, turn, frames } = setup()
    for (const [index, bytes] of bodies.entries()) queue.frame(frame(bytes, index + 1))
    for (let number = 1; number <= 3; number++) queue.ack(number, positionAtTime(number))
    turn()
    expect(socket.messages.map((message) => [message.length])).toEqual(messages)
    expect(frames().map(({ type, body }) => (type === FRAME_TYPE.ack ? decodeAcks(body).map(({ correlation }) => correlation) : body[0]))).toEqual([...bodies.map((_bytes, index) => index + 1), [1, 2, 3]])
  })

  it('hands every socket bytes of its own turn, though all are written in one place', () => {
    const tasks: (() => void)[] = []
    const flush = new OutboundFlush({ defer: (task) => { tasks.push(task) } })
    const sockets = [new FakeSocket(), new FakeSocket()]
    const queues = sockets.map((socket) => new OutboundQueue(socket, flush))
    for (const [index, queue] of queues.entries()) {
      queue.frame(frame(40 - index * 20, index + 1))
      queue.ack(index + 1, positionAtTime(index + 1))
    }
    for (const task of tasks.splice(0)) task()
    for (const [index, socket] of sockets.entries()) {
      const [first, second, ...others] = socket.messages.flatMap((message) => decodeFrames(message))
      expect([first?.body.length, new Set(first?.body), others]).toEqual([40 - index * 20, new Set([index + 1]), []])
      expect(decodeAcks(second?.body ?? new Uint8Array())).toEqual([{ correlation: index + 1, position: positionAtTime(index + 1) }])
    }
  })

  it('closes the socket as a slow consumer when the queue of one turn passes the bound', () => {
    const { socket, queue, turn } = setup()
    for (let index = 0; index < 50; index++) queue.frame(frame(100_000))
    expect(socket.closedBy).toBe('slowConsumer')
    turn()
    expect(socket.messages).toEqual([])
    expect(queue.ended).toBe(true)
  })

  it('stops for ever when the socket is gone', () => {
    const { socket, queue, turn } = setup()
    socket.close('idle')
    queue.frame(frame(1))
    turn()
    expect(queue.ended).toBe(true)
    queue.frame(frame(1))
    turn()
    expect(socket.messages).toEqual([])
  })
})
