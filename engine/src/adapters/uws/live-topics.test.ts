import { beforeEach, describe, expect, it } from 'vitest'
import { LiveTopics, UNLOOKED_BYTES_MAX, type LiveSubscriber } from './live-topics.js'

/** A socket whose peer reads or does not, with what uWebSockets.js would do for it. */
class FakeLive implements LiveSubscriber {
  readonly got: string[] = []
  readonly joined = new Set<string>()
  readonly ways: ('topic' | 'send')[] = []
  waiting = 0
  isPressed = false
  isClosed = false

  send(message: Uint8Array): 'sent' | 'closed' {
    if (this.isClosed) return 'closed'
    if (this.waiting === 0) this.isPressed = false
    this.#take('send', message)
    return 'sent'
  }

  looksPressed(): boolean {
    this.isPressed ||= this.waiting > 0
    return this.isPressed
  }

  join(topic: string): void {
    expect(this.joined.has(topic)).toBe(false)
    this.joined.add(topic)
  }

  leave(topic: string): void {
    expect(this.joined.delete(topic)).toBe(true)
  }

  published(message: Uint8Array): void {
    this.#take('topic', message)
  }

  #take(way: 'topic' | 'send', message: Uint8Array): void {
    this.ways.push(way)
    this.got.push(String(message[0]))
  }
}

let sockets: FakeLive[]
let topics: LiveTopics<FakeLive>

beforeEach(() => {
  sockets = Array.from({ length: 3 }, () => new FakeLive())
  topics = new LiveTopics((topic, message) => { for (const socket of sockets) if (socket.joined.has(topic)) socket.published(message) })
})

const one = (): FakeLive => {
  const [socket] = sockets
  if (socket === undefined) throw new Error('no socket')
  return socket
}
const post = (topic: string, number: number, bytes = 1): void => { topics.publish(topic, new Uint8Array(bytes).fill(number)) }

describe('topics of sockets', () => {
  it('are sent by uWebSockets.js to those in which nothing waits, once for each message', () => {
    for (const socket of sockets.slice(0, 2)) for (const topic of ['a', 'a', 'b']) topics.subscribe(socket, topic)
    post('a', 1)
    post('b', 2)
    topics.unsubscribe(one(), 'a')
    topics.unsubscribe(one(), 'a')
    post('a', 3)
    topics.forget(one())
    post('b', 4)
    post('nobody', 5)
    expect(sockets.map(({ got }) => got)).toEqual([['1', '2'], ['1', '2', '3', '4'], []])
    expect(sockets.map(({ joined }) => joined.size)).toEqual([0, 2, 0])
    expect(sockets.flatMap(({ ways }) => ways)).not.toContain('send')
  })

  it('are sent one by one to a socket in which something waits, from before too much is published, and no more once it is empty', () => {
    for (const socket of sockets) for (const topic of ['a', 'b']) topics.subscribe(socket, topic)
    one().waiting = 1
    const bytes = UNLOOKED_BYTES_MAX / 8
    for (let number = 1; number <= 20; number++) post(number % 2 === 0 ? 'a' : 'b', number, bytes)
    expect(one().ways.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => 'topic'))
    expect(one().ways.slice(8)).toEqual(Array.from({ length: 12 }, () => 'send'))
    expect(one().joined.size).toBe(0)
    one().waiting = 0
    for (let number = 21; number <= 24; number++) post(number % 2 === 0 ? 'a' : 'b', number)
    expect(one().ways.slice(20)).toEqual(['send', 'topic', 'topic', 'topic'])
    expect(sockets.map(({ got }) => got)).toEqual(sockets.map(() => Array.from({ length: 24 }, (_, index) => String(index + 1))))
  })

  it('take no more than is looked at in between, by a socket of many topics too', () => {
    const names = Array.from({ length: 40 }, (_, index) => `t${String(index)}`)
    for (const name of names) topics.subscribe(one(), name)
    one().waiting = 1
    let taken = 0
    for (let round = 0; round < 3; round++) {
      for (const name of names) {
        const before = one().ways.length
        post(name, 1, UNLOOKED_BYTES_MAX / 10)
        if (one().ways[before] === 'topic') taken += UNLOOKED_BYTES_MAX / 10
      }
    }
    expect(taken).toBeGreaterThan(UNLOOKED_BYTES_MAX / 2)
    expect(taken).toBeLessThanOrEqual(UNLOOKED_BYTES_MAX)
    expect(one().got).toHaveLength(120)
  })

  it('forget a socket wherever it is, and one that closes while it is sent to', () => {
    for (const socket of sockets) topics.subscribe(socket, 'a')
    for (const socket of sockets) {
      socket.isPressed = true
      topics.pressed(socket)
    }
    expect(sockets.map(({ joined }) => joined.size)).toEqual([0, 0, 0])
    one().waiting = 1
    one().send = () => {
      topics.forget(one())
      return 'closed'
    }
    post('a', 1)
    post('a', 2)
    expect(sockets.map(({ got }) => got)).toEqual([[], ['1', '2'], ['1', '2']])
    expect(one().joined.size).toBe(0)
    // Pressed when it subscribes: it is not sent to by the topic either.
    one().isPressed = true
    topics.subscribe(one(), 'b')
    expect(one().joined.size).toBe(0)
    topics.unsubscribe(one(), 'b')
  })
})
