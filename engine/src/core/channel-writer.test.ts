import { decodeFrames, emptyChannelState, EvegramError, FRAME_TYPE, hexOf, type ConversationId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryChannelLog } from '../adapters/memory/channel-log.js'
import { answerTo, follow, foundChannel, postNext, sealedPost, sealedRun } from './channel.fixture.js'
import { Channels } from './channels.js'
import { settle } from './cluster.fixture.js'
import { alice, ALICE_PHONE, bob, BOB, cluster, one, restart, SPAN, useScene } from './scene.fixture.js'
import type { TestClient } from './client.fixture.js'

useScene()

/** A log that notes how many posts each append has, and that a test may hold back or let fail. */
class NotedChannelLog extends MemoryChannelLog {
  readonly appends: number[] = []
  failure: EvegramError | undefined
  held: Promise<void> | undefined

  override async append(...args: Parameters<MemoryChannelLog['append']>): ReturnType<MemoryChannelLog['append']> {
    this.appends.push(args[1].length)
    await this.held
    if (this.failure !== undefined) throw this.failure
    return super.append(...args)
  }
}

let log: NotedChannelLog
let channel: ConversationId

beforeEach(async () => {
  log = new NotedChannelLog()
  await restart({ channelLog: log })
  channel = await foundChannel(BOB)
})

afterEach(() => { vi.restoreAllMocks() })

/** Offers all of them before one is answered. */
const offerAll = (client: TestClient, posts: readonly Uint8Array[]): number[] => posts.map((bytes) => client.request(FRAME_TYPE.post, bytes))
const answersTo = (client: TestClient, asked: readonly number[]): readonly (string | number)[] => asked.map((correlation) => answerTo(client, correlation))
const answered = async (client: TestClient, asked: readonly number[]): Promise<readonly (string | number)[]> => {
  for (let step = 0; step < 20 && answersTo(client, asked).includes('silence'); step++) await client.read()
  return answersTo(client, asked)
}

