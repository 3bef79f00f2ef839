import { draftChannelPost, emptyHead, parseAccountId, parseConversationId, parseDeviceId, sealChannelPost, type ChannelPage } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readStamp, writeStamp } from '../measure/stamp.js'
import { FollowedPosts } from './followed-posts.js'

const CHANNEL = parseConversationId('c'.repeat(32))
const PAYLOAD_BYTES = 64

/** The post with this number; its stamp names another, as when some before it were refused. */
function post(seq: number, number = seq): Uint8Array {
  const body = new Uint8Array(PAYLOAD_BYTES)
  writeStamp(body, { stream: 3, number, plannedUs: 1 })
  const actor = { account: parseAccountId('a'.repeat(32)), device: parseDeviceId('d'.repeat(32)), log: { seq: 1, head: emptyHead() } }
  return sealChannelPost(draftChannelPost({ channel: CHANNEL, seq: seq - 1, head: emptyHead() }, { author: actor, members: { seq: 1, head: emptyHead() }, atMs: 1, body }), new Uint8Array(64))
}

/** A follower of a channel that has `stored` posts; a read is answered when it is told to. */
function setup(stored: number, pageOf = 64) {
  const delivered: number[] = []
  const reads: number[] = []
  const answers: (() => void)[] = []
  const posts = new FollowedPosts({
    payloadBytes: PAYLOAD_BYTES, delivered: (body) => { delivered.push(readStamp(body)?.number ?? -1) },
    read: async (channel, after): Promise<ChannelPage> => {
      reads.push(after)
      await new Promise<void>((resolve) => { answers.push(resolve) })
      const count = Math.max(0, Math.min(stored, after + pageOf) - after)
      return { channel, seq: stored, head: emptyHead(), posts: Array.from({ length: count }, (_, index) => post(after + 1 + index)) }
    },
  })
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
      for (const answer of answers.splice(0)) answer()
      await vi.advanceTimersByTimeAsync(0)
    }
  }
  return { posts, delivered, reads, settle, push: (...numbers: readonly number[]) => { for (const number of numbers) posts.pushed(post(number)) } }
}
const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('the posts of a followed channel', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })

  it('are those that are pushed, as they come, without a read while none lacks', async () => {
    const { posts, push, delivered, reads, settle } = setup(0)
    posts.follow(CHANNEL, 4)
    push(5, 6, 7)
    // The numbers of the sender may pass one over, those of the channel do not.
    posts.pushed(post(8, 20))
    posts.pushed(post(9, 21))
    await settle()
    expect([delivered, reads]).toEqual([[5, 6, 7, 20, 21], []])
  })

  it('that were left out are read, and stand before those that were pushed behind them', async () => {
    const { posts, push, delivered, reads, settle } = setup(200, 10)
    posts.follow(CHANNEL, 0)
    push(1, 2, 40, 41)
    expect(delivered).toEqual([1, 2])
    await settle()
    push(42, 43)
    await settle()
    expect(delivered).toEqual(span(1, 43))
    expect(reads[0]).toBe(2)
  })

  it('that were read are not there twice when their push comes after all', async () => {
    const { posts, push, delivered, settle } = setup(6)
    posts.follow(CHANNEL, 0)
    push(1, 5)
    await settle()
    push(2, 3, 4, 6, 7, 8)
    await settle()
    expect(delivered).toEqual(span(1, 8))
    // A push that comes once more is one too many, and is told as it came.
    push(8)
    expect(delivered).toEqual([...span(1, 8), 8])
  })

  it('at the end are read once the head was told and they did not come', async () => {
    const { posts, push, delivered, reads, settle } = setup(5)
    posts.follow(CHANNEL, 0)
    push(1, 2)
    posts.told(CHANNEL, 3)
    push(3)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(reads).toEqual([])
    posts.told(CHANNEL, 5)
    await vi.advanceTimersByTimeAsync(2_000)
    await settle()
    expect([delivered, reads]).toEqual([span(1, 5), [3]])
  })

  it('that the server does not have are given up, and the others go on', async () => {
    const { posts, push, delivered, reads, settle } = setup(2)
    posts.follow(CHANNEL, 0)
    push(1, 4, 5)
    await settle()
    push(6)
    expect(delivered).toEqual([1, 2, 4, 5, 6])
    expect(reads.length).toBeLessThan(6)
  })
})
