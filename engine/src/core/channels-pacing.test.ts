import { MemoryBroker, ManualClock, silentLogger } from '@evegram/platform'
import { decodeFrames, FRAME_TYPE, LIMITS, type ConversationId } from '@evegram/protocol'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { MemoryChannelLog } from '../adapters/memory/channel-log.js'
import { Topics } from '../adapters/topics.js'
import { Channels } from './channels.js'
import { FakeSocket } from './client.fixture.js'
import { createEngineMetrics } from './metrics.js'
import { OutboundFlush } from './outbound-queue.js'
import { Session } from './session.js'

const channel = 'c'.repeat(32) as ConversationId
const nodeTurn = { defer: (task: () => void) => { setImmediate(task) } }

async function setup(followers: number): Promise<{
  readonly clock: ManualClock
  readonly channels: Channels
  /** Numbers of the posts of each message that the first follower got. */
  readonly messages: () => readonly (readonly number[])[]
  readonly post: (...numbers: readonly number[]) => Promise<void>
  readonly sessions: readonly Session[]
}> {
  const clock = new ManualClock()
  const [bus, topics, metrics] = [new MemoryBroker({ log: silentLogger }).connect(), new Topics<FakeSocket>(), createEngineMetrics()]
  const channels = new Channels({
    clock, turn: nodeTurn, random: { bytes: (length) => new Uint8Array(length) }, bus, topics, channelLog: new MemoryChannelLog(), metrics, log: silentLogger,
  })
  const sockets = Array.from({ length: followers }, () => new FakeSocket(topics))
  const sessions = sockets.map((socket) => new Session({ socket, flush: new OutboundFlush(nodeTurn), challenge: new Uint8Array(32), nowMs: 0, metrics }))
  await Promise.all(sessions.map((session) => channels.follow(session, channel)))
  return {
    clock, channels, sessions,
    messages: () => (sockets[0]?.messages ?? []).map((message) => decodeFrames(message).filter(({ type }) => type === FRAME_TYPE.posted).map(({ body }) => body[0] ?? -1)),
    post: async (...numbers) => {
      await channels.publish(channel, numbers.map((number) => Uint8Array.of(number)))
      for (let round = 0; round < 3; round++) await turn()
    },
  }
}

describe('what comes for the followers of a channel', () => {
  it('in one turn is one message for each, in order', async () => {
    const { post, messages } = await setup(3)
    await post(1, 2, 3)
    await post(4)
    expect(messages()).toEqual([[1, 2, 3], [4]])
  })

  it('goes out at once when many follow and nothing was written a moment ago; what comes right behind it waits, and goes together', async () => {
    const { clock, post, messages } = await setup(1_000)
    await post(1)
    expect(messages()).toEqual([[1]])
    await post(2)
    clock.advance(5)
    await post(3, 4)
    expect(messages()).toEqual([[1]])
    clock.advance(100)
    expect(messages()).toEqual([[1], [2, 3, 4]])
    clock.advance(100)
    await post(5)
    expect(messages()).toEqual([[1], [2, 3, 4], [5]])
  })

  it('goes before the time is over once a full write has come together, with what else came in that turn', async () => {
    const { clock, post, messages } = await setup(1_000)
    const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)
    await post(1)
    await post(...span(2, 16))
    clock.advance(5)
    await post()
    expect(messages()).toEqual([[1]])
    await post(17, 18, 19)
    expect(messages()).toEqual([[1], span(2, 19)])
    // The timer that was planned for them is no write more, and what comes next waits anew.
    await post(20)
    clock.advance(32)
    expect(messages()).toHaveLength(2)
    clock.advance(100)
    expect(messages()).toEqual([[1], span(2, 19), [20]])
  })

  it('waits longer where posts come fast for a while, and no longer than before once they come slowly', async () => {
    const { clock, post, messages } = await setup(1_000)
    const count = (): number => messages().length
    // Ten posts in 35 ms: soon a write has more of them than the eight or nine that fit in there.
    const [everyMs, forMs] = [3.5, 1_400]
    const during = async (perPostMs: number): Promise<number> => {
      const before = count()
      for (let ms = 0; ms < forMs; ms += perPostMs) {
        await post(7)
        clock.advance(perPostMs)
      }
      return count() - before
    }
    const fast = await during(everyMs)
    expect(fast).toBeGreaterThan(forMs / 70 - 2)
    expect(fast).toBeLessThan(forMs / 45)
    await during(20)
    expect(await during(20)).toBeGreaterThan(forMs / 45)
  })

  it('waits for a tenth of a second at most, however many follow', async () => {
    const { clock, post, messages } = await setup(12_000)
    await post(1)
    await post(2)
    clock.advance(99)
    expect(messages()).toEqual([[1]])
    clock.advance(1)
    expect(messages()).toEqual([[1], [2]])
  })

  it('is never more in one message than a frame may have, and all of it comes', async () => {
    const { channels, clock, sessions } = await setup(100)
    const posts = Array.from({ length: 20 }, (_, number) => new Uint8Array(LIMITS.channelPostBytesMax).fill(number))
    await channels.publish(channel, posts)
    for (let round = 0; round < 3; round++) await turn()
    clock.advance(100)
    // The sessions of this suite are on fake sockets.
    const messages = (sessions[0]?.socket as FakeSocket).messages
    expect(Math.max(...messages.map(({ length }) => length))).toBeLessThanOrEqual(LIMITS.frameBytesMax)
    expect(messages.flatMap((message) => decodeFrames(message).map(({ body }) => body[0]))).toEqual(posts.map((_, number) => number))
  })

  it('does not go to whoever begins to follow when all others went', async () => {
    const { clock, channels, post, messages, sessions } = await setup(1_000)
    await post(1)
    await post(2)
    for (const session of sessions) channels.forget(session)
    const [first] = sessions
    if (first !== undefined) await channels.follow(first, channel)
    clock.advance(200)
    expect(messages()).toEqual([[1]])
    await post(3)
    expect(messages()).toEqual([[1], [3]])
  })
})