describe('posts that are signed upon each other before one is answered', () => {
  it('are stored in one append, in order, and answered each with its own number and head', async () => {
    const { posts, states } = await sealedRun(alice, emptyChannelState(channel), 12)
    expect(await answered(alice, offerAll(alice, posts))).toEqual(SPAN(1, 12))
    expect(alice.heads.slice(-12).map(({ head }) => hexOf(head))).toEqual(states.map(({ head }) => hexOf(head)))
    expect(await log.read(channel, 0, 64)).toEqual(posts)
    expect(log.appends).toEqual([12])
    expect(one.metrics.posts.value).toBe(12)
  })

  it('go to each follower as one message, each post once and in order', async () => {
    await follow(bob, channel)
    const messages = bob.socket.messages.length
    const { posts } = await sealedRun(alice, emptyChannelState(channel), 12)
    await answered(alice, offerAll(alice, posts))
    await bob.read()
    expect(bob.posted).toEqual(SPAN(1, 12))
    expect(bob.socket.messages.slice(messages).map((message) => decodeFrames(message).length)).toEqual([12])
  })

  it('that come while an append is under way share the next one', async () => {
    const { posts } = await sealedRun(alice, emptyChannelState(channel), 10)
    let release = (): void => undefined
    log.held = new Promise((resolve) => { release = resolve })
    const first = offerAll(alice, posts.slice(0, 1))
    await settle()
    const more = offerAll(alice, posts.slice(1, 4))
    await settle()
    const last = offerAll(alice, posts.slice(4))
    await alice.read()
    expect(answersTo(alice, [...first, ...more, ...last])).toEqual(posts.map(() => 'silence'))
    log.held = undefined
    release()
    expect(await answered(alice, [...first, ...more, ...last])).toEqual(SPAN(1, 10))
    expect(log.appends).toEqual([1, 9])
  })

  it('wait for each other while nobody could be shown them yet, and are stored by one append', async () => {
    vi.spyOn(Channels.prototype, 'gatherMs').mockReturnValue(10)
    const gathered = vi.spyOn(Channels.prototype, 'gathered')
    const { posts } = await sealedRun(alice, emptyChannelState(channel), 4)
    const asked: number[] = []
    for (const post of posts) {
      asked.push(...offerAll(alice, [post]))
      await cluster.clock.advance(3)
    }
    // The first has waited for 12 ms by now, the others for less.
    expect(await answered(alice, asked)).toEqual(SPAN(1, 4))
    expect(log.appends).toEqual([4])
    expect(gathered.mock.calls).toEqual([[channel, 4, 10]])
  })

  it('wait no more once enough have come together, and the time that was planned for them is no append more', async () => {
    vi.spyOn(Channels.prototype, 'gatherMs').mockImplementation((_channel, waiting) => (waiting < 3 ? 10 : 0))
    const { posts } = await sealedRun(alice, emptyChannelState(channel), 6)
    const asked = offerAll(alice, posts.slice(0, 2))
    await cluster.clock.advance(3)
    expect(answersTo(alice, asked)).toEqual(['silence', 'silence'])
    asked.push(...offerAll(alice, posts.slice(2, 4)))
    expect(await answered(alice, asked)).toEqual(SPAN(1, 4))
    const last = offerAll(alice, posts.slice(4, 5))
    await cluster.clock.advance(8)
    expect(answersTo(alice, last)).toEqual(['silence'])
    // Behind the time that was planned for the first ones.
    last.push(...offerAll(alice, posts.slice(5)))
    await cluster.clock.advance(8)
    expect(await answered(alice, last)).toEqual([5, 6])
    expect(log.appends).toEqual([4, 2])
  })

  it('are refused behind one that breaks a rule, and those before it are stored', async () => {
    const { posts, states } = await sealedRun(alice, emptyChannelState(channel), 3)
    const forged = await sealedPost(bob, states[2] ?? emptyChannelState(channel), {}, ALICE_PHONE)
    const behind = await sealedRun(bob, states[2] ?? emptyChannelState(channel), 4)
    expect(await answered(alice, offerAll(alice, posts))).toEqual([1, 2, 3])
    // Bob's second to fourth post are signed upon the first one of his run; another one comes in its place, whose signature is not his.
    expect(await answered(bob, offerAll(bob, [forged, ...behind.posts.slice(1)]))).toEqual(['proof.signature', ...SPAN(1, 3).map(() => 'conflict.channel_head')])
    expect(await log.read(channel, 0, 64)).toEqual(posts)
    expect(await postNext(bob, channel)).toBe(4)
  })

  it('lose together to another author who was first, and are taken signed anew', async () => {
    const ofAlice = await sealedRun(alice, emptyChannelState(channel), 5)
    const [ofBob] = (await sealedRun(bob, emptyChannelState(channel), 1)).posts
    let release = (): void => undefined
    log.held = new Promise((resolve) => { release = resolve })
    // Both nodes read the same head: the log decides.
    const asked = [offerAll(bob, ofBob === undefined ? [] : [ofBob]), offerAll(alice, ofAlice.posts)] as const
    await settle()
    log.held = undefined
    release()
    expect(await answered(bob, asked[0])).toEqual([1])
    expect(await answered(alice, asked[1])).toEqual(SPAN(1, 5).map(() => 'conflict.channel_head'))
    const again = await sealedRun(alice, await log.head(channel), 5)
    expect(await answered(alice, offerAll(alice, again.posts))).toEqual(SPAN(2, 6))
  })

  it('are all without an answer of success when the store fails, and are taken when they come again', async () => {
    const { posts } = await sealedRun(alice, emptyChannelState(channel), 4)
    log.failure = new EvegramError('unavailable.store')
    expect(await answered(alice, offerAll(alice, posts))).toEqual(posts.map(() => 'unavailable.store'))
    log.failure = undefined
    expect(await answered(alice, offerAll(alice, posts))).toEqual(SPAN(1, 4))
    expect(await log.read(channel, 0, 64)).toEqual(posts)
  })

  it('are answered again when some of them are stored already, and each is stored once', async () => {
    const { posts } = await sealedRun(alice, emptyChannelState(channel), 6)
    expect(await answered(alice, offerAll(alice, posts.slice(0, 3)))).toEqual([1, 2, 3])
    // The answer to a post that was stored before names the newest one that was stored then.
    expect(await answered(alice, offerAll(alice, posts))).toEqual([3, 3, 3, 4, 5, 6])
    expect(await log.read(channel, 0, 64)).toEqual(posts)
  })

  it('of two channels do not wait for each other', async () => {
    const other = await foundChannel()
    let release = (): void => undefined
    log.held = new Promise((resolve) => { release = resolve })
    const slow = offerAll(alice, (await sealedRun(alice, emptyChannelState(channel), 2)).posts)
    await settle()
    log.held = undefined
    expect(await answered(alice, offerAll(alice, (await sealedRun(alice, emptyChannelState(other), 2)).posts))).toEqual([1, 2])
    expect(answersTo(alice, slow)).toEqual(['silence', 'silence'])
    release()
    expect(await answered(alice, slow)).toEqual([1, 2])
  })
})
